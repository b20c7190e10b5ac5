package gpu

// PivotDistance records ‖k_pivot − k_i‖ for all slots of each KV head; with aligned, k_i is rotated to its pivot's position first.
//
//	pivots    (n_kv_heads, stride) u32: the pivot of each slot, counted from the
//	          head's first slot, or [layout.NoPivot], which gives 0
//	table     (positions, head_dim/2, 2); see [layout.RoPETable]
//	distance  (n_kv_heads, stride)  overwritten up to each head's slots, the rest left alone
//
// CPU twin: [ref.PivotDistance].
func (p *Pass) PivotDistance(c *Cache, pivots, table, distance *Buffer, stride int, aligned bool) {
	p.want("pivot_distance", "pivots", pivots, c.NKVHeads*stride, "n_kv_heads*stride")
	p.want("pivot_distance", "distance", distance, c.NKVHeads*stride, "n_kv_heads*stride")
	p.dispatch(c.kernel("pivot_distance", true, false), [3]int{divUp(c.NKVHeads*stride, 64), 1, 1},
		[]uint32{uint32(c.NKVHeads), uint32(stride), uint32(c.Appended), boolWord(aligned)}, // struct Params in pivot_distance.wgsl
		c.K, c.V, c.Heads, pivots, distance, c.Slots, table)
}
