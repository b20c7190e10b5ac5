package engine

import (
	"math"
	"slices"

	"keyfold/compress"
	"keyfold/cpu"
	"keyfold/engine/checkpoint"
	"keyfold/gpu"
	"keyfold/layout"
)

// votes are GVote's: hidden states are drawn from the statistics of those of the
// text, and their queries vote for slots.
type votes struct {
	quiet
	stats *perLayer // (2, dim): mean, M2 of the attention input
	last  *perLayer // (n_heads, head_dim) queries of the text's last token, after RoPE

	ballots *Ballots // of the last vote; nil: there was none
}

// Ballots are the outcome of GVote's vote and what it was decided from.
type Ballots struct {
	Votes [][]uint32 // (n_layers * n_kv_heads)(slots)
	BStep [][]int    // (n_layers * n_kv_heads)(group)

	Mu, SD         []float32 // (n_layers, dim) statistics of the attention input after its RMSNorm
	Hidden         []float32 // (n_layers, samples, dim) the sampled hidden states
	SampledQueries []float32 // (n_layers, samples, n_heads, head_dim) after RoPE
	LastQueries    []float32 // (n_layers, n_heads, head_dim) of the last prompt position, after RoPE
}

// Ballots returns what the votes that were measured last were counted from; nil
// if nobody voted.
func (p *Prompt) Ballots() *Ballots { return find[*votes](p).ballots }

func (*votes) collects(needs compress.Needs) bool { return needs.Votes != nil }
func (*votes) wantsInput() bool                   { return true }

func (v *votes) start(t *trace) (err error) {
	cfg := t.r.config()
	if v.stats, err = t.allocate("gvote statistics", 2*cfg.Dim); err == nil {
		v.last, err = t.allocate("last query", cfg.QDim())
	}
	return err
}

func (v *votes) inputCPU(at place, xb []float32) {
	before, skip := at.skipping(at.needs().Votes.NSkip)
	cpu.GVoteStats(xb, v.stats.cpu[at.layer], at.n, at.t.r.config().Dim, before, skip)
}

func (v *votes) inputGPU(at place, p *gpu.Pass, xb *gpu.Buffer) {
	before, skip := at.skipping(at.needs().Votes.NSkip)
	p.GVoteStats(xb, v.stats.gpu[at.layer], at.n, at.t.r.config().Dim, before, skip)
}

func (v *votes) attentionCPU(at place, _ layout.Cache, q layout.Queries, _ []float32) {
	if at.first+at.n == at.t.end {
		copy(v.last.cpu[at.layer], q.Buf[(q.N-1)*q.Stride:])
	}
}

func (v *votes) attentionGPU(at place, p *gpu.Pass, _ *gpu.Cache, q gpu.Queries, _ *gpu.Buffer) {
	if last := v.last.gpu[at.layer]; at.first+at.n == at.t.end {
		p.Copy(last, 0, q.Buf, 4*(q.N-1)*q.Stride, last.Size())
	}
}

// voter is what each device does with the statistics of count tokens.
type voter interface {
	vote(c *Cache, v *votes, o compress.VoteOptions, count int) (*Ballots, error)
}

// measure lets the queries vote, unless the text is no longer than what the
// statistics skip, or shorter than MinLen.
func (v *votes) measure(p *Prompt, needs compress.Needs, s *compress.Signals) error {
	v.ballots = nil
	o, r := needs.Votes, p.e.r
	if o == nil || p.trace.counted(o.NSkip) == 0 || p.Cache.textPos < o.MinLen {
		return nil
	}
	count := p.trace.counted(o.NSkip)
	b, err := r.(voter).vote(p.Cache, v, *o, count)
	if err != nil {
		return err
	}
	stats, err := r.readPerLayer(v.stats, 2*p.e.Config.Dim)
	if err != nil {
		return err
	}
	last, err := r.readPerLayer(v.last, p.e.Config.QDim())
	if err != nil {
		return err
	}
	for l := range stats {
		b.Mu = append(b.Mu, stats[l][:p.e.Config.Dim]...)
		for _, m2 := range stats[l][p.e.Config.Dim:] {
			b.SD = append(b.SD, float32(math.Sqrt(float64(m2)/float64(count))))
		}
		b.LastQueries = append(b.LastQueries, last[l]...)
	}
	for i := range s.Heads {
		s.Heads[i].Votes, s.Heads[i].BStep = b.Votes[i], b.BStep[i]
	}
	v.ballots = b
	return nil
}

