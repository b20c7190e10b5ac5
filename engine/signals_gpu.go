package engine

import (
	"keyfold/compress"
	"keyfold/gpu"
	"keyfold/layout"
)

// gpuTrace is what a prefill collects, per layer.
type gpuTrace struct {
	mass  []*gpu.Buffer // (n_kv_heads, slots)
	stats []*gpu.Buffer // (2, dim): mean, M2 of the attention input
	qLast []*gpu.Buffer // (n_heads, head_dim) queries of the text's last token
	last  []*gpu.Buffer // (needs.LastQueries, row of qkv) the last tokens after RoPE
	means []*gpu.Buffer // (2, row of qkv): mean, M2 before RoPE
	covs  []*gpu.Buffer // (n_heads, head_dim, head_dim) co-moments of the queries before RoPE
}

func (r *gpuRunner) newTrace(needs compress.Needs, slots int) (*trace, error) {
	t := &trace{needs: needs, slots: slots, end: slots}
	var err error
	add := func(to *[]*gpu.Buffer, label string, n int) {
		if err != nil {
			return
		}
		var b *gpu.Buffer
		if b, err = r.d.NewBuffer(label, 4*n); err == nil {
			*to = append(*to, b)
		}
	}
	for range r.cfg.NLayers {
		if needs.Mass {
			add(&t.gpu.mass, "mass", r.cfg.NKVHeads*slots)
		}
		if needs.Votes != nil {
			add(&t.gpu.stats, "gvote statistics", 2*r.cfg.Dim)
			add(&t.gpu.qLast, "last queries", r.cfg.QDim())
		}
		row := r.cfg.QDim() + 2*r.cfg.KVDim()
		if needs.LastQueries > 0 {
			add(&t.gpu.last, "queries of the window", needs.LastQueries*row)
		}
		if needs.Expected != nil {
			add(&t.gpu.means, "query statistics", 2*row)
			add(&t.gpu.covs, "query co-moments", r.cfg.NHeads*r.cfg.HeadDim*r.cfg.HeadDim)
		}
	}
	if err != nil {
		r.freeTrace(t)
		return nil, err
	}
	return t, nil
}

func (r *gpuRunner) freeTrace(t *trace) {
	for _, buffers := range [][]*gpu.Buffer{t.gpu.mass, t.gpu.stats, t.gpu.qLast, t.gpu.last, t.gpu.means, t.gpu.covs} {
		for _, b := range buffers {
			b.Destroy()
		}
	}
	t.gpu = gpuTrace{}
}

// traceInput collects the statistics of layer l's attention input.
func (r *gpuRunner) traceInput(p *gpu.Pass, t *trace, l, n, first int) {
	if t.wantsInput() {
		p.GVoteStats(r.s.xb, t.gpu.stats[l], n, r.cfg.Dim, t.counted(first), max(0, t.needs.Votes.NSkip-first))
	}
}

// traceQueries collects the statistics of layer l's queries before RoPE.
func (r *gpuRunner) traceQueries(p *gpu.Pass, t *trace, l, n, first int) {
	if t == nil || t.needs.Expected == nil {
		return
	}
	row := r.cfg.QDim() + 2*r.cfg.KVDim()
	before, skip := max(0, first-t.needs.Expected.NSkip), max(0, t.needs.Expected.NSkip-first)
	p.GVoteStats(r.s.qkv, t.gpu.means[l], n, row, before, skip)
	p.QueryCov(r.queries(r.s.qkv, n), t.gpu.means[l], t.gpu.covs[l], r.cfg.HeadDim, before, skip)
}

// traceAttention collects the attention that layer l's slots receive, and the
// queries of the last tokens.
func (r *gpuRunner) traceAttention(p *gpu.Pass, t *trace, l int, c *gpu.Cache, q gpu.Queries, first int) {
	if t == nil {
		return
	}
	if t.needs.Mass && t.most {
		p.AttnMax(c, q, r.s.lse, t.gpu.mass[l], t.slots)
	} else if t.needs.Mass {
		p.AttnMass(c, q, r.s.lse, t.gpu.mass[l], t.massFrom(first), t.slots)
	}
	if from, to := t.lastOf(first, q.N); from < to {
		p.Copy(t.gpu.last[l], 4*(first+from-t.end+t.lastQueries())*q.Stride, q.Buf, 4*from*q.Stride, 4*(to-from)*q.Stride)
	}
	if t.needs.Votes != nil && first+q.N == t.end {
		p.Copy(t.gpu.qLast[l], 0, q.Buf, 4*(q.N-1)*q.Stride, 4*r.cfg.QDim())
	}
}

func (r *gpuRunner) readMass(t *trace) ([][]float32, error) {
	p := r.d.Begin()
	var reads []*gpu.Read
	for _, b := range t.gpu.mass {
		reads = append(reads, p.Read(b, 0, b.Size()))
	}
	if err := p.Submit(); err != nil {
		return nil, err
	}
	var mass [][]float32
	for _, read := range reads {
		values := read.Floats()
		for h := range r.cfg.NKVHeads {
			mass = append(mass, values[h*t.slots:(h+1)*t.slots])
		}
	}
	return mass, nil
}

