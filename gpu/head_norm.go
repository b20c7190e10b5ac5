package gpu

import "math"

// HeadNorm records the normalisation of every head of queries and of keys, in place.
//
//	q  rows of queries; keys (nKVHeads, head_dim) follow them, and what is left alone
//	w  (2, head_dim): of queries, of keys
//
// CPU twin: [ref.HeadNorm].
func (p *Pass) HeadNorm(q Queries, w *Buffer, nKVHeads, headDim int, eps float32) {
	p.wantQueries("head_norm", q)
	p.want("head_norm", "w", w, 2*headDim, "2*head_dim")
	p.dispatch(kernelID{name: "head_norm"}, [3]int{q.Heads + nKVHeads, q.N, 1},
		[]uint32{uint32(q.First), uint32(q.Stride), uint32(q.Heads), uint32(headDim), math.Float32bits(eps)}, // struct Params in head_norm.wgsl
		q.Buf, w)
}
