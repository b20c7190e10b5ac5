package engine

import "keyfold/gpu"

// forward feeds the tokens of s through the model in one submit, and with s.ahead
// those that are chosen after them. forward_cpu.go has the same functions with the
// same numbered steps; read the two side by side.
func (r *gpuRunner) forward(c *Cache, s *step) (*result, error) {
	n := len(s.tokens)
	if err := r.prepare(c, s); err != nil {
		return nil, err
	}
	a, p, back := &r.a, r.d.Begin(), &readings{}

	// 1. Look up the embeddings.
	p.Embed(r.w.embed, a.tokens, a.x, 0, n)
	r.layers(p, c, s, 0, n)

	// 12. Logits of the rows that are wanted, as many at a time as the buffer holds.
	for from, end := wantedRows(s, n); from < end; from += a.logitRows {
		m := min(a.logitRows, end-from)
		r.logits(p, from, m)
		if s.logits != noRows {
			back.logits = append(back.logits, p.Read(a.logits, 0, 4*m*r.cfg.VocabSize))
		}
		if from+m < end {
			if err := p.Submit(); err != nil {
				return nil, err
			}
			p = r.d.Begin()
		}
	}

	// 13. Choose the next token, feed it, choose the one after it ...
	if s.choose != nil {
		p.Choose(a.logits, a.chosen, r.cfg.VocabSize, 0, 0, *s.choose, uint32(c.textPos+n))
		for i := range s.ahead {
			p.Embed(r.w.embed, a.chosen, a.x, i*gpu.ChosenWords, 1)
			r.layers(p, c, s, 1+i, 1)
			r.logits(p, 0, 1)
			p.Choose(a.logits, a.chosen, r.cfg.VocabSize, 0, 1+i, *s.choose, uint32(c.textPos+n+1+i))
		}
		back.chosen = p.Read(a.chosen, 0, 4*gpu.ChosenWords*(1+s.ahead))
	}
	if s.against != nil {
		back.attention = p.Read(r.compare, 0, r.compare.Size())
	}
	if err := p.Submit(); err != nil {
		return nil, err
	}
	r.dispatches = p.Dispatches()
	return back.result(), nil
}

// layers records steps 2 to 11 for n tokens in a.x, fed behind the cache's and
// `before` further ones of this pass. One token takes fewer kernels, unless a
// signal wants to see what is between them.
func (r *gpuRunner) layers(p *gpu.Pass, c *Cache, s *step, before, n int) {
	a, cfg, eps, next := &r.a, r.cfg, float32(r.cfg.NormEps), c.textPos+before
	for l, w := range r.w.layers {
		cache, q := c.onGPU(l, before+n), r.queries(a.qkv, n)

		// 2, 3. Normalise the residual and project it to queries, keys and values, with their
		// biases and the norms of their heads.
		if n == 1 && !s.trace.wantsInput() {
			p.NormMatVec(w.qkv, a.x, w.attnNorm, a.qkv, 0, eps)
		} else {
			p.RMSNorm(a.x, w.attnNorm, a.xb, n, cfg.Dim, 0, eps)
			s.trace.inputGPU(p, l, next, n, a.xb)
			p.MatMul(w.qkv, a.xb, a.qkv, n)
		}
		r.finishQKV(p, &w, a.qkv, n)
		s.trace.queriesGPU(p, l, next, q)

		// 4, 5. Rotate queries and keys by position, not by slot: after compression the two differ.
		// Append keys and values to the cache.
		p.CacheWrite(cache, a.qkv, a.positions, r.table, before, n, cfg.NHeads)

		// 6. Attend to it.
		p.Attention(cache, q, a.att, a.lse, a.parts)
		s.trace.attentionGPU(p, l, next, cache, q, a.lse)
		if s.against != nil {
			r.attendAgainst(p, l, s.against, q)
		}

		// 7. Project back and add to the residual.
		p.AddMatMul(w.attnOut, a.att, a.x, n)

		// 8, 9, 10. Normalise again, gate and up projection, SwiGLU.
		if n == 1 {
			p.NormSwiGLU(w.gateUp, a.x, w.ffnNorm, a.gateUp, a.hidden, eps)
		} else {
			p.RMSNorm(a.x, w.ffnNorm, a.xb, n, cfg.Dim, 0, eps)
			p.MatMul(w.gateUp, a.xb, a.gateUp, n)
			p.SwiGLU(a.gateUp, a.hidden, n, cfg.HiddenDim)
		}

		// 11. Project down and add to the residual.
		p.AddMatMul(w.down, a.hidden, a.x, n)
	}
}

// finishQKV records the biases of n rows of queries, keys and values, and the norms
// of the heads of queries and keys, in models that have them.
func (r *gpuRunner) finishQKV(p *gpu.Pass, w *layerWeights[*gpu.Weights, *gpu.Buffer], qkv *gpu.Buffer, n int) {
	cfg := r.cfg
	if cfg.QKVBias {
		p.AddBias(qkv, w.qkvBias, n, cfg.QKVDim())
	}
	if cfg.QKNorm {
		p.HeadNorm(r.queries(qkv, n), w.qkNorm, cfg.NKVHeads, cfg.HeadDim, float32(cfg.NormEps))
	}
}

// logits records the logits of m rows of a.x from `from` on.
func (r *gpuRunner) logits(p *gpu.Pass, from, m int) {
	a, eps := &r.a, float32(r.cfg.NormEps)
	if m == 1 {
		p.NormMatVec(r.w.logits, a.x, r.w.norm, a.logits, from, eps)
		return
	}
	p.RMSNorm(a.x, r.w.norm, a.xb, m, r.cfg.Dim, from, eps)
	p.MatMul(r.w.logits, a.xb, a.logits, m)
}
