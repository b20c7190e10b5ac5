package engine

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"keyfold/gpu"
	"keyfold/layout"
)

// gpuActivations are what a forward pass computes on the GPU, for up to n tokens.
type gpuActivations struct {
	n      int
	x      *gpu.Buffer // (n, dim) the residual stream
	xb     *gpu.Buffer // (n, dim) the same, normalised
	qkv    *gpu.Buffer // (n, q_dim + 2*kv_dim)
	att    *gpu.Buffer // (n, q_dim)
	lse    *gpu.Buffer // (n, n_heads)
	parts  gpu.Parts   // of one token's attention
	gateUp *gpu.Buffer // (n, 2*hidden)
	hidden *gpu.Buffer // (n, hidden)

	texts     [1 + mostBeside]textBuffers // of n tokens, and one each beside it
	logitRows int                         // of the first
	compared  *gpu.Buffer                 // (1 + maxAhead, gpu.ComparedWords)
}

// mostBeside is how many texts may be beside that of a step: the full cache's, and the one
// that goes on freely.
const mostBeside = 2

// textBuffers are what each text of a pass has for itself.
type textBuffers struct {
	tokens     *gpu.Buffer // (n) u32
	positions  *gpu.Buffer // (n + maxAhead) u32
	logits     *gpu.Buffer // (rows, vocab)
	chosen     *gpu.Buffer // (1 + maxAhead, gpu.ChosenWords)
	candidates *gpu.Buffer // (gpu.LikeliestWords)
}

// gpuText is a text that a pass feeds.
type gpuText struct {
	cache   *Cache
	trace   *trace
	against *Cache
	*textBuffers
}

