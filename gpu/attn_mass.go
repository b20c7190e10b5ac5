package gpu

import "math"

// AttnMass records the attention that each slot receives from the tokens
// tFirst .. n-1 of a chunk that [Pass.Attention] has just processed, averaged
// over the query heads of a group and added to mass.
//
//	q     (n, qStride), its first nHeads*head_dim columns
//	lse   (n, nHeads)           as Attention left it
//	mass  (n_kv_heads, stride)  += up to each head's heads[h].len + nBefore + n slots
//
// With tFirst >= n there is nobody to count, and nothing is recorded.
// CPU twin: [ref.AttnMass].
func (p *Pass) AttnMass(c *Cache, q, lse, mass *Buffer, n, qStride, nHeads, nBefore int, scale float32, tFirst, stride int) {
	p.want("attn_mass", "q", q, n*qStride, "n*q_stride")
	p.want("attn_mass", "lse", lse, n*nHeads, "n*n_heads")
	p.want("attn_mass", "mass", mass, c.NKVHeads*stride, "n_kv_heads*stride")
	if tFirst >= n {
		return
	}
	p.perSlot("attn_mass", c, q, lse, mass, n, qStride, nHeads, nBefore, scale, tFirst, stride)
}

// perSlot records attn_mass.wgsl or attn_max.wgsl, which take the same, for the
// tokens tFirst .. n-1: at once, or on software adapters for as many at a time
// as their loops have turns for.
func (p *Pass) perSlot(name string, c *Cache, q, lse, out *Buffer, n, qStride, nHeads, nBefore int, scale float32, tFirst, stride int) {
	groupSize, atOnce := nHeads/c.NKVHeads, n
	if p.d.Software {
		atOnce = max(1, softwareTurns/(groupSize*(c.HeadDim/4+2)+3)) // turns, and the last tests of loops
	}
	p.spend(2 * n * nHeads * c.room() * c.HeadDim)
	for ; tFirst < n; tFirst += atOnce {
		p.dispatch(c.kernel(name, true, false), [3]int{divUp(c.NKVHeads*stride, 32), 1, 1}, []uint32{ // struct Params in attn_mass.wgsl and attn_max.wgsl
			uint32(n), uint32(qStride), uint32(nHeads), uint32(groupSize), uint32(nBefore), math.Float32bits(scale),
			uint32(tFirst), uint32(min(tFirst+atOnce, n)), uint32(stride),
		}, c.K, c.V, c.Slots, c.Heads, q, lse, out)
	}
}
