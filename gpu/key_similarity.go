package gpu

// KeySimilarity records the cosine of each key with the key in the slot before
// it, 0 at the first slot, for all slots of each KV head.
//
//	cosine  (n_kv_heads, stride)  overwritten up to each head's slots, the rest left alone
//
// stride is at least the length of the longest head. CPU twin: [ref.KeySimilarity].
func (p *Pass) KeySimilarity(c *Cache, cosine *Buffer, stride int) {
	p.want("key_similarity", "cosine", cosine, c.NKVHeads*stride, "n_kv_heads*stride")
	p.dispatch(c.kernel("key_similarity", true, false), [3]int{divUp(c.NKVHeads*stride, 64), 1, 1},
		[]uint32{uint32(c.NKVHeads), uint32(stride), uint32(c.Appended)}, // struct Params in key_similarity.wgsl
		c.K, c.V, c.Heads, cosine)
}
