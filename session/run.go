package session

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"keyfold/compress"
	"keyfold/engine"
	"keyfold/engine/tokenizer"
	"keyfold/layout"
)

// run is a prompt that has been read, the plan last applied to it and the text
// last written behind it.
type run struct {
	s        *Session
	tokens   []int         // of the prompt
	spans    []PromptToken // likewise
	anchor   int           // a token with text: the first of a text loses its space; -1: none
	question []int         // read behind the compressed prompt
	reading  compress.Needs
	prompt   *engine.Prompt // the full cache, never touched

	method  compress.Method
	plan    *compress.Plan
	signals *compress.Signals
	weights [][][]float32 // (heads)(rows)(slots)
	text    *engine.Text  // the compressed prompt, forked for each text
	report  *engine.Report
	written []int // generated tokens of the last text

	prefillTime, compressTime time.Duration
}

func newRun(s *Session, req Request) (*run, error) {
	tok := s.engine.Tokenizer
	r := &run{s: s, anchor: -1}
	bos := tok.AddsBOS() || req.Prompt == ""
	var err error
	if r.tokens, err = tok.Encode(req.Prompt, bos); err != nil {
		return nil, wrong("prompt", "%w", err)
	}
	if req.Question != "" {
		// The two have the tokens that they have as one text; a token across the
		// end of the prompt goes to the question.
		whole, err := tok.Encode(req.Prompt+req.Question, bos)
		if err != nil {
			return nil, wrong("question", "%w", err)
		}
		n := 0
		for n < min(len(r.tokens), len(whole)) && r.tokens[n] == whole[n] {
			n++
		}
		if n == 0 {
			return nil, wrong("question", "the prompt is one token together with the question: begin the question with a space")
		}
		r.tokens, r.question = r.tokens[:n], whole[n:]
	}
	left := s.engine.Config.SeqLen - len(r.tokens) - len(r.question) + 1
	if left < 1 {
		return nil, wrong("prompt", "the prompt and the question have %d tokens, this model's context is %d",
			len(r.tokens)+len(r.question), s.engine.Config.SeqLen)
	}
	if _, err := tokensToWrite(req.N, left); err != nil {
		return nil, err
	}
	stream, at := tok.Stream(), 0
	for _, id := range r.tokens {
		text := stream.Next(id)
		if r.anchor < 0 && text != "" {
			r.anchor = id
		}
		to := min(at+len(text), len(req.Prompt))
		r.spans = append(r.spans, PromptToken{ID: id, Text: text, From: at, To: to})
		at = to
	}
	return r, nil
}

// tokensToWrite checks a request's number of tokens against what the context
// leaves. 0 stands for 64, or what is left.
func tokensToWrite(n, left int) (int, error) {
	switch {
	case n < 0 || n > left:
		return 0, wrong("n", "%d tokens are wanted, the context leaves %d", n, left)
	case n == 0:
		return min(64, left), nil
	}
	return n, nil
}

func (r *run) free() {
	if r.text != nil {
		r.text.Free()
	}
	if r.prompt != nil {
		r.prompt.Free()
	}
	r.text, r.prompt = nil, nil
}

// read prefills the prompt and collects what all methods with their default
// signals need, so that any of them can be chosen afterwards.
func (r *run) read(ctx context.Context, kv layout.CacheType, emit func(Event)) error {
	r.reading = oneReading()
	o := engine.Settings{KV: kv, Needs: r.reading, Read: func(n int) error {
		emit(Event{Progress: &Progress{Step: "prompt", Done: n, Total: len(r.tokens), Unit: "tokens"}})
		return ctx.Err()
	}}
	if r.s.engine.Device.Kind == "cpu" {
		o.Chunk = 32 // the page hears "stop" between chunks
	}
	var err error
	r.prompt, err = r.s.engine.Prefill(ctx, r.tokens, o)
	return err
}

// pin marks the tokens that the spans of the prompt touch.
func (r *run) pin(spans []Span) error {
	r.prompt.Unpin()
	for _, span := range spans {
		for i, t := range r.spans {
			if t.From < span.To && t.To > span.From {
				if err := r.prompt.Pin(i, i+1); err != nil {
					return wrong("pins", "%w", err)
				}
			}
		}
	}
	return nil
}

