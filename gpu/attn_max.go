package gpu

import "math"

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
	p.spend(2 * n * nHeads * c.room() * c.HeadDim)
	p.dispatch(c.kernel("attn_max", true, false), [3]int{divUp(c.NKVHeads*stride, 32), 1, 1}, []uint32{ // struct Params in attn_max.wgsl
		uint32(n), uint32(qStride), uint32(nHeads), uint32(nHeads / c.NKVHeads), uint32(nBefore), math.Float32bits(scale), uint32(stride),
	}, c.K, c.V, c.Slots, c.Heads, q, lse, most)
}
