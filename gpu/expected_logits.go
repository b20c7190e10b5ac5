package gpu

import "math"

// ExpectedLogits records the logarithm of what exp(score) of each slot is on
// average, for normally distributed queries of each query head, and the length
// of each value, for the heads[h].len + nAfter slots of each KV head.
//
//	mean    (nHeads, head_dim)            of the queries, rotated like the keys
//	cov     (nHeads, head_dim, head_dim)  likewise; symmetric
//	logits  (nHeads, stride)              overwritten up to each head's length, the rest left alone
//	norms   (n_kv_heads, stride)          likewise
//
// stride is at least the length of the longest head. CPU twin: [ref.ExpectedLogits].
func (p *Pass) ExpectedLogits(c *Cache, mean, cov, logits, norms *Buffer, nHeads, stride, nAfter int, scale float32) {
	p.want("expected_logits", "mean", mean, nHeads*c.HeadDim, "n_heads*head_dim")
	p.want("expected_logits", "cov", cov, nHeads*c.HeadDim*c.HeadDim, "n_heads*head_dim*head_dim")
	p.want("expected_logits", "logits", logits, nHeads*stride, "n_heads*stride")
	p.want("expected_logits", "norms", norms, c.NKVHeads*stride, "n_kv_heads*stride")
	p.spend(2 * nHeads * stride * c.HeadDim * c.HeadDim)
	p.dispatch(c.kernel("expected_logits", true, false), [3]int{divUp(c.NKVHeads*stride, 32), 1, 1}, []uint32{ // struct Params in expected_logits.wgsl
		uint32(c.NKVHeads), uint32(nHeads / c.NKVHeads), uint32(stride), uint32(nAfter), math.Float32bits(scale),
	}, c.K, c.V, c.Slots, c.Heads, mean, cov, logits, norms)
}