func (a *gpuActivations) free() {
	buffers := []*gpu.Buffer{a.x, a.xb, a.qkv, a.att, a.lse, a.gateUp, a.hidden, a.compared}
	for _, t := range a.texts {
		buffers = append(buffers, t.tokens, t.positions, t.logits, t.chosen, t.candidates)
	}
	for _, b := range buffers {
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
			{&r.a.x, "x", n * cfg.Dim},
			{&r.a.xb, "xb", n * cfg.Dim},
			{&r.a.qkv, "qkv", n * cfg.QKVDim()},
			{&r.a.att, "attention", n * cfg.QDim()},
			{&r.a.lse, "lse", n * cfg.NHeads},
			{&r.a.gateUp, "gate_up", n * 2 * cfg.HiddenDim},
			{&r.a.hidden, "hidden", n * cfg.HiddenDim},
		} {
			if err = r.fit(b.to, b.label, b.elements); err != nil {
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
	r.a.logitRows = max(r.a.logitRows, logitRows)
	return r.fitText(&r.a.texts[0], n, r.a.logitRows)
}

// fitText makes the buffers of a text fit n tokens and logit rows.
func (r *gpuRunner) fitText(t *textBuffers, n, logitRows int) error {
	return cmp.Or(
		r.fit(&t.tokens, "tokens", n),
		r.fit(&t.positions, "positions", n+maxAhead),
		r.fit(&t.logits, "logits", logitRows*r.cfg.VocabSize),
		r.fit(&t.chosen, "chosen", (1+maxAhead)*gpu.ChosenWords))
}

// fit makes a buffer hold as many 4-byte elements, or more.
func (r *gpuRunner) fit(b **gpu.Buffer, label string, elements int) (err error) {
	if *b != nil && (*b).Size() >= 4*elements {
		return nil
	}
	(*b).Destroy()
	*b = nil
	*b, err = r.d.NewBuffer(label, 4*elements)
	return err
}

// logitBytes bounds the buffer of logits: more rows go in several submits.
const logitBytes = 32 << 20

// prepare makes room for what a step computes, and uploads the tokens and positions.
func (r *gpuRunner) prepare(c *Cache, s *step) error {
	n, cfg := max(1, len(s.tokens)), r.cfg
	from, end := wantedRows(s, n)
	logitRows := max(1, min(end-from, logitBytes/(4*cfg.VocabSize), r.d.MostWork()/(2*cfg.Dim*cfg.VocabSize)))
	if err := r.fitActivations(n, logitRows); err != nil {
		return err
	}
	if err := r.prepareText(&r.a.texts[0], c, s.tokens, s.given, s.ahead); err != nil {
		return err
	}
	for i, lane := range s.beside {
		t := &r.a.texts[1+i]
		if err := r.fitText(t, 1, 1); err != nil {
			return err
		}
		if err := r.prepareText(t, lane.cache, lane.tokens, lane.given, s.ahead); err != nil {
			return err
		}
	}
	if len(s.beside) > 0 {
		if err := r.fit(&r.a.compared, "compared", (1+maxAhead)*gpu.ComparedWords(cfg.VocabSize)); err != nil {
			return err
		}
	}
	for i := range r.a.texts[:1+min(1, len(s.beside))] {
		if s.likeliest > 0 {
			words := (1 + s.ahead) * gpu.LikeliestWords(cfg.VocabSize, s.likeliest)
			if err := r.fit(&r.a.texts[i].candidates, "candidates", words); err != nil {
				return err
			}
		}
	}
	return nil
}

// prepareText uploads the tokens of a text, their positions and those fed ahead, and the
// logits that are given.
func (r *gpuRunner) prepareText(t *textBuffers, c *Cache, tokens []uint32, given []float32, ahead int) error {
	n := len(tokens) + ahead
	return cmp.Or(
		r.growTable(c.ropePos+n),
		t.tokens.UploadWords(0, tokens),
		t.positions.UploadWords(0, positionsFrom(c.ropePos, n)),
		t.logits.UploadFloats(0, given))
}

// queries returns the queries in n rows of queries, keys and values.
func (r *gpuRunner) queries(qkv *gpu.Buffer, n int) gpu.Queries {
	return gpu.Queries{Buf: qkv, N: n, Stride: r.cfg.QKVDim(), Heads: r.cfg.NHeads, Scale: attentionScale(r.cfg)}
}

// attendAgainst records the attention of this token's queries over another
// cache that the token was fed to before, and copies both outputs to r.compare:
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
	p.Attention(other.onGPU(l, 1), q, r.attAgainst, r.a.lse, r.a.parts)
	p.Copy(r.compare, l*row, r.a.att, 0, row)
	p.Copy(r.compare, half+l*row, r.attAgainst, 0, row)
}

// readings are the results of a forward pass on their way back. What is nil was not asked for.
type readings struct {
	step       *step
	logits     []*gpu.Read
	watched    []*gpu.Read
	beside     []*gpu.Read // logits of the texts beside it
	chosen     []*gpu.Read // by each text
	candidates []*gpu.Read // of the first two
	compared   *gpu.Read
	attention  *gpu.Read
}

// readChoices asks for what the texts chose, or for their logits, and what else is small.
func (r *gpuRunner) readChoices(p *gpu.Pass, s *step, back *readings) {
	a, n := &r.a, 1+s.ahead
	for i := range a.texts[:1+len(s.beside)] {
		t := &a.texts[i]
		if s.choose != nil {
			back.chosen = append(back.chosen, p.Read(t.chosen, 0, 4*n*gpu.ChosenWords))
		}
		if s.choose != nil && s.likeliest > 0 && i < 2 {
			back.candidates = append(back.candidates, p.Read(t.candidates, 0, 4*n*gpu.LikeliestWords(r.cfg.VocabSize, s.likeliest)))
		}
		if s.logits == lastRow && i > 0 {
			back.beside = append(back.beside, p.Read(t.logits, 0, 4*r.cfg.VocabSize))
		}
		if s.against != nil || i > 0 && s.beside[i-1].against != nil {
			back.attention = p.Read(r.compare, 0, r.compare.Size())
		}
	}
	if s.choose != nil && len(s.beside) > 0 {
		back.compared = p.Read(a.compared, 0, 4*n*gpu.ComparedWords(r.cfg.VocabSize))
	}
}

// result returns them, once the pass was submitted.
func (b *readings) result(vocab int) *result {
	res := &result{}
	for _, read := range b.logits {
		res.logits = append(res.logits, read.Floats()...)
	}
	for _, read := range b.beside {
		res.beside = append(res.beside, read.Floats())
	}
	for _, read := range b.watched {
		res.watched = append(res.watched, read.Floats())
	}
	res.choices = b.choices(vocab)
	if b.attention != nil {
		both := b.attention.Floats()
		res.attention, res.attentionAgainst = both[:len(both)/2], both[len(both)/2:]
	}
	return res
}

// choices returns what was chosen after the last row, and after each token fed ahead.
func (b *readings) choices(vocab int) []choice {
	if len(b.chosen) == 0 {
		return nil
	}
	choices := make([]choice, 1+b.step.ahead)
	for i, read := range b.chosen {
		at := 0
		for w := range slices.Chunk(read.Words(), gpu.ChosenWords) {
			c := chosen{int(w[0]), math.Float32frombits(w[1]), math.Float32frombits(w[2])}
			if i == 0 {
				choices[at].chosen = c
			} else {
				choices[at].beside = append(choices[at].beside, c)
			}
			at++
		}
	}
	if b.compared != nil {
		at := 0
		for w := range slices.Chunk(b.compared.Words(), gpu.ComparedWords(vocab)) {
			compared := gpu.Compared(w)
			choices[at].compared = &compared
			at++
		}
	}
	for i, read := range b.candidates {
		at := 0
		for w := range slices.Chunk(read.Words(), gpu.LikeliestWords(vocab, b.step.likeliest)) {
			found := gpu.LikeliestOf(w, b.step.likeliest)
			if i == 0 {
				choices[at].likeliest = found
			} else {
				choices[at].besideLikeliest = found
			}
			at++
		}
	}
	return choices
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
