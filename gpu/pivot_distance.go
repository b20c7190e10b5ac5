package gpu

// PivotDistance records ‖k_pivot − k_i‖ for the heads[h].len + nAfter slots of
// each KV head.
//
//	pivots    (n_kv_heads, stride) u32: the pivot of each slot, counted from the
//	          head's first slot, or [ref.NoPivot], which gives 0
//	distance  (n_kv_heads, stride)  overwritten up to each head's length, the rest left alone
//
// CPU twin: [ref.PivotDistance].
func (p *Pass) PivotDistance(c *Cache, pivots, distance *Buffer, stride, nAfter int) {
	p.want("pivot_distance", "pivots", pivots, c.NKVHeads*stride, "n_kv_heads*stride")
	p.want("pivot_distance", "distance", distance, c.NKVHeads*stride, "n_kv_heads*stride")
	p.dispatch(c.kernel("pivot_distance", true, false), [3]int{divUp(c.NKVHeads*stride, 64), 1, 1},
		[]uint32{uint32(c.NKVHeads), uint32(stride), uint32(nAfter)}, // struct Params in pivot_distance.wgsl
		c.K, c.V, c.Heads, pivots, distance)
}