// compress decides and applies a plan to a copy of the full cache. If that
// fails, the plan before it stays in force.
func (r *run) compress(req Request) error {
	m, err := newMethod(req)
	if err != nil {
		return err
	}
	if err := r.reading.Covers(m.Needs()); err != nil {
		return wrong("options", "these options need a reading of their own: %w", err)
	}
	if req.Pins != nil {
		if err := r.pin(req.Pins); err != nil {
			return err
		}
	}
	start := time.Now()
	plan, signals, err := r.prompt.Decide(m)
	if err != nil && req.Budget > 0 { // the budget is out of this cache's reach
		return wrong("budget", "%w", err)
	}
	if err != nil {
		return err
	}
	text, err := r.prompt.Fork()
	if err != nil {
		return err
	}
	weights, err := text.Cache.ApplyWeights(plan)
	if err != nil {
		text.Free()
		return err
	}
	if r.text != nil {
		r.text.Free()
	}
	r.method, r.plan, r.signals, r.text, r.weights = m, plan, signals, text, weights
	r.compressTime = time.Since(start)

	r.report = &engine.Report{
		Model: r.s.loaded.Model, Device: r.s.loaded.Device, Method: engine.DescribeMethod(m, plan, signals),
		PromptTokens: len(r.tokens), Tokens: []engine.TokenReport{}, Cache: text.Cache.Describe(plan, signals),
		Timing: engine.DescribeTiming(r.prefillTime, r.compressTime, 0, 0),
	}
	return nil
}

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
	text, err := fork(ctx, r.text, after)
	if err != nil {
		return err
	}
	defer text.Free()
	full, err := fork(ctx, &r.prompt.Text, after)
	if err != nil {
		return err
	}
	shadow := engine.NewShadow(full, false)
	defer shadow.Free()
	watch, err := e.Watch(len(text.Tokens) + n)
	if err != nil {
		return err
	}
	defer watch.Free()

	r.report.Tokens, r.written = []engine.TokenReport{}, slices.Clone(written)
	columns, start := newColumns(e.Tokenizer, text.Tokens), time.Now()
	err = text.Generate(ctx, engine.Generation{N: n, Sampler: sampler, Shadow: shadow, Watch: watch, Emit: func(t engine.Token) error {
		emit(Event{Token: r.describeToken(t, text.Cache, columns, shadow)})
		if req.StepByStep {
			select {
			case <-r.s.step:
			case <-ctx.Done():
			}
		}
		return ctx.Err()
	}})
	r.report.Timing = engine.DescribeTiming(r.prefillTime, r.compressTime, time.Since(start), len(r.report.Tokens))
	if err != nil && !errors.Is(err, context.Canceled) { // a stopped text has its report too
		return err
	}
	fullText, err := e.Tokenizer.Decode(shadow.Text())
	if err != nil {
		return err
	}
	r.report.Quality = shadow.Describe(r.report.Tokens, fullText)
	emit(Event{Done: r.report})
	return nil
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
		Top: r.likeliest(t.Logits), TopFull: r.likeliest(t.FullLogits), FullText: fullPiece,
		BytesOccupied: weight.BytesOccupied, BytesAllocated: weight.BytesAllocated,
		BytesPeak: weight.BytesPeak, BytesFull: weight.BytesFull,
		Attended: r.attended(t.Attention),
	}
}

// branch continues from another token: the text before it is read again behind
// the compressed prompt, and both columns go on from there.
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

