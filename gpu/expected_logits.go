package gpu

import "math"

// ExpectedLogits records the logarithm of what exp(score) of each slot is on
// average, for normally distributed queries of each query head, and the length
// of each value, for all slots of each KV head.
//
//	logits  (n_heads, stride)     overwritten up to each head's slots, the rest left alone
//	norms   (n_kv_heads, stride)  likewise
//
// stride is at least the slots of the longest head. CPU twin: [ref.ExpectedLogits].
func (p *Pass) ExpectedLogits(c *Cache, q QueryMoments, logits, norms *Buffer, stride int) {
	p.want("expected_logits", "mean", q.Mean, q.Heads*c.HeadDim, "n_heads*head_dim")
	p.want("expected_logits", "cov", q.Cov, q.Heads*c.HeadDim*c.HeadDim, "n_heads*head_dim*head_dim")
	p.want("expected_logits", "logits", logits, q.Heads*stride, "n_heads*stride")
	p.want("expected_logits", "norms", norms, c.NKVHeads*stride, "n_kv_heads*stride")
	p.spend(2 * q.Heads * stride * c.HeadDim * c.HeadDim)
	p.dispatch(c.kernel("expected_logits", true, false), [3]int{divUp(c.NKVHeads*stride, 32), 1, 1}, []uint32{ // struct Params in expected_logits.wgsl
		uint32(c.NKVHeads), uint32(q.Heads / c.NKVHeads), uint32(stride), uint32(c.Appended), math.Float32bits(q.Scale),
	}, c.K, c.V, c.Slots, c.Heads, q.Mean, q.Cov, logits, norms)
}
