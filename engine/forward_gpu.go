package engine

import "keyfold/gpu"

// forward feeds the tokens of s through the model in one submit, those of the texts beside
// it too, and with s.ahead those that are chosen after them. forward_cpu.go has the same
// functions with the same numbered steps; read the two side by side.
func (r *gpuRunner) forward(c *Cache, s *step) (*result, error) {
	n := len(s.tokens)
	if err := r.prepare(c, s); err != nil {
		return nil, err
	}
	a, p, back := &r.a, r.d.Begin(), &readings{step: s}
	text := gpuText{c, s.trace, s.against, &a.texts[0]}

	if s.given == nil {
		// 1. Look up the embeddings.
		p.Embed(r.w.embed, text.tokens, a.x, 0, 0, n)
		r.layers(p, text, 0, n)

		// 12. Logits of the rows that are wanted, as many at a time as the buffer holds.
		for from, end := wantedRows(s, n); from < end; from += a.logitRows {
			m := min(a.logitRows, end-from)
			r.logits(p, text, from, m)
			if s.logits != noRows {
				back.logits = append(back.logits, p.Read(text.logits, 0, 4*m*r.cfg.VocabSize))
			}
			if from+m < end {
				if err := p.Submit(); err != nil {
					return nil, err
				}
				p = r.d.Begin()
			}
		}
	}
	if s.watched != nil {
		back.watched = readLayers(p, s.watched, s.watched.gpu[0].Size()/4)
	}
	r.feedBeside(p, s, 0)

	// 13. Choose the next token, feed it, choose the one after it ...
	if s.choose != nil {
		r.choose(p, text, s, 0)
		for i := range s.ahead {
			p.Embed(r.w.embed, text.chosen, a.x, i*gpu.ChosenWords, 0, 1)
			r.layers(p, text, 1+i, 1)
			r.logits(p, text, 0, 1)
			r.feedBeside(p, s, 1+i)
			r.choose(p, text, s, 1+i)
		}
	}
	r.readChoices(p, s, back)
	if err := p.Submit(); err != nil {
		return nil, err
	}
	r.dispatches = p.Dispatches()
	return back.result(r.cfg.VocabSize), nil
}

// feedBeside records steps 1 to 12 for the texts beside that of s: of their own token, or of
// the one that was chosen `before` tokens later.
func (r *gpuRunner) feedBeside(p *gpu.Pass, s *step, before int) {
	for i, lane := range s.beside {
		if lane.given != nil {
			continue
		}
		text := gpuText{lane.cache, nil, lane.against, &r.a.texts[1+i]}
		switch {
		case before == 0:
			p.Embed(r.w.embed, text.tokens, r.a.x, 0, 0, 1)
		case lane.follows:
			p.Embed(r.w.embed, r.a.texts[0].chosen, r.a.x, (before-1)*gpu.ChosenWords, 0, 1)
		default:
			p.Embed(r.w.embed, text.chosen, r.a.x, (before-1)*gpu.ChosenWords, 0, 1)
		}
		r.layers(p, text, before, 1)
		r.logits(p, text, 0, 1)
	}
}

// choose records step 13 for all texts of s, whose logits are there: choice number `at`.
func (r *gpuRunner) choose(p *gpu.Pass, text gpuText, s *step, at int) {
	a, vocab := &r.a, r.cfg.VocabSize
	p.Choose(text.logits, text.chosen, vocab, 0, at, *s.choose, uint32(text.cache.textPos+len(s.tokens)+at))
	for i, lane := range s.beside {
		other := &a.texts[1+i]
		p.Choose(other.logits, other.chosen, vocab, 0, at, *s.choose, uint32(lane.cache.textPos+len(lane.tokens)+at))
	}
	if len(s.beside) > 0 {
		p.Compare(a.texts[1].logits, text.logits, a.texts[1].chosen, text.chosen, a.compared, vocab, at)
	}
	if s.likeliest > 0 {
		for i := range a.texts[:1+min(1, len(s.beside))] {
			p.Likeliest(a.texts[i].logits, a.texts[i].candidates, vocab, s.likeliest, at)
		}
	}
}

// layers records steps 2 to 11 for n tokens in a.x, fed behind the cache's and
// `before` further ones of this pass. One token takes fewer kernels, unless a
// signal wants to see what is between them.
func (r *gpuRunner) layers(p *gpu.Pass, text gpuText, before, n int) {
	a, cfg, eps, next := &r.a, r.cfg, float32(r.cfg.NormEps), text.cache.textPos+before
	for l, w := range r.w.layers {
		cache, q := text.cache.onGPU(l, before+n), r.queries(a.qkv, n)

		// 2, 3. Normalise the residual and project it to queries, keys and values, with their
		// biases and the norms of their heads.
		if n == 1 && !text.trace.wantsInput() {
			p.NormMatVec(w.qkv, a.x, w.attnNorm, a.qkv, 0, eps)
		} else {
			p.RMSNorm(a.x, w.attnNorm, a.xb, n, cfg.Dim, 0, eps)
			text.trace.inputGPU(p, l, next, n, a.xb)
			p.MatMul(w.qkv, a.xb, a.qkv, n)
		}
		r.finishQKV(p, &w, a.qkv, n)
		text.trace.queriesGPU(p, l, next, q)

		// 4, 5. Rotate queries and keys by position, not by slot: after compression the two differ.
		// Append keys and values to the cache.
		p.CacheWrite(cache, q, text.positions, r.table, before)

		// 6. Attend to it.
		p.Attention(cache, q, a.att, a.lse, a.parts)
		text.trace.attentionGPU(p, l, next, cache, q, a.lse)
		if text.against != nil {
			r.attendAgainst(p, l, text.against, q)
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
func (r *gpuRunner) logits(p *gpu.Pass, text gpuText, from, m int) {
	a, eps := &r.a, float32(r.cfg.NormEps)
	if m == 1 {
		p.NormMatVec(r.w.logits, a.x, r.w.norm, text.logits, from, eps)
		return
	}
	p.RMSNorm(a.x, r.w.norm, a.xb, m, r.cfg.Dim, from, eps)
	p.MatMul(r.w.logits, a.xb, text.logits, m)
}
