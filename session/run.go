package session

import (
	"context"
	"time"

	"keyfold/compress"
	"keyfold/engine"
	"keyfold/layout"
)

// run is a prompt that has been read, the plan last applied to it and the text
// last written after it.
type run struct {
	s          *Session
	tokens     []int         // of the prompt
	spans      []PromptToken // the same tokens for the page
	first      Request       // which prompt and question are from
	compressed Request       // by which it was compressed last
	anchor     int           // the first token with text, or -1: decoded after it, no token loses its space
	question   []int         // read after the prompt has been compressed
	reading    compress.Needs
	prompt     *engine.Prompt // the cache to be compressed, never touched; in the first turn the full one
	full       *engine.Text   // the full cache in later turns of a chat; nil: the prompt's
	chat       *conversation  // nil: no chat

	pins    [][2]int // slots from and to
	budget  float64  // of the last plan; 0: none was given
	method  compress.Method
	before  contents     // what the prompt's cache stands for
	planned              // what was decided last
	text    *engine.Text // the compressed prompt, forked for each text
	report  *engine.Report
	written []int // generated tokens of the last text

	prefillTime, compressTime time.Duration
	saturated                 *engine.Saturation // of the full cache; nil: none
}

// planned is a plan, what it was decided from, and what it makes.
type planned struct {
	plan     *compress.Plan
	signals  *compress.Signals
	weights  [][][]float32 // (heads)(rows)(slots)
	contents contents      // what the compressed cache stands for
	length   int           // tokens of the text
}

func newRun(s *Session, req Request) (*run, error) {
	tok := s.engine.Tokenizer
	r := &run{s: s, anchor: -1, first: req}
	bos := tok.AddsBOS() || req.Prompt == ""
	var err error
	if r.tokens, err = tok.Encode(req.Prompt, bos); err != nil {
		return nil, wrong("prompt", "%w", err)
	}
	if req.Question != "" {
		// Prompt and question are tokenized as one text. A token that crosses the end
		// of the prompt belongs to the question.
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
	r.freeFull()
	if r.chat != nil {
		r.chat.answer.free()
	}
	r.text, r.prompt, r.chat = nil, nil, nil
}

// freeFull gives the full cache of a later turn back.
func (r *run) freeFull() {
	if r.full != nil {
		r.full.Free()
		r.full = nil
	}
}

// fullText returns the text with the full cache.
func (r *run) fullText() *engine.Text {
	if r.full != nil {
		return r.full
	}
	return &r.prompt.Text
}

// read prefills the prompt and collects what all methods with their default
// signals need, so that any of them can be chosen afterwards.
func (r *run) read(ctx context.Context, kv layout.CacheType, emit func(Event)) error {
	r.reading = oneReading()
	o := engine.Settings{KV: kv, Needs: r.reading, Turns: r.chat != nil, Read: func(n int) error {
		if r.chat != nil {
			r.chat.read = n
		}
		emit(Event{Progress: &Progress{Step: "prompt", Done: n, Total: len(r.tokens), Unit: "tokens"}})
		return ctx.Err()
	}}
	if r.s.engine.Device.Kind == "cpu" {
		o.Chunk = 32 // the page hears "stop" between chunks
	}
	var err error
	if r.prompt, err = r.s.engine.Prefill(ctx, r.tokens, o); err != nil {
		return err
	}
	r.before = r.before.with(r.s.engine.Config.NLayers*r.s.engine.Config.NKVHeads, 0, len(r.tokens))
	r.saturated, err = r.prompt.Cache.Saturation()
	return err
}

// pin marks the tokens that the spans of the prompt touch.
func (r *run) pin(spans []Span) error {
	r.prompt.Unpin()
	r.pins = nil
	for _, span := range spans {
		for i, t := range r.spans {
			if t.From < span.To && t.To > span.From {
				if err := r.prompt.Pin(i, i+1); err != nil {
					return wrong("pins", "%w", err)
				}
				r.pins = append(r.pins, [2]int{i, i + 1})
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
	plan, signals, err := r.decide(m)
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
	r.budget = req.Budget
	r.method, r.text = m, text
	r.compressed, r.s.done.plan = req, plan
	r.planned = planned{plan, signals, weights, r.before.after(plan, weights), len(r.tokens)}
	r.compressTime = time.Since(start)

	cache := text.Cache.Describe(plan, signals)
	cache.Saturated = r.saturated
	r.report = &engine.Report{
		Model: r.s.loaded.Model, Device: r.s.loaded.Device, Version: engine.Version(), Method: engine.DescribeMethod(m, plan, signals),
		PromptTokens: len(r.tokens), Tokens: []engine.TokenReport{}, Cache: cache,
		Timing: engine.DescribeTiming(r.prefillTime, r.compressTime, 0, 0),
	}
	return nil
}
