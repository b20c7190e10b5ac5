package gpu

import "math"

// maxDecodeHeadDim is the widest head that attention_decode.wgsl takes.
const maxDecodeHeadDim = 256

// attentionBlock is the number of vec4 columns of a value that a thread of
// attention.wgsl sums at once: wider private arrays take lavapipe's compiler
// seconds, and it gets some wrong.
const attentionBlock = 16

// Attention records the attention of n new tokens over the cache. Token t sees
// heads[h].len + nBefore + t + 1 slots of its KV head.
//
//	q    (n, stride), its first nHeads*head_dim columns
//	out  (n, nHeads*head_dim)  overwritten
//	lse  (n, nHeads)           overwritten: ln Σ_j exp(s_j)
//
// One token on a GPU takes the workgroup-per-head kernel attention_decode.wgsl,
// all else attention.wgsl. CPU twin: [ref.Attention].
func (p *Pass) Attention(c *Cache, q, out, lse *Buffer, n, stride, nHeads, nBefore int, scale float32) {
	p.want("attention", "q", q, n*stride, "n*stride")
	p.want("attention", "out", out, n*nHeads*c.HeadDim, "n*n_heads*head_dim")
	p.want("attention", "lse", lse, n*nHeads, "n*n_heads")
	name, groups := "attention", divUp(n*nHeads, 32)
	if n == 1 && !p.d.Software && c.HeadDim <= maxDecodeHeadDim {
		name, groups = "attention_decode", nHeads
	}
	id, blocks := c.kernel(name, true, false), 1
	if name == "attention" {
		block := min(attentionBlock, c.HeadDim/4)
		for c.HeadDim/4%block != 0 {
			block--
		}
		id.consts[1] = constant{"BLOCK4", block}
		blocks = c.HeadDim / 4 / block
	}
	p.spend(2 * (1 + blocks) * n * nHeads * c.room() * c.HeadDim)
	p.dispatch(id, [3]int{groups, blocks, 1}, []uint32{ // struct Params in attention.wgsl and attention_decode.wgsl
		uint32(n), uint32(stride), uint32(nHeads), uint32(nHeads / c.NKVHeads), uint32(nBefore), math.Float32bits(scale), uint32(c.HeadDim / 4),
	}, c.K, c.V, c.Slots, c.Heads, q, out, lse)
}
