package engine

import (
	"fmt"

	"keyfold/gpu"
	"keyfold/layout"
)

// gpuActivations are what a forward pass computes on the GPU, for up to n tokens.
type gpuActivations struct {
	n         int
	tokens    *gpu.Buffer // (n) u32
	positions *gpu.Buffer // (n + maxAhead) u32
	x         *gpu.Buffer // (n, dim) the residual stream
	xb        *gpu.Buffer // (n, dim) the same, normalised
	qkv       *gpu.Buffer // (n, q_dim + 2*kv_dim)
	att       *gpu.Buffer // (n, q_dim)
	lse       *gpu.Buffer // (n, n_heads)
	parts     gpu.Parts   // of one token's attention
	gateUp    *gpu.Buffer // (n, 2*hidden)
	hidden    *gpu.Buffer // (n, hidden)

	logitRows int
	logits    *gpu.Buffer // (logitRows, vocab)
	chosen    *gpu.Buffer // (1 + maxAhead, gpu.ChosenWords)
}

func (a *gpuActivations) free() {
	for _, b := range []*gpu.Buffer{a.tokens, a.positions, a.x, a.xb, a.qkv, a.att, a.lse, a.gateUp, a.hidden, a.logits, a.chosen} {
		b.Destroy()
	}
	a.parts.Destroy()
	*a = gpuActivations{}
}

// fitActivations makes the activations fit n tokens and logit rows.
func (r *gpuRunner) fitActivations(n, logitRows int) (err error) {
	cfg := r.cfg
	if r.a.n < n {
		logitRows = max(logitRows, r.a.logitRows)
		r.a.free()
		for _, b := range []struct {
			to       **gpu.Buffer
			label    string
			elements int
		}{
			{&r.a.tokens, "tokens", n},
			{&r.a.positions, "positions", n + maxAhead},
			{&r.a.x, "x", n * cfg.Dim},
			{&r.a.xb, "xb", n * cfg.Dim},
			{&r.a.qkv, "qkv", n * cfg.QKVDim()},
			{&r.a.att, "attention", n * cfg.QDim()},
			{&r.a.lse, "lse", n * cfg.NHeads},
			{&r.a.gateUp, "gate_up", n * 2 * cfg.HiddenDim},
			{&r.a.hidden, "hidden", n * cfg.HiddenDim},
			{&r.a.chosen, "chosen", (1 + maxAhead) * gpu.ChosenWords},
		} {
			if *b.to, err = r.d.NewBuffer(b.label, 4*b.elements); err != nil {
				r.a.free()
				return fmt.Errorf("activations of %d tokens: %w", n, err)
			}
		}
		if r.a.parts, err = r.d.NewParts(cfg.NHeads, cfg.NKVHeads, cfg.HeadDim); err != nil {
			r.a.free()
			return fmt.Errorf("attention of one token: %w", err)
		}
		r.a.n = n
	}
	if r.a.logitRows < logitRows {
		r.a.logits.Destroy()
		r.a.logits, r.a.logitRows = nil, 0
		if r.a.logits, err = r.d.NewBuffer("logits", 4*logitRows*cfg.VocabSize); err != nil {
			return err
		}
		r.a.logitRows = logitRows
	}
	return nil
}

// logitBytes bounds the buffer of logits: more rows go in several submits.
const logitBytes = 32 << 20

// prepare makes room for what a step computes, and uploads its tokens and positions.
func (r *gpuRunner) prepare(c *Cache, s *step) error {
	n, cfg := len(s.tokens), r.cfg
	from, end := wantedRows(s, n)
	logitRows := max(1, min(end-from, logitBytes/(4*cfg.VocabSize), r.d.MostWork()/(2*cfg.Dim*cfg.VocabSize)))
	if err := r.fitActivations(n, logitRows); err != nil {
		return err
	}
	if err := r.growTable(c.ropePos + n + s.ahead); err != nil {
		return err
	}
	if err := r.a.tokens.UploadWords(0, s.tokens); err != nil {
		return err
	}
	return r.a.positions.UploadWords(0, positionsFrom(c.ropePos, n+s.ahead))
}

// queries returns the queries in n rows of queries, keys and values.
func (r *gpuRunner) queries(qkv *gpu.Buffer, n int) gpu.Queries {
	return gpu.Queries{Buf: qkv, N: n, Stride: r.cfg.QKVDim(), Heads: r.cfg.NHeads, Scale: attentionScale(r.cfg)}
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
	p.Attention(other.onGPU(l, 0), q, r.attAgainst, r.a.lse, r.a.parts)
	p.Copy(r.compare, l*row, r.a.att, 0, row)
	p.Copy(r.compare, half+l*row, r.attAgainst, 0, row)
}

// readings are the results of a forward pass on their way back.
type readings struct {
	logits            []*gpu.Read
	chosen, attention *gpu.Read // nil: not asked for
}

// result returns them, once the pass was submitted.
func (b *readings) result() *result {
	res := &result{}
	for _, read := range b.logits {
		res.logits = append(res.logits, read.Floats()...)
	}
	if b.chosen != nil {
		words, floats := b.chosen.Words(), b.chosen.Floats()
		for at := 0; at < len(words); at += gpu.ChosenWords {
			res.chosen = append(res.chosen, chosen{int(words[at]), floats[at+1], floats[at+2]})
		}
	}
	if b.attention != nil {
		both := b.attention.Floats()
		res.attention, res.attentionAgainst = both[:len(both)/2], both[len(both)/2:]
	}
	return res
}

// growTable extends the RoPE table to the given number of positions.
func (r *gpuRunner) growTable(positions int) error {
	if positions <= r.tablePositions {
		return nil
	}
	positions += tablePiece
	table, err := r.d.NewBuffer("rope table", 4*positions*r.cfg.HeadDim)
	if err != nil {
		return err
	}
	p := r.d.Begin()
	if r.table != nil {
		p.Copy(table, 0, r.table, 0, r.table.Size())
	}
	piece := layout.RoPETable(r.tablePositions, positions, frequencies(r.cfg))
	if err := table.UploadFloats(4*r.tablePositions*r.cfg.HeadDim, piece); err != nil {
		return err
	}
	if err := p.Submit(); err != nil {
		return err
	}
	r.table.Destroy()
	r.table, r.tablePositions = table, positions
	return nil
}