func (r *gpuRunner) cosine(c *Cache) ([][]float32, error) {
	return r.perSlot(c, func(p *gpu.Pass, l int, out *gpu.Buffer, stride int) *gpu.Buffer {
		p.KeySimilarity(c.onGPU(l, 0), out, stride)
		return nil
	})
}

func (r *gpuRunner) distance(c *Cache, pivots [][]int, aligned bool) ([][]float32, error) {
	return r.perSlot(c, func(p *gpu.Pass, l int, out *gpu.Buffer, stride int) *gpu.Buffer {
		kvHeads := r.cfg.NKVHeads
		words := pivotWords(pivots[l*kvHeads:(l+1)*kvHeads], stride)
		table, err := r.d.NewBuffer("pivots", 4*len(words))
		if err == nil {
			err = table.UploadWords(0, words)
		}
		if err != nil {
			p.Fail(err)
			return table
		}
		p.PivotDistance(c.onGPU(l, 0), table, r.table, out, stride, aligned)
		return table
	})
}

// perSlot records a kernel that computes one float per slot for every layer,
// and reads the results back. The buffer that record returns is freed afterwards.
func (r *gpuRunner) perSlot(c *Cache, record func(p *gpu.Pass, l int, out *gpu.Buffer, stride int) *gpu.Buffer) ([][]float32, error) {
	p := r.d.Begin()
	var reads []*gpu.Read
	for l := range c.layers {
		lens, stride := c.headLens(l)
		out, err := r.d.NewBuffer("per slot", 4*len(lens)*stride)
		if err != nil {
			p.Fail(err)
			break
		}
		defer out.Destroy()
		defer record(p, l, out, stride).Destroy()
		reads = append(reads, p.Read(out, 0, out.Size()))
	}
	if err := p.Submit(); err != nil {
		return nil, err
	}
	var values [][]float32
	for l, read := range reads {
		lens, stride := c.headLens(l)
		values = append(values, splitHeads(read.Floats(), stride, lens)...)
	}
	return values, nil
}

func (r *gpuRunner) ballots(c *Cache, t *trace, o compress.VoteOptions) (*Ballots, error) {
	cfg, b := r.cfg, &Ballots{}
	stride := cfg.QDim() + 2*cfg.KVDim()
	count := t.counted(t.end)
	samples := samplePositions(c.at, o)
	if err := r.growTable(int(samples[o.Samples-1]) + 1); err != nil {
		return nil, err
	}
	longest := c.longest()
	var positions, h, qkv, scores, votes, bStep *gpu.Buffer
	for _, buffer := range []struct {
		to       **gpu.Buffer
		label    string
		elements int
	}{
		{&positions, "sample positions", o.Samples},
		{&h, "sampled hidden states", o.Samples * cfg.Dim},
		{&qkv, "sampled queries", o.Samples * stride},
		{&scores, "ballot scores", o.Samples * cfg.NHeads * longest},
		{&votes, "votes", cfg.NKVHeads * longest},
		{&bStep, "single-step budgets", cfg.NHeads},
	} {
		var err error
		if *buffer.to, err = r.d.NewBuffer(buffer.label, 4*buffer.elements); err != nil {
			return nil, err
		}
		defer (*buffer.to).Destroy()
	}
	if err := positions.UploadWords(0, samples); err != nil {
		return nil, err
	}
	for l := range c.layers {
		lens, slots := c.headLens(l)
		p := r.d.Begin()
		p.GVoteSample(t.gpu.stats[l], h, cfg.Dim, o.Samples, count, o.Seed, uint32(l))
		p.MatMul(r.w.layers[l].qkv, h, qkv, o.Samples)
		p.RoPE(r.table, positions, qkv, o.Samples, stride, cfg.NHeads, cfg.HeadDim)
		lastQuery := gpu.Queries{Buf: t.gpu.qLast[l], N: 1, Stride: cfg.QDim(), Heads: cfg.NHeads, Scale: attentionScale(cfg)}
		p.GVoteVote(c.onGPU(l, 0), lastQuery, r.queries(qkv, o.Samples), scores, votes, bStep,
			layout.Ballot{PNuc: float32(o.PNuc), IncludeC0: o.IncludeC0, Stride: slots})
		voted, budgets := p.Read(votes, 0, 4*cfg.NKVHeads*slots), p.Read(bStep, 0, bStep.Size())
		stats, hidden := p.Read(t.gpu.stats[l], 0, t.gpu.stats[l].Size()), p.Read(h, 0, h.Size())
		queries, last := p.Read(qkv, 0, qkv.Size()), p.Read(t.gpu.qLast[l], 0, t.gpu.qLast[l].Size())
		if err := p.Submit(); err != nil {
			return nil, err
		}
		b.add(cfg, lens, slots, voted.Words(), budgets.Words(), stats.Floats(), count,
			hidden.Floats(), queries.Floats(), last.Floats())
	}
	return b, nil
}
