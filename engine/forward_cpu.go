package engine

import (
	"keyfold/cpu"
	"keyfold/layout"
)

// forward feeds the tokens of s through the model. forward_gpu.go has the same
// functions with the same numbered steps; read the two side by side.
func (r *cpuRunner) forward(s *step) ([]*result, error) {
	lanes := r.lanes(s)
	if n := s.rows(); n > 0 {
		a := r.activations(lanes, n)

		// 1. Look up the embeddings.
		cpu.Embed(r.w.embed, s.tokens(), a.x)
		r.layers(a, lanes, n)

		// 12. Logits of the rows that are wanted.
		r.logits(a, s.wantedRows(), lanes)
	}

	// 13. Choose the next token.
	var results []*result
	var rows [][]float32
	for _, lane := range lanes {
		res, row := lane.result(), lane.lastRow(r.cfg.VocabSize)
		if lane.choose != nil {
			id, lse := cpu.Choose(row, *lane.choose, uint32(lane.cache.textPos+len(lane.tokens)))
			res.chosen = []chosen{{id, row[id], lse}}
		}
		results, rows = append(results, res), append(rows, row)
	}
	judge(s.lanes, rows, results)
	return results, nil
}

// layers takes n tokens, in a.x, through steps 2 to 11, layer by layer. Each lane attends to its
// own cache; all else is one operation on the rows of all.
func (r *cpuRunner) layers(a *cpuActivations, lanes []*cpuLane, n int) {
	cfg, eps := r.cfg, float32(r.cfg.NormEps)
	for l, w := range r.w.layers {
		// 2. Normalise the residual.
		cpu.RMSNorm(a.x, w.attnNorm, a.xb, n, cfg.Dim, 0, eps)
		for _, lane := range lanes {
			lane.trace.inputCPU(l, lane.cache.textPos, lane.q.N, lane.xb)
		}

		// 3. Project it to queries, keys and values, with their biases and the norms of their heads.
		cpu.MatMul(w.qkv, a.xb, a.qkv, n)
		r.finishQKV(&w, a.qkv, n)
		for _, lane := range lanes {
			lane.trace.queriesCPU(l, lane.cache.textPos, lane.q)
		}

		// 4. Rotate queries and keys by position, not by slot: after compression the two differ.
		cpu.RoPE(r.table, a.positions, a.qkv, cfg.QKVDim(), cfg.NHeads+cfg.NKVHeads, cfg.HeadDim)

		for _, lane := range lanes {
			cache := lane.cache.onCPU(l, lane.q.N)

			// 5. Append keys and values to the cache.
			cpu.CacheWrite(lane.qkv, cache, lane.positions, cfg.NHeads)

			// 6. Attend to it.
			cpu.Attention(cache, lane.q, lane.att, lane.lse)
			lane.trace.attentionCPU(l, lane.cache.textPos, cache, lane.q, lane.lse)
			if lane.against != nil {
				lane.attendAgainst(l)
			}
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

// logits computes the logits of some rows of a.x, and hands every lane its own.
func (r *cpuRunner) logits(a *cpuActivations, rows []int, lanes []*cpuLane) {
	if len(rows) == 0 {
		return
	}
	dim, vocab := r.cfg.Dim, r.cfg.VocabSize
	for i, row := range rows {
		cpu.RMSNorm(a.x, r.w.norm, a.xb[i*dim:], 1, dim, row, float32(r.cfg.NormEps))
	}
	logits := make([]float32, len(rows)*vocab)
	cpu.MatMul(r.w.logits, a.xb, logits, len(rows))
	for _, lane := range lanes {
		from, end := lane.wanted()
		n := (end - from) * vocab
		lane.logits, logits = logits[:n:n], logits[n:]
	}
}
