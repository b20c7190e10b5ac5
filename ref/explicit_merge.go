package ref

import "keyfold/layout"

// ExplicitMerge is the CPU twin of gpu/shaders/explicit_merge.wgsl.
//
//	k* = Σ Weight k_Slot over Keys    v* = Σ Weight v_Slot over Values
//
//	to  K and V are written at each row's To
//
// Source: definition.
func ExplicitMerge(from, to layout.Cache, rows []layout.ExplicitRow) {
	for _, r := range rows {
		to.K.Put(r.To, weighted(from.K, r.Keys))
		to.V.Put(r.To, weighted(from.V, r.Values))
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
