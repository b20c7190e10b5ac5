package engine

import (
	"slices"

	"keyfold/cpu"
	"keyfold/engine/checkpoint"
	"keyfold/layout"
)

// cpuActivations are what a forward pass computes on the CPU, for n tokens.
type cpuActivations struct {
	x      []float32 // (n, dim) the residual stream
	xb     []float32 // (n, dim) the same, normalised
	qkv    []float32 // (n, q_dim + 2*kv_dim)
	att    []float32 // (n, q_dim)
	lse    []float32 // (n, n_heads)
	gateUp []float32 // (n, 2*hidden)
	hidden []float32 // (n, hidden)
}

func newCPUActivations(c checkpoint.Config, n int) *cpuActivations {
	return &cpuActivations{
		x:      make([]float32, n*c.Dim),
		xb:     make([]float32, n*c.Dim),
		qkv:    make([]float32, n*c.QKVDim()),
		att:    make([]float32, n*c.QDim()),
		lse:    make([]float32, n*c.NHeads),
		gateUp: make([]float32, n*2*c.HiddenDim),
		hidden: make([]float32, n*c.HiddenDim),
	}
}

// queries returns the queries in n rows of queries, keys and values.
func (r *cpuRunner) queries(qkv []float32, n int) layout.Queries {
	return layout.Queries{Buf: qkv, N: n, Stride: r.cfg.QKVDim(), Heads: r.cfg.NHeads, Scale: attentionScale(r.cfg)}
}

// attendAgainst computes the attention of this token's queries over another cache
// that the token was fed to before, and adds both outputs to the result.
func (r *cpuRunner) attendAgainst(a *cpuActivations, l int, other *Cache, q layout.Queries, res *result) {
	out := make([]float32, len(a.att))
	cpu.Attention(other.onCPU(l, 1), q, out, a.lse)
	res.attention = append(res.attention, a.att...)
	res.attentionAgainst = append(res.attentionAgainst, out...)
}

// tablePiece is the number of positions by which a RoPE table grows ahead of
// those in use.
const tablePiece = 512

// growTable extends the RoPE table to the given number of positions.
func (r *cpuRunner) growTable(positions int) {
	have := len(r.table) / r.cfg.HeadDim
	if have < positions {
		r.table = slices.Concat(r.table, layout.RoPETable(have, positions+tablePiece, frequencies(r.cfg)))
	}
}
