package ref

import (
	"math"

	"keyfold/layout"
)

// HeadNorm is the CPU twin of gpu/shaders/head_norm.wgsl. It normalises every
// head of queries and of keys by itself, in place: [RMSNorm] of one row.
//
//	x[i] = x[i] * w[i] / sqrt(mean_j(x[j]²) + eps)
//
//	q  rows of queries; keys (nKVHeads, head_dim) follow them, and what is left alone
//	w  (2, head_dim): of queries, of keys
//
// Source: Qwen Team 2025, Qwen3 Technical Report, arXiv:2505.09388, section 2 (QK-Norm).
func HeadNorm(q layout.Queries, w []float32, nKVHeads int, eps float32) {
	headDim := len(w) / 2
	for r := range q.N {
		for h := range q.Heads + nKVHeads {
			x, gains := q.Buf[r*q.Stride+h*headDim:][:headDim], w[:headDim]
			if h >= q.Heads {
				gains = w[headDim:]
			}
			invRMS := 1 / math.Sqrt(layout.Dot(x, x)/float64(headDim)+float64(eps))
			for i, v := range x {
				x[i] = float32(float64(v) * invRMS * float64(gains[i]))
			}
		}
	}
}
