package gpu

import "math"

// AttnMass records the attention that each slot receives from the tokens
// tFirst .. n-1 of a chunk that [Pass.Attention] has just processed, averaged
// over the query heads of a group and added to mass.
//
//	q     of the last n tokens in the cache
//	lse   (at least First+n, n_heads)  as Attention left it
//	mass  (n_kv_heads, stride)         added to, up to each head's slots
//
// With tFirst >= n there is nobody to count, and nothing is recorded.
// CPU twin: [ref.AttnMass].
func (p *Pass) AttnMass(c *Cache, q Queries, lse, mass *Buffer, tFirst, stride int) {
	if tFirst < q.N {
		p.perSlot("attn_mass", c, q, lse, mass, tFirst, stride)
	}
}

// perSlot records attn_mass.wgsl or attn_max.wgsl, which take the same, from token
// tFirst on: at once, or on software adapters for as many tokens at a time as
// their loops have turns for.
func (p *Pass) perSlot(name string, c *Cache, q Queries, lse, out *Buffer, tFirst, stride int) {
	p.wantQueries(name, q)
	p.want(name, "lse", lse, (q.First+q.N)*q.Heads, "(first+n)*n_heads")
	p.want(name, "out", out, c.NKVHeads*stride, "n_kv_heads*stride")
	groupSize, atOnce := q.Heads/c.NKVHeads, q.N
	if p.d.Software {
		atOnce = max(1, softwareTurns/(groupSize*(c.HeadDim/4+2)+3)) // turns, and the last tests of loops
	}
	p.spend(2 * q.N * q.Heads * c.room() * c.HeadDim)
	for ; tFirst < q.N; tFirst += atOnce {
		p.dispatch(c.kernel(name, true, false), [3]int{divUp(c.NKVHeads*stride, 32), 1, 1}, []uint32{ // struct Params in attn_mass.wgsl and attn_max.wgsl
			uint32(q.N), uint32(q.Stride), uint32(q.Heads), uint32(groupSize), uint32(c.Appended - q.N), math.Float32bits(q.Scale),
			uint32(q.First), uint32(tFirst), uint32(min(tFirst+atOnce, q.N)), uint32(stride),
		}, c.K, c.V, c.Slots, c.Heads, q.Buf, lse, out)
	}
}
