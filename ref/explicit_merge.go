package ref

import "keyfold/layout"

// ExplicitMerge is the CPU twin of gpu/shaders/explicit_merge.wgsl.
//
//	k* = Σ Weight k_Slot over Keys    v* = Σ Weight v_Slot over Values
//
//	k, v        (slots of all heads, head_dim)
//	kOut, vOut  (slots of all heads, head_dim)  written at each row's To
//
// Source: definition.
func ExplicitMerge(k, v, kOut, vOut layout.Rows, rows []layout.ExplicitRow) {
	for _, r := range rows {
		kOut.Put(r.To, weighted(k, r.Keys))
		vOut.Put(r.To, weighted(v, r.Values))
	}
}

func weighted(rows layout.Rows, shares []layout.Share) []float32 {
	row, sum := make([]float32, rows.HeadDim), make([]float64, rows.HeadDim)
	for _, s := range shares {
		rows.Get(row, s.Slot)
		addScaled(sum, float64(s.Weight), row)
	}
	return rounded(sum)
}
