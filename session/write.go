package session

import (
	"context"
	"errors"
	"slices"
	"time"

	"keyfold/engine"
	"keyfold/engine/tokenizer"
)

// generate writes a text after the compressed prompt, the question and what is
// written of it already, and beside it what the full cache would have written.
func (r *run) generate(ctx context.Context, req Request, written []int, emit func(Event)) error {
	e := r.s.engine
	after := slices.Concat(r.question, written)
	sampler, err := newSampler(req)
	if err != nil {
		return err
	}
	n, err := tokensToWrite(req.N, e.Config.SeqLen-len(r.tokens)-len(after)+1)
	if err != nil {
		return err
	}
	pair, err := r.pair(ctx, after)
	if err != nil {
		return err
	}
	defer pair.free()
	text, shadow := pair.text, pair.shadow
	watch, err := e.Watch(len(text.Tokens) + n)
	if err != nil {
		return err
	}
	defer watch.Free()

	r.report.Run = engine.DescribeRun(engine.Settings{KV: r.prompt.Cache.Type, Pins: r.pins}, r.budget, n, sampler)
	r.report.Run.Prompt, r.report.Run.Question = r.promptText(), r.first.Question
	r.report.Tokens, r.written = []engine.TokenReport{}, slices.Clone(written)
	known := r.s.given.written
	columns, start := newColumns(e.Tokenizer, text.Tokens), time.Now()
	err = text.Generate(ctx, engine.Generation{N: n, Sampler: sampler, Shadow: shadow, Watch: watch, Likeliest: 10, Known: known, Emit: func(t engine.Token) error {
		emit(Event{Token: r.describeToken(t, text.Cache, columns, shadow)})
		r.s.done.written = r.written[len(written):]
		if req.StepByStep && len(r.report.Tokens) > len(known) {
			select {
			case <-r.s.step:
			case <-ctx.Done():
			}
		}
		return ctx.Err()
	}})
	r.report.Timing = engine.DescribeTiming(r.prefillTime, r.compressTime, time.Since(start), len(r.report.Tokens))
	r.report.Stop = text.Stop
	if err != nil && !errors.Is(err, context.Canceled) { // a stopped text has its report too
		return err
	}
	fullText, err := e.Tokenizer.Decode(shadow.Text())
	if err != nil {
		return err
	}
	r.report.Quality = shadow.Describe(r.report.Tokens, fullText)
	if r.chat != nil {
		r.keepAnswer(pair)
	}
	emit(Event{Done: r.report})
	return nil
}

// pair is a text behind the compressed cache, and the full cache beside it.
type pair struct {
	text   *engine.Text // nil: somebody else's now
	shadow *engine.Shadow
}

// pair returns copies of both caches that go on with tokens.
func (r *run) pair(ctx context.Context, tokens []int) (*pair, error) {
	text, err := fork(ctx, r.text, tokens)
	if err != nil {
		return nil, err
	}
	full, err := fork(ctx, r.fullText(), tokens)
	if err != nil {
		text.Free()
		return nil, err
	}
	return &pair{text, engine.NewShadow(full, false)}, nil
}

func (p *pair) free() {
	if p.text != nil {
		p.text.Free()
	}
	p.shadow.Free()
}

// fork returns a copy of a text that goes on with tokens.
func fork(ctx context.Context, text *engine.Text, tokens []int) (*engine.Text, error) {
	fork, err := text.Fork()
	if err != nil {
		return nil, err
	}
	if err := fork.Read(ctx, tokens); err != nil {
		fork.Free()
		return nil, err
	}
	return fork, nil
}

// columns turns the tokens of the compressed and of the full run into text.
type columns struct {
	compressed, full *tokenizer.Stream
	fullRead         int // tokens of the full run that have become text
}

// newColumns returns columns that go on after a text.
func newColumns(tok *tokenizer.Tokenizer, text []int) *columns {
	c := &columns{compressed: tok.Stream(), full: tok.Stream()}
	for _, id := range text {
		c.compressed.Next(id)
		c.full.Next(id)
	}
	return c
}

// next returns the text of a token of the compressed run, and of the token in the same
// place of what the full run has written; "" if the full run has ended.
func (c *columns) next(id int, fullText []int) (piece, fullPiece string) {
	if len(fullText) > c.fullRead {
		fullPiece = c.full.Next(fullText[c.fullRead])
		c.fullRead++
	}
	return c.compressed.Next(id), fullPiece
}

// describeToken adds a token to the report and describes it for the page.
func (r *run) describeToken(t engine.Token, cache *engine.Cache, columns *columns, shadow *engine.Shadow) *Token {
	piece, fullPiece := columns.next(t.ID, shadow.Text())
	weight := cache.Describe(r.plan, r.signals)
	weight.BytesPeak = max(cache.Peak(), r.text.Cache.Peak()) // since the prompt was compressed
	r.report.Tokens, r.report.Cache = append(r.report.Tokens, t.Describe(piece)), weight
	r.written = append(r.written, t.ID)
	return &Token{
		Index: len(r.written) - 1, ID: t.ID, Text: piece, Logprob: t.Logprob,
		MS: float64(t.Time.Microseconds()) / 1e3,
		KL: t.Quality.KL, DeltaNLL: t.Quality.DeltaNLL, Top1: t.Quality.Top1,
		Top: r.candidates(t.Likeliest), TopFull: r.candidates(t.FullLikeliest), FullText: fullPiece,
		BytesOccupied: weight.BytesOccupied, BytesAllocated: weight.BytesAllocated,
		BytesPeak: weight.BytesPeak, BytesFull: weight.BytesFull,
		Attended: r.attended(t.Attention),
	}
}

// branch continues from another token: the text before it is read again after the
// compressed prompt, and both columns go on from there.
func (r *run) branch(ctx context.Context, req Request, emit func(Event)) error {
	if req.Token < 0 || req.Token >= len(r.written) {
		return wrong("token", "token %d, want 0 to %d", req.Token, len(r.written)-1)
	}
	if req.Choice < 0 || req.Choice >= r.s.engine.Config.VocabSize {
		return wrong("choice", "the model has no token %d", req.Choice)
	}
	written := slices.Concat(r.written[:req.Token], []int{req.Choice})
	return r.generate(ctx, req, written, emit)
}

// candidates describes the likeliest tokens for the page.
func (r *run) candidates(likeliest []engine.Likely) (out []Candidate) {
	for _, c := range likeliest {
		after := r.s.engine.Tokenizer.Stream()
		if r.anchor >= 0 {
			after.Next(r.anchor)
		}
		text := after.Next(c.ID)
		if text == "" { // a special token, or a part of a character
			text = r.s.engine.Tokenizer.Piece(c.ID)
		}
		out = append(out, Candidate{ID: c.ID, Text: text, Logprob: c.Logprob})
	}
	return out
}

// attended spreads the attention paid to rows over the prompt's tokens: the
// mean over layers and heads; a merged row's share goes to its tokens by their
// weights. (prompt tokens)
func (r *run) attended(attention [][]float32) []float32 {
	if attention == nil {
		return []float32{}
	}
	out := make([]float32, len(r.tokens))
	for h, rows := range r.contents {
		for j, row := range rows {
			for i, token := range row.tokens {
				out[token] += attention[h][j] * row.shares[i] / float32(len(r.contents))
			}
		}
	}
	return out
}
