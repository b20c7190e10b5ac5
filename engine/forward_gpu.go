package engine

import "keyfold/gpu"

// logitBytes bounds the buffer of logits: more rows go in several submits.
const logitBytes = 32 << 20

// forward feeds the tokens of s through the model in one submit, and with s.ahead
// those that are chosen after them. The numbers of the steps are those of
// forward_cpu.go.
func (r *gpuRunner) forward(c *Cache, s *step) (*result, error) {
	n := len(s.tokens)
	first, rows := wantedRows(s, n)
	rowsAtOnce := max(1, min(rows, logitBytes/(4*r.cfg.VocabSize), r.d.MostWork()/(2*r.cfg.Dim*r.cfg.VocabSize)))
	if err := r.scratchFor(n, rowsAtOnce); err != nil {
		return nil, err
	}
	if err := r.growTable(c.ropePos + n + s.ahead); err != nil {
		return nil, err
	}
	if err := r.s.tokens.UploadWords(0, s.tokens); err != nil {
		return nil, err
	}
	if err := r.s.positions.UploadWords(0, positionsFrom(c.ropePos, n+s.ahead)); err != nil {
		return nil, err
	}
	p := r.d.Begin()

	// 1. Look up the embeddings.
	p.Embed(r.w.embed, r.s.tokens, r.s.x, 0, n)
	r.layers(p, c, s, 0, n)

	// 12. Logits of the rows that are wanted, as many at once as the buffer holds.
	res := &result{}
	var reads []*gpu.Read
	for from := first; from < first+rows; from += rowsAtOnce {
		m := min(rowsAtOnce, first+rows-from)
		r.logits(p, from, m)
		if s.logits != noRows {
			reads = append(reads, p.Read(r.s.logits, 0, 4*m*r.cfg.VocabSize))
		}
		if from+m < first+rows {
			if err := p.Submit(); err != nil {
				return nil, err
			}
			p = r.d.Begin()
		}
	}

	// 13. Choose the next token, feed it, choose the one after it ...
	var choices, attention *gpu.Read
	if s.choose != nil {
		p.Choose(r.s.logits, r.s.chosen, r.cfg.VocabSize, 0, 0, *s.choose, uint32(c.textPos+n))
		for i := range s.ahead {
			p.Embed(r.w.embed, r.s.chosen, r.s.x, i*gpu.ChosenWords, 1)
			r.layers(p, c, s, 1+i, 1)
			r.logits(p, 0, 1)
			p.Choose(r.s.logits, r.s.chosen, r.cfg.VocabSize, 0, 1+i, *s.choose, uint32(c.textPos+n+1+i))
		}
		choices = p.Read(r.s.chosen, 0, 4*gpu.ChosenWords*(1+s.ahead))
	}
	if s.against != nil {
		attention = p.Read(r.compare, 0, r.compare.Size())
	}
	if err := p.Submit(); err != nil {
		return nil, err
	}
	r.dispatches = p.Dispatches()

	for _, read := range reads {
		res.logits = append(res.logits, read.Floats()...)
	}
	if choices != nil {
		words, floats := choices.Words(), choices.Floats()
		for at := 0; at < len(words); at += gpu.ChosenWords {
			res.chosen = append(res.chosen, chosen{int(words[at]), floats[at+1], floats[at+2]})
		}
	}
	if attention != nil {
		both := attention.Floats()
		res.attention, res.attentionAgainst = both[:len(both)/2], both[len(both)/2:]
	}
	return res, nil
}

