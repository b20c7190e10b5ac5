package gpu

// CacheWrite records, for the q.N tokens of some rows, the rotation of their queries and keys by
// their positions, in place, and the appending of keys and values to every head
// of the cache, whose Appended counts them already.
//
//	q          rows of queries, in which keys (n_kv_heads, head_dim) follow, and as many values
//	positions  (at least first+n) u32, those of the tokens from first on; the table must reach the largest
//	table      (positions, head_dim/2, 2)  see [layout.RoPETable]
//
// The caller makes sure that every head has room. CPU twin: [ref.CacheWrite] after [ref.RoPE].
func (p *Pass) CacheWrite(c *Cache, q Queries, positions, table *Buffer, first int) {
	p.wantQueries("cache_write", q)
	p.want("cache_write", "positions", positions, first+q.N, "first+n")
	span := 1 // SPAN4 in the cache writers
	if c.Type.Quantised() {
		span = 16
	}
	p.dispatch(c.kernel("cache_write", false, true),
		[3]int{divUp((q.Heads+c.NKVHeads)*divUp(c.HeadDim/4, span), 32), q.N, 1}, []uint32{ // struct Params in cache_write.wgsl
			uint32(q.Stride), uint32(q.Heads), uint32(c.NKVHeads), uint32(c.Appended - q.N), uint32(q.First), uint32(first),
		}, q.Buf, c.Heads, c.K, c.V, positions, c.Slots, table)
}
