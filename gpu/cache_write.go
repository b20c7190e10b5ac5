package gpu

// CacheWrite records, for n tokens, the rotation of their queries and keys by
// their positions, in place, and the appending of keys and values to every head
// of the cache, whose Appended counts them already.
//
//	qkv        (n, row): queries (nHeads, head_dim), keys (n_kv_heads, head_dim), values (n_kv_heads, head_dim)
//	positions  (at least first+n) u32, those of the tokens from first on; the table must reach the largest
//	table      (positions, head_dim/2, 2)  see [layout.RoPETable]
//
// The caller makes sure that every head has room. CPU twin: [ref.CacheWrite] after [ref.RoPE].
func (p *Pass) CacheWrite(c *Cache, qkv, positions, table *Buffer, first, n, nHeads int) {
	row := (nHeads + 2*c.NKVHeads) * c.HeadDim
	p.want("cache_write", "qkv", qkv, n*row, "n*row")
	p.want("cache_write", "positions", positions, first+n, "first+n")
	span := 1 // SPAN4 in the cache writers
	if c.Type.Quantised() {
		span = 16
	}
	p.dispatch(c.kernel("cache_write", false, true),
		[3]int{divUp((nHeads+c.NKVHeads)*divUp(c.HeadDim/4, span), 32), n, 1},
		[]uint32{uint32(row), uint32(nHeads), uint32(c.NKVHeads), uint32(c.Appended - n), uint32(first)}, // struct Params in cache_write.wgsl
		qkv, c.Heads, c.K, c.V, positions, c.Slots, table)
}
