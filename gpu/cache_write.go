package gpu

// CacheWrite records the appending of n tokens' keys and values to every head
// of the cache, behind the nBefore tokens appended since its Heads were written.
//
//	qkv        (n, stride): queries (qDim), keys (n_kv_heads, head_dim), values (n_kv_heads, head_dim)
//	positions  (n) u32
//
// The caller makes sure that every head has room. CPU twin: [ref.CacheWrite].
func (p *Pass) CacheWrite(qkv *Buffer, c *Cache, positions *Buffer, n, stride, qDim, nBefore int) {
	p.want("cache_write", "qkv", qkv, n*stride, "n*stride")
	p.want("cache_write", "positions", positions, n, "n")
	span := 1 // SPAN4 in the cache writers
	if c.Type.Quantised() {
		span = 16
	}
	p.dispatch(c.kernel("cache_write", false, true), [3]int{divUp(c.NKVHeads*divUp(c.HeadDim/4, span), 32), n, 1},
		[]uint32{uint32(stride), uint32(qDim), uint32(c.NKVHeads), uint32(nBefore)}, // struct Params in cache_write.wgsl
		qkv, c.Heads, c.K, c.V, positions, c.Slots)
}
