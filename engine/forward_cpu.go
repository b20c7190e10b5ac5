package engine

import (
	"slices"

	"keyfold/cpu"
	"keyfold/layout"
)

// forward feeds the tokens of s through the model, all layers at once for all
// tokens. The numbers of the steps are those of forward_gpu.go.
func (r *cpuRunner) forward(c *Cache, s *step) (*result, error) {
	cfg, n := r.cfg, len(s.tokens)
	stride := cfg.QKVDim() // a row of queries, keys and values
	positions := positionsFrom(c.ropePos, n)
	r.growTable(c.ropePos + n)

	x := make([]float32, n*cfg.Dim)  // the residual stream
	xb := make([]float32, n*cfg.Dim) // the same, normalised
	qkv := make([]float32, n*stride)
	att := make([]float32, n*cfg.QDim())
	lse := make([]float32, n*cfg.NHeads)
	gateUp := make([]float32, n*2*cfg.HiddenDim)
	hidden := make([]float32, n*cfg.HiddenDim)
	res := &result{}

	// 1. Look up the embeddings.
	cpu.Embed(r.w.embed, s.tokens, x)
	for l, w := range r.w.layers {
		cache, q := c.onCPU(l, n), r.queries(qkv, n)

		// 2. Normalise the residual.
		cpu.RMSNorm(x, w.attnNorm, xb, n, cfg.Dim, 0, float32(cfg.NormEps))
		s.trace.inputCPU(l, c.textPos, n, xb)

		// 3. Project it to queries, keys and values.
		cpu.MatMul(w.qkv, xb, qkv, n)
		s.trace.queriesCPU(l, c.textPos, q)

		// 4. Rotate queries and keys by position, not by slot: after compression the two differ.
		cpu.RoPE(r.table, positions, qkv, stride, cfg.NHeads+cfg.NKVHeads, cfg.HeadDim)

		// 5. Append keys and values to the cache.
		cpu.CacheWrite(qkv, cache, positions, cfg.NHeads)

		// 6. Attend to it.
		cpu.Attention(cache, q, att, lse)
		s.trace.attentionCPU(l, c.textPos, cache, q, lse)
		if s.against != nil {
			out := make([]float32, len(att))
			cpu.Attention(s.against.onCPU(l, 0), q, out, lse)
			res.attention = append(res.attention, att...)
			res.attentionAgainst = append(res.attentionAgainst, out...)
		}

		// 7. Project back and add to the residual.
		cpu.AddMatMul(w.attnOut, att, x, n)

		// 8. Normalise again.
		cpu.RMSNorm(x, w.ffnNorm, xb, n, cfg.Dim, 0, float32(cfg.NormEps))

		// 9. Gate and up projection.
		cpu.MatMul(w.gateUp, xb, gateUp, n)

		// 10. SwiGLU.
		cpu.SwiGLU(gateUp, hidden, n, cfg.HiddenDim)

		// 11. Project down and add to the residual.
		cpu.AddMatMul(w.down, hidden, x, n)
	}

	// 12. Logits of the rows that are wanted.
	first, rows := wantedRows(s, n)
	if rows > 0 {
		cpu.RMSNorm(x, r.w.norm, xb, rows, cfg.Dim, first, float32(cfg.NormEps))
		res.logits = make([]float32, rows*cfg.VocabSize)
		cpu.MatMul(r.w.logits, xb, res.logits, rows)
	}

	// 13. Choose the next token.
	if s.choose != nil {
		last := res.logits[(rows-1)*cfg.VocabSize:]
		id, lse := cpu.Choose(last, *s.choose, uint32(c.textPos+n))
		res.chosen = []chosen{{id, last[id], lse}}
	}
	return res, nil
}

// queries returns the queries in n rows of queries, keys and values.
func (r *cpuRunner) queries(qkv []float32, n int) layout.Queries {
	return layout.Queries{Buf: qkv, N: n, Stride: r.cfg.QKVDim(), Heads: r.cfg.NHeads, Scale: attentionScale(r.cfg)}
}

// positionsFrom returns n positions from first on.
func positionsFrom(first, n int) []uint32 {
	positions := make([]uint32, n)
	for t := range positions {
		positions[t] = uint32(first + t)
	}
	return positions
}

// wantedRows returns the rows of the chunk that logits are computed for: a
// choice needs the last one.
func wantedRows(s *step, n int) (first, rows int) {
	switch {
	case s.logits == allRows:
		return 0, n
	case s.logits == lastRow || s.choose != nil:
		return n - 1, 1
	}
	return 0, 0
}

// tablePiece is the number of positions by which a RoPE table grows ahead of
// those in use.
const tablePiece = 512

// growTable extends the RoPE table to the given number of positions.
func (r *cpuRunner) growTable(positions int) {
	have := len(r.table) / r.cfg.HeadDim
	if have < positions {
		r.table = slices.Concat(r.table, layout.RoPETable(have, positions+tablePiece, r.cfg.HeadDim, r.cfg.RopeBase))
	}
}
