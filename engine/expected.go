package engine

import (
	"keyfold/compress"
	"keyfold/cpu"
	"keyfold/engine/checkpoint"
	"keyfold/gpu"
	"keyfold/layout"
)

// turnAhead returns the mean of the rotations of the positions next ..
// next+horizon-1: (head_dim) pairs of cos and sin.
func turnAhead(cfg checkpoint.Config, next, horizon int) []float64 {
	turn := make([]float64, cfg.HeadDim)
	for i, x := range layout.RoPETable(next, next+horizon, cfg.HeadDim, cfg.RopeBase) {
		turn[i%cfg.HeadDim] += float64(x) / float64(horizon)
	}
	return turn
}

// queriesAhead turns what a prefill collected about the queries of one layer
// into the mean and the covariance that they will have after RoPE: R mean and
// R cov Rᵀ, with R the rotation of [turnAhead].
//
//	means  (2, row of qkv): mean, M2   before RoPE
//	covs   (n_heads, head_dim, head_dim) co-moments of count rows   before RoPE
//	mean   (n_heads, head_dim)   cov (n_heads, head_dim, head_dim)
func queriesAhead(cfg checkpoint.Config, means, covs []float32, count int, turn []float64) (mean, cov []float32) {
	hd := cfg.HeadDim
	rotate := func(x []float64, at, step int) { // the elements at, at+step, ...
		for i := 0; i < hd; i += 2 {
			a, b := &x[at+i*step], &x[at+(i+1)*step]
			*a, *b = *a*turn[i]-*b*turn[i+1], *a*turn[i+1]+*b*turn[i]
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

func (r *cpuRunner) expected(c *Cache, t *trace, o compress.ExpectedOptions) (logits [][][]float32, norms [][]float32, err error) {
	cfg, turn := r.cfg, turnAhead(r.cfg, c.at, o.Horizon)
	for l := range c.layers {
		lens, slots := c.headLens(l)
		mean, cov := queriesAhead(cfg, t.cpu.means[l], t.cpu.covs[l], t.end-o.NSkip, turn)
		z, length := make([]float32, cfg.NHeads*slots), make([]float32, cfg.NKVHeads*slots)
		cpu.ExpectedLogits(c.onCPU(l, 0), layout.QueryMoments{Mean: mean, Cov: cov, Heads: cfg.NHeads, Scale: attentionScale(cfg)}, z, length, slots)
		logits = append(logits, splitGroups(z, slots, lens, cfg.GroupSize())...)
		norms = append(norms, splitHeads(length, slots, lens)...)
	}
	return logits, norms, nil
}

func (r *gpuRunner) expected(c *Cache, t *trace, o compress.ExpectedOptions) (logits [][][]float32, norms [][]float32, err error) {
	cfg := r.cfg

	// 1. The statistics of all layers come back.
	p := r.d.Begin()
	var means, covs []*gpu.Read
	for l := range c.layers {
		means = append(means, p.Read(t.gpu.means[l], 0, 4*cfg.QDim()))
		covs = append(covs, p.Read(t.gpu.covs[l], 0, t.gpu.covs[l].Size()))
	}
	if err := p.Submit(); err != nil {
		return nil, nil, err
	}

	// 2. Rotated, they go to the device again, for the logits of all layers.
	p = r.d.Begin()
	turn := turnAhead(cfg, c.at, o.Horizon)
	var zs, lengths []*gpu.Read
	for l := range c.layers {
		_, slots := c.headLens(l)
		mean, cov := queriesAhead(cfg, means[l].Floats(), covs[l].Floats(), t.end-o.NSkip, turn)
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
		m, s := buffer(len(mean), mean), buffer(len(cov), cov)
		z, length := buffer(cfg.NHeads*slots, nil), buffer(cfg.NKVHeads*slots, nil)
		for _, b := range []*gpu.Buffer{m, s, z, length} {
			defer b.Destroy()
		}
		p.ExpectedLogits(c.onGPU(l, 0), gpu.QueryMoments{Mean: m, Cov: s, Heads: cfg.NHeads, Scale: attentionScale(cfg)}, z, length, slots)
		zs, lengths = append(zs, p.Read(z, 0, z.Size())), append(lengths, p.Read(length, 0, length.Size()))
	}
	if err := p.Submit(); err != nil {
		return nil, nil, err
	}
	for l := range c.layers {
		lens, slots := c.headLens(l)
		logits = append(logits, splitGroups(zs[l].Floats(), slots, lens, cfg.GroupSize())...)
		norms = append(norms, splitHeads(lengths[l].Floats(), slots, lens)...)
	}
	return logits, norms, nil
}

// splitGroups deals (n_heads, stride) values of one layer out to its KV heads:
// (n_kv_heads)(group)(slots).
func splitGroups(values []float32, stride int, lens []int, group int) [][][]float32 {
	var out [][][]float32
	for h, n := range lens {
		var heads [][]float32
		for a := h * group; a < (h+1)*group; a++ {
			heads = append(heads, values[a*stride:a*stride+n])
		}
		out = append(out, heads)
	}
	return out
}