// samplePositions returns where the sampled queries stand behind a text: from
// position first on, one behind the other, or spread over the next 512.
func samplePositions(first int, o compress.VoteOptions) []uint32 {
	positions := positionsFrom(first, o.Samples)
	if o.Spread {
		const horizon = 512
		for s := range positions {
			positions[s] = uint32(first + s*horizon/o.Samples)
		}
	}
	return positions
}

func (r *cpuRunner) vote(c *Cache, v *votes, o compress.VoteOptions, count int) (*Ballots, error) {
	cfg, b := r.cfg, &Ballots{}
	positions := samplePositions(c.ropePos, o)
	r.growTable(int(positions[o.Samples-1]) + 1)
	h, qkv := make([]float32, o.Samples*cfg.Dim), make([]float32, o.Samples*cfg.QKVDim())
	for l := range c.layers {
		lens, stride := c.headLens(l)
		cpu.GVoteSample(v.stats.cpu[l], h, cfg.Dim, o.Samples, count, o.Seed, uint32(l))
		cpu.MatMul(r.w.layers[l].qkv, h, qkv, o.Samples)
		r.finishQKV(&r.w.layers[l], qkv, o.Samples)
		cpu.RoPE(r.table, positions, qkv, cfg.QKVDim(), cfg.NHeads, cfg.HeadDim)
		votes, bStep := make([]uint32, cfg.NKVHeads*stride), make([]uint32, cfg.NHeads)
		last := layout.Queries{Buf: v.last.cpu[l], N: 1, Stride: cfg.QDim(), Heads: cfg.NHeads, Scale: attentionScale(cfg)}
		cpu.GVoteVote(c.onCPU(l, 0), last, r.queries(qkv, o.Samples), votes, bStep,
			layout.Ballot{PNuc: float32(o.PNuc), IncludeC0: o.IncludeC0, Stride: stride})
		b.add(cfg, splitHeads(votes, stride, lens), bStep, h, qkv)
	}
	return b, nil
}

func (r *gpuRunner) vote(c *Cache, v *votes, o compress.VoteOptions, count int) (*Ballots, error) {
	cfg, b := r.cfg, &Ballots{}
	samples := samplePositions(c.ropePos, o)
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
		{&qkv, "sampled queries", o.Samples * cfg.QKVDim()},
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
		lens, stride := c.headLens(l)
		p := r.d.Begin()
		p.GVoteSample(v.stats.gpu[l], h, cfg.Dim, o.Samples, count, o.Seed, uint32(l))
		p.MatMul(r.w.layers[l].qkv, h, qkv, o.Samples)
		r.finishQKV(p, &r.w.layers[l], qkv, o.Samples)
		p.RoPE(r.table, positions, qkv, o.Samples, cfg.QKVDim(), cfg.NHeads, cfg.HeadDim)
		last := gpu.Queries{Buf: v.last.gpu[l], N: 1, Stride: cfg.QDim(), Heads: cfg.NHeads, Scale: attentionScale(cfg)}
		p.GVoteVote(c.onGPU(l, 0), last, r.queries(qkv, o.Samples), scores, votes, bStep,
			layout.Ballot{PNuc: float32(o.PNuc), IncludeC0: o.IncludeC0, Stride: stride})
		voted, budgets := p.Read(votes, 0, 4*cfg.NKVHeads*stride), p.Read(bStep, 0, bStep.Size())
		hidden, queries := p.Read(h, 0, h.Size()), p.Read(qkv, 0, qkv.Size())
		if err := p.Submit(); err != nil {
			return nil, err
		}
		b.add(cfg, splitHeads(voted.Words(), stride, lens), budgets.Words(), hidden.Floats(), queries.Floats())
	}
	return b, nil
}

// add appends one layer's ballots.
//
//	votes  (n_kv_heads)(slots)   bStep (n_heads)
//	h      (samples, dim)        qkv (samples, row of qkv)
func (b *Ballots) add(cfg checkpoint.Config, votes [][]uint32, bStep []uint32, h, qkv []float32) {
	b.Votes = append(b.Votes, votes...)
	for group := range slices.Chunk(bStep, cfg.GroupSize()) {
		var budgets []int
		for _, n := range group {
			budgets = append(budgets, int(n))
		}
		b.BStep = append(b.BStep, budgets)
	}
	b.Hidden = append(b.Hidden, h...)
	for row := range slices.Chunk(qkv, cfg.QKVDim()) {
		b.SampledQueries = append(b.SampledQueries, row[:cfg.QDim()]...)
	}
}
