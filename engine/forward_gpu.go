package engine

import (
	"slices"

	"keyfold/gpu"
)

// forward feeds the tokens of s through the model in one submit, and with s.ahead
// those that are chosen after them. forward_cpu.go has the same
// functions with the same numbered steps; read the two side by side.
func (r *gpuRunner) forward(s *step) ([]*result, error) {
	lanes, err := r.prepare(s)
	if err != nil {
		return nil, err
	}
	n, a, p := s.rows(), &r.a, r.d.Begin()
	logits := func() error { // as many rows at a time as the buffer holds
		for i, rows := range slices.Collect(slices.Chunk(s.wantedRows(), a.logitRows)) {
			if i > 0 {
				if err := p.Submit(); err != nil {
					return err
				}
				p = r.d.Begin()
			}
			r.logits(p, lanes, rows)
		}
		return nil
	}

	if n > 0 {
		// 1. Look up the embeddings.
		p.Embed(r.w.embed, a.tokens, a.x, 0, 0, n)
		r.layers(p, lanes, 0, n)

		// 12. Logits of the rows that are wanted.
		if err := logits(); err != nil {
			return nil, err
		}
	}

	// 13. Choose the next token, feed it, choose the one after it ...
	r.choose(p, lanes, 0)
	for i := range s.ahead {
		for _, lane := range lanes {
			p.Embed(r.w.embed, lane.leader.b.chosen, a.x, i*gpu.ChosenWords, lane.row, 1)
		}
		r.layers(p, lanes, 1+i, n)
		if err := logits(); err != nil {
			return nil, err
		}
		r.choose(p, lanes, 1+i)
	}
	for _, lane := range lanes {
		lane.read(p, r, 1+s.ahead)
	}
	if err := p.Submit(); err != nil {
		return nil, err
	}
	r.dispatches = p.Dispatches()
	var results []*result
	for _, lane := range lanes {
		results = append(results, lane.result(r.cfg.VocabSize))
	}
	return results, nil
}

// layers records steps 2 to 11 for n tokens in a.x, fed behind what their caches have and
// `before` further ones of this pass. Each lane attends to its own cache; all else is one
// operation on the rows of all. One token alone takes fewer kernels, unless a
// signal wants to see what is between them.
func (r *gpuRunner) layers(p *gpu.Pass, lanes []*gpuLane, before, n int) {
	a, cfg, eps, first := &r.a, r.cfg, float32(r.cfg.NormEps), lanes[0]
	for l, w := range r.w.layers {
		// 2, 3. Normalise the residual and project it to queries, keys and values, with their
		// biases and the norms of their heads.
		if n == 1 && !first.trace.wantsInput() {
			p.NormMatVec(w.qkv, a.x, w.attnNorm, a.qkv, 0, eps)
		} else {
			p.RMSNorm(a.x, w.attnNorm, a.xb, n, cfg.Dim, 0, eps)
			first.trace.inputGPU(p, l, first.cache.textPos, first.q.N, a.xb)
			p.MatMul(w.qkv, a.xb, a.qkv, n)
		}
		r.finishQKV(p, &w, a.qkv, n)
		first.trace.queriesGPU(p, l, first.cache.textPos, first.q)

		for _, lane := range lanes {
			cache := lane.cache.onGPU(l, before+lane.q.N)

			// 4, 5. Rotate queries and keys by position, not by slot: after compression the two differ.
			// Append keys and values to the cache.
			p.CacheWrite(cache, lane.q, a.positions, r.table, lane.position+before)

			// 6. Attend to it.
			p.Attention(cache, lane.q, a.att, a.lse, a.parts)
			lane.trace.attentionGPU(p, l, lane.cache.textPos, cache, lane.q, a.lse)
			if lane.against != nil {
				r.attendAgainst(p, l, lane)
			}
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

// logits records the logits of some rows of a.x, and hands every lane its own.
func (r *gpuRunner) logits(p *gpu.Pass, lanes []*gpuLane, rows []int) {
	a, n, dim, eps := &r.a, len(rows), r.cfg.Dim, float32(r.cfg.NormEps)
	if n == 1 {
		p.NormMatVec(r.w.logits, a.x, r.w.norm, laneOf(lanes, rows[0]).b.logits, rows[0], eps)
		return
	}
	x, first := a.x, rows[0]
	if rows[n-1] != first+n-1 { // they are not neighbours
		for i, row := range rows {
			p.Copy(a.hidden, 4*i*dim, a.x, 4*row*dim, 4*dim)
		}
		x, first = a.hidden, 0
	}
	p.RMSNorm(x, r.w.norm, a.xb, n, dim, first, eps)
	p.MatMul(r.w.logits, a.xb, a.logits, n)
	size := 4 * r.cfg.VocabSize
	for i, row := range rows {
		if lane := laneOf(lanes, row); lane.logits == allRows {
			lane.reads.logits = append(lane.reads.logits, p.Read(a.logits, i*size, size))
		} else {
			p.Copy(lane.b.logits, 0, a.logits, i*size, size)
		}
	}
}

// choose records step 13 for the lanes that choose, whose logits are there: choice number `at`.
func (r *gpuRunner) choose(p *gpu.Pass, lanes []*gpuLane, at int) {
	vocab := r.cfg.VocabSize
	for _, lane := range lanes {
		if lane.choose != nil {
			p.Choose(lane.b.logits, lane.b.chosen, vocab, 0, at, *lane.choose, uint32(lane.cache.textPos+len(lane.tokens)+at))
		}
	}
	for _, lane := range lanes {
		if lane.choose == nil {
			continue
		}
		if full := lane.fullLane; full != nil {
			p.Compare(full.b.logits, lane.b.logits, full.b.chosen, lane.b.chosen, lane.b.compared, vocab, at)
		}
		if lane.likeliest > 0 {
			p.Likeliest(lane.b.logits, lane.b.candidates, vocab, lane.likeliest, at)
		}
	}
}
