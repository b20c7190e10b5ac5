package engine

import (
	"keyfold/compress"
	"keyfold/cpu"
	"keyfold/layout"
)

// cpuTrace is what a prefill collects, per layer.
type cpuTrace struct {
	mass  [][]float32 // (n_kv_heads, slots)
	stats [][]float32 // (2, dim): mean, M2 of the attention input
	qLast [][]float32 // (n_heads, head_dim) queries of the text's last token
	last  [][]float32 // (needs.LastQueries, row of qkv) the last tokens after RoPE
	means [][]float32 // (2, row of qkv): mean, M2 before RoPE
	covs  [][]float32 // (n_heads, head_dim, head_dim) co-moments of the queries before RoPE
}

func (r *cpuRunner) newTrace(needs compress.Needs, slots int) (*trace, error) {
	t := &trace{needs: needs, slots: slots, end: slots}
	for range r.cfg.NLayers {
		if needs.Mass {
			t.cpu.mass = append(t.cpu.mass, make([]float32, r.cfg.NKVHeads*slots))
		}
		if needs.Votes != nil {
			t.cpu.stats = append(t.cpu.stats, make([]float32, 2*r.cfg.Dim))
			t.cpu.qLast = append(t.cpu.qLast, make([]float32, r.cfg.QDim()))
		}
		row := r.cfg.QDim() + 2*r.cfg.KVDim()
		if needs.LastQueries > 0 {
			t.cpu.last = append(t.cpu.last, make([]float32, needs.LastQueries*row))
		}
		if needs.Expected != nil {
			t.cpu.means = append(t.cpu.means, make([]float32, 2*row))
			t.cpu.covs = append(t.cpu.covs, make([]float32, r.cfg.NHeads*r.cfg.HeadDim*r.cfg.HeadDim))
		}
	}
	return t, nil
}

func (r *cpuRunner) freeTrace(t *trace) { t.cpu = cpuTrace{} }

// traceInput collects the statistics of layer l's attention input.
func (r *cpuRunner) traceInput(t *trace, l int, xb []float32, n, first int) {
	if t.wantsInput() {
		cpu.GVoteStats(xb, t.cpu.stats[l], n, r.cfg.Dim, t.counted(first), max(0, t.needs.Votes.NSkip-first))
	}
}

// traceQueries collects the statistics of layer l's queries before RoPE.
func (r *cpuRunner) traceQueries(t *trace, l int, qkv []float32, n, first int) {
	if t == nil || t.needs.Expected == nil {
		return
	}
	row := r.cfg.QDim() + 2*r.cfg.KVDim()
	before, skip := max(0, first-t.needs.Expected.NSkip), max(0, t.needs.Expected.NSkip-first)
	cpu.GVoteStats(qkv, t.cpu.means[l], n, row, before, skip)
	cpu.QueryCov(r.queries(qkv, n), t.cpu.means[l], t.cpu.covs[l], r.cfg.HeadDim, before, skip)
}

// traceAttention collects the attention that layer l's slots receive, and the
// queries of the last tokens.
func (r *cpuRunner) traceAttention(t *trace, l int, c layout.Cache, q layout.Queries, lse []float32, first int) {
	if t == nil {
		return
	}
	if t.needs.Mass && t.most {
		cpu.AttnMax(c, q, lse, t.cpu.mass[l], t.slots)
	} else if t.needs.Mass {
		cpu.AttnMass(c, q, lse, t.cpu.mass[l], t.massFrom(first), t.slots)
	}
	if from, to := t.lastOf(first, q.N); from < to {
		copy(t.cpu.last[l][(first+from-t.end+t.lastQueries())*q.Stride:], q.Buf[from*q.Stride:to*q.Stride])
	}
	if t.needs.Votes != nil && first+q.N == t.end {
		copy(t.cpu.qLast[l], q.Buf[(q.N-1)*q.Stride:])
	}
}

func (r *cpuRunner) readMass(t *trace) ([][]float32, error) {
	var mass [][]float32
	for _, layer := range t.cpu.mass {
		for h := range r.cfg.NKVHeads {
			mass = append(mass, layer[h*t.slots:(h+1)*t.slots])
		}
	}
	return mass, nil
}

func (r *cpuRunner) cosine(c *Cache) ([][]float32, error) {
	var out [][]float32
	for l := range c.layers {
		lens, stride := c.headLens(l)
		values := make([]float32, len(lens)*stride)
		cpu.KeySimilarity(c.onCPU(l, 0), values, stride)
		out = append(out, splitHeads(values, stride, lens)...)
	}
	return out, nil
}

func (r *cpuRunner) distance(c *Cache, pivots [][]int, aligned bool) ([][]float32, error) {
	var out [][]float32
	for l := range c.layers {
		lens, stride := c.headLens(l)
		values := make([]float32, len(lens)*stride)
		cpu.PivotDistance(c.onCPU(l, 0), pivotWords(pivots[l*len(lens):(l+1)*len(lens)], stride), values, r.table, stride, aligned)
		out = append(out, splitHeads(values, stride, lens)...)
	}
	return out, nil
}

func (r *cpuRunner) ballots(c *Cache, t *trace, o compress.VoteOptions) (*Ballots, error) {
	cfg, b := r.cfg, &Ballots{}
	stride := cfg.QDim() + 2*cfg.KVDim()
	count := t.counted(t.end)
	positions := samplePositions(c.at, o)
	r.growTable(int(positions[o.Samples-1]) + 1)
	h, qkv := make([]float32, o.Samples*cfg.Dim), make([]float32, o.Samples*stride)
	for l := range c.layers {
		lens, slots := c.headLens(l)
		cpu.GVoteSample(t.cpu.stats[l], h, cfg.Dim, o.Samples, count, o.Seed, uint32(l))
		cpu.MatMul(r.w.layers[l].qkv, h, qkv, o.Samples)
		cpu.RoPE(r.table, positions, qkv, stride, cfg.NHeads, cfg.HeadDim)
		votes, bStep := make([]uint32, cfg.NKVHeads*slots), make([]uint32, cfg.NHeads)
		last := layout.Queries{Buf: t.cpu.qLast[l], N: 1, Stride: cfg.QDim(), Heads: cfg.NHeads, Scale: attentionScale(cfg)}
		cpu.GVoteVote(c.onCPU(l, 0), last, r.queries(qkv, o.Samples), votes, bStep,
			layout.Ballot{PNuc: float32(o.PNuc), IncludeC0: o.IncludeC0, Stride: slots})
		b.add(cfg, lens, slots, votes, bStep, t.cpu.stats[l], count, h, qkv, t.cpu.qLast[l])
	}
	return b, nil
}
