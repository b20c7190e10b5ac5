package engine

import (
	"slices"

	"keyfold/cpu"
	"keyfold/layout"
)

// forward feeds the tokens of s through the model. forward_gpu.go has the same
// functions with the same numbered steps; read the two side by side.
func (r *cpuRunner) forward(c *Cache, s *step) (*result, error) {
	n := len(s.tokens)
	r.growTable(c.ropePos + n)
	a, res := newCPUActivations(r.cfg, n), &result{logits: s.given}
	if s.given == nil {
		// 1. Look up the embeddings.
		cpu.Embed(r.w.embed, s.tokens, a.x)
		r.layers(a, c, s, res)

		// 12. Logits of the rows that are wanted.
		if from, end := wantedRows(s, n); from < end {
			res.logits = r.logits(a, from, end-from)
		}
	}
	if s.watched != nil {
		for _, values := range s.watched.cpu {
			res.watched = append(res.watched, slices.Clone(values)) // which go on changing
		}
	}
	for _, lane := range s.beside {
		other, err := r.forward(lane.cache, &step{tokens: lane.tokens, given: lane.given, logits: lastRow, against: lane.against})
		if err != nil {
			return nil, err
		}
		res.beside = append(res.beside, other.logits)
		if lane.against != nil {
			res.attention, res.attentionAgainst = other.attention, other.attentionAgainst
		}
	}

	// 13. Choose the next token.
	if s.choose != nil {
		rows := slices.Concat([][]float32{res.logits[len(res.logits)-r.cfg.VocabSize:]}, res.beside)
		positions := []int{c.textPos + n}
		for _, lane := range s.beside {
			positions = append(positions, lane.cache.textPos+len(lane.tokens))
		}
		var picked []chosen
		for i, row := range rows {
			id, lse := cpu.Choose(row, *s.choose, uint32(positions[i]))
			picked = append(picked, chosen{id, row[id], lse})
		}
		res.choices = []choice{choose(rows, picked, s.likeliest)}
	}
	return res, nil
}

// layers takes the tokens of s, in a.x, through steps 2 to 11, layer by layer.
func (r *cpuRunner) layers(a *cpuActivations, c *Cache, s *step, res *result) {
	cfg, n, eps := r.cfg, len(s.tokens), float32(r.cfg.NormEps)
	positions := positionsFrom(c.ropePos, n)
	for l, w := range r.w.layers {
		cache, q := c.onCPU(l, n), r.queries(a.qkv, n)

		// 2. Normalise the residual.
		cpu.RMSNorm(a.x, w.attnNorm, a.xb, n, cfg.Dim, 0, eps)
		s.trace.inputCPU(l, c.textPos, n, a.xb)

		// 3. Project it to queries, keys and values, with their biases and the norms of their heads.
		cpu.MatMul(w.qkv, a.xb, a.qkv, n)
		r.finishQKV(&w, a.qkv, n)
		s.trace.queriesCPU(l, c.textPos, q)

		// 4. Rotate queries and keys by position, not by slot: after compression the two differ.
		cpu.RoPE(r.table, positions, a.qkv, cfg.QKVDim(), cfg.NHeads+cfg.NKVHeads, cfg.HeadDim)

		// 5. Append keys and values to the cache.
		cpu.CacheWrite(a.qkv, cache, positions, cfg.NHeads)

		// 6. Attend to it.
		cpu.Attention(cache, q, a.att, a.lse)
		s.trace.attentionCPU(l, c.textPos, cache, q, a.lse)
		if s.against != nil {
			r.attendAgainst(a, l, s.against, q, res)
		}

		// 7. Project back and add to the residual.
		cpu.AddMatMul(w.attnOut, a.att, a.x, n)

		// 8. Normalise again.
		cpu.RMSNorm(a.x, w.ffnNorm, a.xb, n, cfg.Dim, 0, eps)

		// 9. Gate and up projection.
		cpu.MatMul(w.gateUp, a.xb, a.gateUp, n)

		// 10. SwiGLU.
		cpu.SwiGLU(a.gateUp, a.hidden, n, cfg.HiddenDim)

		// 11. Project down and add to the residual.
		cpu.AddMatMul(w.down, a.hidden, a.x, n)
	}
}

// finishQKV adds biases to n rows of queries, keys and values, and normalises the
// heads of queries and keys, in models that do so.
func (r *cpuRunner) finishQKV(w *layerWeights[layout.Stack, []float32], qkv []float32, n int) {
	if r.cfg.QKVBias {
		cpu.AddBias(qkv, w.qkvBias, n)
	}
	if r.cfg.QKNorm {
		cpu.HeadNorm(r.queries(qkv, n), w.qkNorm, r.cfg.NKVHeads, float32(r.cfg.NormEps))
	}
}

// logits returns the logits of m rows of a.x from `from` on.
func (r *cpuRunner) logits(a *cpuActivations, from, m int) []float32 {
	logits := make([]float32, m*r.cfg.VocabSize)
	cpu.RMSNorm(a.x, r.w.norm, a.xb, m, r.cfg.Dim, from, float32(r.cfg.NormEps))
	cpu.MatMul(r.w.logits, a.xb, logits, m)
	return logits
}