// likeliest returns the ten likeliest tokens.
func (r *run) likeliest(logits []float32) []Candidate {
	const n = 10
	wide := make([]float64, len(logits))
	var ids []int // of the n largest, the first of equals first
	for id, v := range logits {
		wide[id] = float64(v)
		if len(ids) == n && v <= logits[ids[n-1]] {
			continue
		}
		at, _ := slices.BinarySearchFunc(ids, v, func(other int, v float32) int {
			if logits[other] >= v {
				return -1
			}
			return 1
		})
		if ids = slices.Insert(ids, at, id); len(ids) > n {
			ids = ids[:n]
		}
	}
	norm := layout.LogSumExp(wide)
	var out []Candidate
	for _, id := range ids {
		after := r.s.engine.Tokenizer.Stream()
		if r.anchor >= 0 {
			after.Next(r.anchor)
		}
		text := after.Next(id)
		if text == "" { // a special token, or a part of a character
			text = r.s.engine.Tokenizer.Piece(id)
		}
		out = append(out, Candidate{ID: id, Text: text, Logprob: wide[id] - norm})
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
	for h, rows := range r.plan.Heads {
		for j, row := range rows {
			for i, slot := range row.Slots {
				out[slot] += attention[h][j] * r.weights[h][j][i] / float32(len(r.plan.Heads))
			}
		}
	}
	return out
}

// describePlan says what became of every slot.
func (r *run) describePlan() *Plan {
	p := &Plan{
		Method: r.plan.Method, Options: r.plan.Options, Differs: r.report.Method.Differs,
		Layers: r.signals.NLayers, KVHeads: r.signals.NKVHeads, Slots: len(r.tokens), Ratio: r.report.Cache.Ratio,
		MS:        float64(r.compressTime.Microseconds()) / 1e3,
		BytesFull: r.report.Cache.BytesFull, BytesOccupied: r.report.Cache.BytesOccupied,
		BytesAllocated: r.report.Cache.BytesAllocated, BytesPeak: r.report.Cache.BytesPeak,
	}
	for i, rows := range r.plan.Heads {
		signals := &r.signals.Heads[i]
		head := PlanHead{Row: make([]int, signals.Slots()), Mass: signals.Mass, Cosine: signals.Cosine, BStep: signals.BStep}
		for slot := range head.Row {
			head.Row[slot] = -1
		}
		for j, row := range rows {
			head.Pivot, head.N = append(head.Pivot, row.Pivot), append(head.N, row.N)
			for _, slot := range row.Slots {
				head.Row[slot] = j
			}
		}
		for _, v := range signals.Votes {
			head.Votes = append(head.Votes, int(v))
		}
		p.Heads = append(p.Heads, head)
	}
	return p
}

// headOf returns the index of the head that a request names.
func (r *run) headOf(req Request) (int, error) {
	if req.Layer < 0 || req.Layer >= r.signals.NLayers || req.Head < 0 || req.Head >= r.signals.NKVHeads {
		return 0, wrong("head", "layer %d head %d, want 0 to %d and 0 to %d",
			req.Layer, req.Head, r.signals.NLayers-1, r.signals.NKVHeads-1)
	}
	return req.Layer*r.signals.NKVHeads + req.Head, nil
}

// cell takes a row of the compressed cache apart.
func (r *run) cell(req Request, emit func(Event)) error {
	h, err := r.headOf(req)
	if err != nil {
		return err
	}
	if req.Row < 0 || req.Row >= len(r.plan.Heads[h]) {
		return wrong("row", "row %d, this head has 0 to %d", req.Row, len(r.plan.Heads[h])-1)
	}
	row := r.plan.Heads[h][req.Row]
	cell := &Cell{
		Layer: req.Layer, Head: req.Head, Row: req.Row, Pivot: row.Pivot, N: row.N, Bias: float64(row.Bias),
		Rule: row.Rule.String(), Sigma: float64(row.Sigma), Slots: row.Slots, Weights: r.weights[h][req.Row],
	}
	if row.Rule == compress.Explicit {
		var values []float32
		if cell.Slots, cell.Weights, values = row.Explicit(); !slices.Equal(values, cell.Weights) {
			cell.ValueWeights = values
		}
	}
	emit(Event{Cell: cell})
	emit(Event{Done: r.report})
	return nil
}

// ballots replays GVote's votes of a head: the draws are nested, so the votes
// of s samples without those of s-1 are the ballot of sample s.
func (r *run) ballots(req Request, emit func(Event)) error {
	h, err := r.headOf(req)
	if err != nil {
		return err
	}
	needs := r.method.Needs()
	if needs.Votes == nil {
		return wrong("method", "%s has no ballots; choose %s", r.method.Name(), voting())
	}
	out := &Ballots{Layer: req.Layer, Head: req.Head, Rounds: [][]int{}}
	before := make([]uint32, len(r.tokens))
	options := *needs.Votes
	all := options.Samples
	for samples := 1; samples <= all; samples++ {
		options.Samples = samples
		signals, err := r.prompt.Measure(compress.Needs{Votes: &options})
		if err != nil {
			return err
		}
		if signals.Heads[h].Votes == nil {
			return fmt.Errorf("the prompt has %d tokens, too few for a vote", len(r.tokens))
		}
		round := []int{}
		for slot, votes := range signals.Heads[h].Votes {
			if votes > before[slot] {
				round = append(round, slot)
			}
		}
		copy(before, signals.Heads[h].Votes)
		out.Rounds, out.BStep = append(out.Rounds, round), signals.Heads[h].BStep
		size := samples * r.s.engine.Config.Dim
		out.Hidden = r.prompt.Ballots().Hidden[req.Layer*size : (req.Layer+1)*size]
	}
	emit(Event{Ballots: out})
	emit(Event{Done: r.report})
	return nil
}

// similarity computes the cosine of all pairs of a head's keys.
func (r *run) similarity(req Request, emit func(Event)) error {
	h, err := r.headOf(req)
	if err != nil {
		return err
	}
	cosine, err := r.prompt.Cache.Similarity(req.Layer, req.Head)
	if err != nil {
		return err
	}
	emit(Event{Map: &SimilarityMap{Layer: req.Layer, Head: req.Head, Slots: r.signals.Heads[h].Slots(), Cosine: cosine}})
	emit(Event{Done: r.report})
	return nil
}
