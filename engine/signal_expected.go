package engine

import (
	"keyfold/compress"
	"keyfold/cpu"
	"keyfold/engine/checkpoint"
	"keyfold/gpu"
	"keyfold/layout"
)

// expected is the attention that queries to come will pay on average. Mean and
// covariance of the queries are collected before RoPE and rotated afterwards, to
// the positions behind the text.
type expected struct {
	quiet
	means *perLayer // (2, row of qkv): mean, M2 before RoPE
	covs  *perLayer // (n_heads, head_dim, head_dim) co-moments of the queries before RoPE
}

func (*expected) collects(needs compress.Needs) bool { return needs.Expected != nil }

func (e *expected) start(t *trace) (err error) {
	cfg := t.r.config()
	if e.means, err = t.allocate("query statistics", 2*cfg.QKVDim()); err == nil {
		e.covs, err = t.allocate("query co-moments", cfg.NHeads*cfg.HeadDim*cfg.HeadDim)
	}
	return err
}

func (e *expected) queriesCPU(at place, q layout.Queries) {
	before, skip := at.skipping(at.needs().Expected.NSkip)
	means := e.means.cpu[at.layer]
	cpu.GVoteStats(q.Buf, means, q.N, q.Stride, before, skip)
	cpu.QueryCov(q, means, e.covs.cpu[at.layer], at.t.r.config().HeadDim, before, skip)
}

func (e *expected) queriesGPU(at place, p *gpu.Pass, q gpu.Queries) {
	before, skip := at.skipping(at.needs().Expected.NSkip)
	means := e.means.gpu[at.layer]
	p.GVoteStats(q.Buf, means, q.N, q.Stride, before, skip)
	p.QueryCov(q, means, e.covs.gpu[at.layer], at.t.r.config().HeadDim, before, skip)
}

// expecter is what each device does with the moments of each layer's queries to
// come. It returns for each layer ln of what exp(score) will be on average,
// (n_heads, longest head), and the lengths of the values, (n_kv_heads, longest head).
type expecter interface {
	expect(c *Cache, mean, cov [][]float32) (logits, norms [][]float32, err error)
}

func (e *expected) measure(p *Prompt, needs compress.Needs, s *compress.Signals) error {
	o, cfg, c := needs.Expected, p.e.Config, p.Cache
	if o == nil || p.trace.counted(o.NSkip) == 0 { // then there are no statistics
		return nil
	}
	means, err := p.e.r.readPerLayer(e.means, cfg.QDim())
	if err != nil {
		return err
	}
	covs, err := p.e.r.readPerLayer(e.covs, cfg.NHeads*cfg.HeadDim*cfg.HeadDim)
	if err != nil {
		return err
	}
	rotation := meanRotation(cfg, c.ropePos, o.Horizon)
	var mean, cov [][]float32
	for l := range means {
		m, s := queriesAhead(cfg, means[l], covs[l], p.trace.counted(o.NSkip), rotation)
		mean, cov = append(mean, m), append(cov, s)
	}
	logits, norms, err := p.e.r.(expecter).expect(c, mean, cov)
	if err != nil {
		return err
	}
	for l := range logits {
		lens, stride := c.headLens(l)
		for h, n := range lens {
			head := &s.Heads[l*cfg.NKVHeads+h]
			head.ValueNorm = norms[l][h*stride : h*stride+n]
			for a := h * cfg.GroupSize(); a < (h+1)*cfg.GroupSize(); a++ {
				head.Expected = append(head.Expected, logits[l][a*stride:a*stride+n])
			}
		}
	}
	return nil
}

// meanRotation returns the mean of the rotations of n positions from first on:
// (head_dim) pairs of cos and sin.
func meanRotation(cfg checkpoint.Config, first, n int) []float64 {
	mean := make([]float64, cfg.HeadDim)
	for i, x := range layout.RoPETable(first, first+n, frequencies(cfg)) {
		mean[i%cfg.HeadDim] += float64(x) / float64(n)
	}
	return mean
}

// queriesAhead turns what a prefill collected about the queries of one layer
// into the mean and the covariance that they will have after RoPE: R mean and
// R cov Rᵀ, with R the rotation of [meanRotation].
//
//	means  (n_heads, head_dim)   before RoPE
//	covs   (n_heads, head_dim, head_dim) co-moments of count rows   before RoPE
//	mean   (n_heads, head_dim)   cov (n_heads, head_dim, head_dim)
func queriesAhead(cfg checkpoint.Config, means, covs []float32, count int, rotation []float64) (mean, cov []float32) {
	hd := cfg.HeadDim
	rotate := func(x []float64, at, step int) { // the elements at, at+step, ...
		for i := 0; i < hd; i += 2 {
			a, b := &x[at+i*step], &x[at+(i+1)*step]
			*a, *b = *a*rotation[i]-*b*rotation[i+1], *a*rotation[i+1]+*b*rotation[i]
		}
	}
	m, c := make([]float64, hd), make([]float64, hd*hd)
	for h := range cfg.NHeads {
		for i := range m {
			m[i] = float64(means[h*hd+i])
		}
		rotate(m, 0, 1)
		for _, x := range m {
			mean = append(mean, float32(x))
		}
		for i := range c {
			c[i] = float64(covs[h*hd*hd+i]) / float64(count)
		}
		for i := range hd {
			rotate(c, i, hd) // columns
		}
		for i := range hd {
			rotate(c, i*hd, 1) // rows
		}
		for _, x := range c {
			cov = append(cov, float32(x))
		}
	}
	return mean, cov
}

func (r *cpuRunner) expect(c *Cache, mean, cov [][]float32) (logits, norms [][]float32, err error) {
	cfg := r.cfg
	for l := range c.layers {
		_, stride := c.headLens(l)
		z, length := make([]float32, cfg.NHeads*stride), make([]float32, cfg.NKVHeads*stride)
		moments := layout.QueryMoments{Mean: mean[l], Cov: cov[l], Heads: cfg.NHeads, Scale: attentionScale(cfg)}
		cpu.ExpectedLogits(c.onCPU(l, 0), moments, z, length, stride)
		logits, norms = append(logits, z), append(norms, length)
	}
	return logits, norms, nil
}

func (r *gpuRunner) expect(c *Cache, mean, cov [][]float32) (logits, norms [][]float32, err error) {
	cfg, p := r.cfg, r.d.Begin()
	buffer := func(n int, v []float32) *gpu.Buffer {
		b, err := r.d.NewBuffer("expected attention", 4*n)
		if err == nil {
			err = b.UploadFloats(0, v)
		}
		if err != nil {
			p.Fail(err)
		}
		return b
	}
	var zs, lengths []*gpu.Read
	for l := range c.layers {
		_, stride := c.headLens(l)
		m, s := buffer(len(mean[l]), mean[l]), buffer(len(cov[l]), cov[l])
		z, length := buffer(cfg.NHeads*stride, nil), buffer(cfg.NKVHeads*stride, nil)
		for _, b := range []*gpu.Buffer{m, s, z, length} {
			defer b.Destroy()
		}
		moments := gpu.QueryMoments{Mean: m, Cov: s, Heads: cfg.NHeads, Scale: attentionScale(cfg)}
		p.ExpectedLogits(c.onGPU(l, 0), moments, z, length, stride)
		zs, lengths = append(zs, p.Read(z, 0, z.Size())), append(lengths, p.Read(length, 0, length.Size()))
	}
	if err := p.Submit(); err != nil {
		return nil, nil, err
	}
	for l := range zs {
		logits, norms = append(logits, zs[l].Floats()), append(norms, lengths[l].Floats())
	}
	return logits, norms, nil
}
