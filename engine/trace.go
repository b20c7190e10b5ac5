package engine

import (
	"keyfold/compress"
	"keyfold/gpu"
	"keyfold/gpu/ref"
)

type gpuTrace struct{}
type cpuTrace struct{}
type tables struct{ moves, merges, members []int }

func tabulate(dst, src *cacheLayer, rows [][]compress.Row) tables      { return tables{} }
func (r *gpuRunner) traceInput(p *gpu.Pass, t *trace, l, n, first int) {}
func (r *gpuRunner) traceAttention(p *gpu.Pass, t *trace, l int, c *gpu.Cache, n, nBefore int, scale float32) {
}
func (r *cpuRunner) traceInput(t *trace, l int, xb []float32, n, first int) {}
func (r *cpuRunner) traceAttention(t *trace, l int, c *cacheLayer, qkv, lse []float32, n, nBefore int, scale float32) {
}
func (r *cpuRunner) newTrace(needs compress.Needs, slots int) (*trace, error) { return &trace{}, nil }
func (r *gpuRunner) newTrace(needs compress.Needs, slots int) (*trace, error) { return &trace{}, nil }
func (r *gpuRunner) freeTrace(t *trace)                                       {}
func (r *cpuRunner) freeTrace(t *trace)                                       {}
func (r *gpuRunner) readMass(t *trace) ([][]float32, error)                   { return nil, nil }
func (r *gpuRunner) cosine(c *Cache) ([][]float32, error)                     { return nil, nil }
func (r *gpuRunner) distance(c *Cache, pivots [][]int) ([][]float32, error)   { return nil, nil }
func (r *gpuRunner) ballots(c *Cache, t *trace, o compress.VoteOptions) (*Ballots, error) {
	return nil, nil
}
func (r *cpuRunner) readMass(t *trace) ([][]float32, error)                 { return nil, nil }
func (r *cpuRunner) cosine(c *Cache) ([][]float32, error)                   { return nil, nil }
func (r *cpuRunner) distance(c *Cache, pivots [][]int) ([][]float32, error) { return nil, nil }
func (r *cpuRunner) ballots(c *Cache, t *trace, o compress.VoteOptions) (*Ballots, error) {
	return nil, nil
}

var _ = ref.F32
