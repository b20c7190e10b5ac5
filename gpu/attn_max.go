package gpu

// AttnMax records the most attention that one of the tokens of a chunk that
// [Pass.Attention] has just processed, or of those before, pays to each slot.
//
//	q     (n, qStride), its first nHeads*head_dim columns
//	lse   (n, nHeads)           as Attention left it
//	most  (n_kv_heads, stride)  raised, up to each head's heads[h].len + nBefore + n slots
//
// CPU twin: [ref.AttnMax].
func (p *Pass) AttnMax(c *Cache, q, lse, most *Buffer, n, qStride, nHeads, nBefore int, scale float32, stride int) {
	p.want("attn_max", "q", q, n*qStride, "n*q_stride")
	p.want("attn_max", "lse", lse, n*nHeads, "n*n_heads")
	p.want("attn_max", "most", most, c.NKVHeads*stride, "n_kv_heads*stride")
	p.perSlot("attn_max", c, q, lse, most, n, qStride, nHeads, nBefore, scale, 0, stride)
}