// layers records steps 2 to 11 for n tokens in r.s.x, fed behind the cache's and
// `before` further ones of this pass. One token takes fewer kernels, unless
// something is traced between them.
func (r *gpuRunner) layers(p *gpu.Pass, c *Cache, s *step, before, n int) {
	cfg := r.cfg
	eps := float32(cfg.NormEps)
	next := c.textPos + before
	for l, w := range r.w.layers {
		cache, q := c.onGPU(l, before+n), r.queries(r.s.qkv, n)

		// 2, 3. Normalise the residual and project it to queries, keys and values.
		if n == 1 && !s.trace.wantsInput() {
			p.NormMatVec(w.qkv, r.s.x, w.attnNorm, r.s.qkv, 0, eps)
		} else {
			p.RMSNorm(r.s.x, w.attnNorm, r.s.xb, n, cfg.Dim, 0, eps)
			s.trace.inputGPU(p, l, next, n, r.s.xb)
			p.MatMul(w.qkv, r.s.xb, r.s.qkv, n)
		}
		s.trace.queriesGPU(p, l, next, q)

		// 4, 5. Rotate queries and keys by position, not by slot: after compression the two differ.
		// Append keys and values to the cache.
		p.CacheWrite(cache, r.s.qkv, r.s.positions, r.table, before, n, cfg.NHeads)

		// 6. Attend to it.
		p.Attention(cache, q, r.s.att, r.s.lse, r.s.parts)
		s.trace.attentionGPU(p, l, next, cache, q, r.s.lse)
		if s.against != nil {
			r.attendAgainst(p, l, s.against, q)
		}

		// 7. Project back and add to the residual.
		p.AddMatMul(w.attnOut, r.s.att, r.s.x, n)

		// 8, 9, 10. Normalise again, gate and up projection, SwiGLU.
		if n == 1 {
			p.NormSwiGLU(w.gateUp, r.s.x, w.ffnNorm, r.s.gateUp, r.s.hidden, eps)
		} else {
			p.RMSNorm(r.s.x, w.ffnNorm, r.s.xb, n, cfg.Dim, 0, eps)
			p.MatMul(w.gateUp, r.s.xb, r.s.gateUp, n)
			p.SwiGLU(r.s.gateUp, r.s.hidden, n, cfg.HiddenDim)
		}

		// 11. Project down and add to the residual.
		p.AddMatMul(w.down, r.s.hidden, r.s.x, n)
	}
}

// queries returns the queries in n rows of queries, keys and values.
func (r *gpuRunner) queries(qkv *gpu.Buffer, n int) gpu.Queries {
	return gpu.Queries{Buf: qkv, N: n, Stride: r.cfg.QKVDim(), Heads: r.cfg.NHeads, Scale: attentionScale(r.cfg)}
}

// logits records the logits of m rows of r.s.x from `from` on.
func (r *gpuRunner) logits(p *gpu.Pass, from, m int) {
	eps := float32(r.cfg.NormEps)
	if m == 1 {
		p.NormMatVec(r.w.logits, r.s.x, r.w.norm, r.s.logits, from, eps)
		return
	}
	p.RMSNorm(r.s.x, r.w.norm, r.s.xb, m, r.cfg.Dim, from, eps)
	p.MatMul(r.w.logits, r.s.xb, r.s.logits, m)
}

// attendAgainst records the attention of this token's queries over another
// cache that holds the token too, and copies both outputs to r.compare:
// (2, n_layers, q_dim), those over the pass's own cache first.
func (r *gpuRunner) attendAgainst(p *gpu.Pass, l int, other *Cache, q gpu.Queries) {
	row, half := 4*r.cfg.QDim(), 4*r.cfg.NLayers*r.cfg.QDim()
	if r.compare == nil {
		var err error
		if r.attAgainst == nil {
			r.attAgainst, err = r.buffer("attention against", r.cfg.QDim())
		}
		if err == nil {
			r.compare, err = r.buffer("attention outputs", 2*half/4)
		}
		if err != nil {
			p.Fail(err)
			return
		}
	}
	p.Attention(other.onGPU(l, 0), q, r.attAgainst, r.s.lse, r.s.parts)
	p.Copy(r.compare, l*row, r.s.att, 0, row)
	p.Copy(r.compare, half+l*row, r.attAgainst, 0, row)
}
