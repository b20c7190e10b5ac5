package cpu

import (
	"keyfold/layout"
	"keyfold/ref"
)

// Steps that take little of the time are the twins themselves.

// Embed looks rows up: see [ref.Embed]. An embedding is one part.
func Embed(w layout.Stack, tokens []uint32, x []float32) { ref.Embed(w[0], tokens, x) }

// AddBias adds a vector to rows: see [ref.AddBias].
func AddBias(x, bias []float32, rows int) { ref.AddBias(x, bias, rows) }

// HeadNorm normalises heads of queries and keys: see [ref.HeadNorm].
func HeadNorm(q layout.Queries, w []float32, nKVHeads int, eps float32) {
	ref.HeadNorm(q, w, nKVHeads, eps)
}

// Likeliest returns the n likeliest tokens: see [ref.Likeliest].
func Likeliest(logits []float32, n int) []layout.Candidate {
	return ref.Likeliest(logits, n, 0, len(logits))
}

// KeySimilarity compares neighbouring keys: see [ref.KeySimilarity].
func KeySimilarity(c layout.Cache, cosine []float32, stride int) {
	ref.KeySimilarity(c, cosine, stride)
}

// PivotDistance measures keys from their pivots: see [ref.PivotDistance].
func PivotDistance(c layout.Cache, pivots []uint32, distance, table []float32, stride int, aligned bool) {
	ref.PivotDistance(c, pivots, distance, table, stride, aligned)
}

// QueryCov collects the co-moments of queries: see [ref.QueryCov].
func QueryCov(q layout.Queries, mean, cov []float32, headDim, countBefore, skip int) {
	ref.QueryCov(q, mean, cov, headDim, countBefore, skip)
}

// ExpectedLogits says what attention queries to come will pay: see [ref.ExpectedLogits].
func ExpectedLogits(c layout.Cache, q layout.QueryMoments, logits, norms []float32, stride int) {
	ref.ExpectedLogits(c, q, logits, norms, stride)
}

// GVoteSample draws hidden states: see [ref.GVoteSample].
func GVoteSample(state, h []float32, dim, samples, count int, seed, layer uint32) {
	ref.GVoteSample(state, h, dim, samples, count, seed, layer)
}

// KVGather copies rows: see [ref.KVGather].
func KVGather(from, to layout.Cache, moves []layout.Move) { ref.KVGather(from, to, moves) }

// GaussianMerge blends rows: see [ref.GaussianMerge].
func GaussianMerge(from, to layout.Cache, rows []layout.MergeRow, members []uint32, table, weights []float32) {
	ref.GaussianMerge(from, to, rows, members, table, weights)
}

// ExplicitMerge sums rows with given weights: see [ref.ExplicitMerge].
func ExplicitMerge(from, to layout.Cache, rows []layout.ExplicitRow) {
	ref.ExplicitMerge(from, to, rows)
}

// KeyRotate rotates keys to other positions: see [ref.KeyRotate].
func KeyRotate(from, to layout.Cache, by []int32, table []float32) {
	ref.KeyRotate(from, to, by, table)
}
