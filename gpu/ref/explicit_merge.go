package ref

// Share is the weight of a slot in a sum. Slots count from the start of their
// buffers.
type Share struct {
	Slot   int
	Weight float32
}

// ExplicitRow says which shares make one row.
type ExplicitRow struct {
	To           int // slot of the new cache
	Keys, Values []Share
}

// ExplicitMerge is the CPU twin of gpu/shaders/explicit_merge.wgsl.
//
//	k* = Σ Weight k_Slot over Keys    v* = Σ Weight v_Slot over Values
//
//	k, v        (slots of all heads, head_dim)
//	kOut, vOut  (slots of all heads, head_dim)  written at each row's To
//
// Source: definition.
func ExplicitMerge(k, v, kOut, vOut Rows, rows []ExplicitRow) {
	for _, r := range rows {
		kOut.Put(r.To, weighted(k, r.Keys))
		vOut.Put(r.To, weighted(v, r.Values))
	}
}

func weighted(rows Rows, shares []Share) []float32 {
	row, sum := make([]float32, rows.HeadDim), make([]float64, rows.HeadDim)
	for _, s := range shares {
		rows.Get(row, s.Slot)
		addScaled(sum, float64(s.Weight), row)
	}
	return rounded(sum)
}
