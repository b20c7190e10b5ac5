package engine

import (
	"context"
	"fmt"

	"keyfold/compress"
	"keyfold/gpu/ref"
)

// DefaultChunk is the number of tokens that prefill feeds per submit.
const DefaultChunk = 256

// Prompt is a text that has been read: its full cache, the logits after its
// last token, and what the methods need to know about it. The cache can be
// forked and compressed any number of times without reading the text again.
type Prompt struct {
	Cache  *Cache
	Logits []float32 // (vocab) after the last token

	tokens int
	pinned []bool // (tokens) slots that no method may touch; nil: none
	trace  *trace
	e      *Engine
}

// Pin marks the slots from..to-1 as not to be touched by any method. The
// cache is still the full one, so slots are places in the text.
func (p *Prompt) Pin(from, to int) error {
	if from < 0 || to <= from || to > p.tokens {
		return fmt.Errorf("engine: pin %d:%d, want 0 <= from < to <= %d, the prompt's tokens", from, to, p.tokens)
	}
	if p.pinned == nil {
		p.pinned = make([]bool, p.tokens)
	}
	for i := from; i < to; i++ {
		p.pinned[i] = true
	}
	return nil
}

// Unpin takes all pins back.
func (p *Prompt) Unpin() { p.pinned = nil }

// Reading says how a prompt is read.
type Reading struct {
	KV     ref.CacheType
	Chunk  int                        // tokens at a time at most; 0: DefaultChunk
	Needs  compress.Needs             // signals to collect on the way
	Logits func(rows []float32) error // if not nil, is given the logits of every token: (n, vocab) a chunk
	Read   func(tokens int) error     // if not nil, is told after each chunk how many tokens are read
}

// Prefill reads tokens into a new cache, a chunk at a time: fewer than
// asked for where the device could not do them in a moment.
func (e *Engine) Prefill(ctx context.Context, tokens []int, o Reading) (p *Prompt, err error) {
	if len(tokens) == 0 {
		return nil, fmt.Errorf("engine: prefill of no tokens, want at least one")
	}
	if len(tokens) > e.Config.SeqLen {
		return nil, fmt.Errorf("engine: the prompt has %d tokens, the context %d", len(tokens), e.Config.SeqLen)
	}
	cache, err := e.NewCache(o.KV)
	if err != nil {
		return nil, err
	}
	p = &Prompt{Cache: cache, tokens: len(tokens), e: e}
	defer func() {
		if err != nil {
			p.Free()
			p = nil
		}
	}()
	if p.trace, err = e.r.newTrace(o.Needs, len(tokens)); err != nil {
		return p, err
	}
	if err := cache.reserve(len(tokens)); err != nil {
		return p, err
	}
	chunk := o.Chunk
	if chunk == 0 {
		chunk = DefaultChunk
	}
	chunk = min(chunk, e.r.tokensAtOnce(len(tokens)))
	for from := 0; from < len(tokens); from += chunk {
		if err := ctx.Err(); err != nil {
			return p, err
		}
		to := min(from+chunk, len(tokens))
		s := &step{tokens: words(tokens[from:to]), trace: p.trace}
		switch {
		case o.Logits != nil:
			s.logits = allRows
		case to == len(tokens):
			s.logits = lastRow
		}
		res, err := feed(cache, s)
		if err != nil {
			return p, err
		}
		if o.Logits != nil {
			if err := o.Logits(res.logits); err != nil {
				return p, err
			}
		}
		if o.Read != nil {
			if err := o.Read(to); err != nil {
				return p, err
			}
		}
		if to == len(tokens) {
			p.Logits = res.logits[len(res.logits)-e.Config.VocabSize:]
		}
	}
	return p, nil
}

// words converts token ids to the shaders' type. feed checks their range.
func words(ids []int) []uint32 {
	w := make([]uint32, len(ids))
	for i, id := range ids {
		w[i] = uint32(id)
	}
	return w
}

// Free gives back the cache and the signals.
func (p *Prompt) Free() {
	p.Cache.Free()
	p.FreeSignals()
}

// FreeSignals gives back what the prefill collected, when no more plans are
// wanted. The cache stays.
func (p *Prompt) FreeSignals() {
	if p.trace != nil {
		p.e.r.freeTrace(p.trace)
		p.trace = nil
	}
}

// Signals reads what the prefill collected, and measures the rest of what needs
// asks for on the prompt's cache as it is now, which must be the full one.
// Ballots are nil unless needs.Votes is set and the prompt is longer than what
// the statistics skip and than MinLen, below which nobody votes.
func (p *Prompt) Signals(needs compress.Needs) (*compress.Signals, *Ballots, error) {
	c, r := p.Cache, p.e.r
	s := &compress.Signals{NLayers: len(c.layers), NKVHeads: p.e.Config.NKVHeads}
	for l := range c.layers {
		for h := range c.layers[l].heads {
			var head compress.Head
			for _, slot := range c.headSlots(l, h) {
				head.Pos = append(head.Pos, int(slot.Pos))
				head.N = append(head.N, int(slot.N))
				head.Bias = append(head.Bias, slot.Bias)
			}
			head.Pinned = p.pinned
			s.Heads = append(s.Heads, head)
		}
	}
	s.Distance = func(pivots [][]int) ([][]float32, error) { return r.distance(c, pivots) }
	if needs.Mass {
		mass, err := r.readMass(p.trace)
		if err != nil {
			return nil, nil, err
		}
		for i := range s.Heads {
			s.Heads[i].Mass = mass[i]
		}
	}
	if needs.Cosine {
		cosine, err := r.cosine(c)
		if err != nil {
			return nil, nil, err
		}
		for i := range s.Heads {
			s.Heads[i].Cosine = cosine[i]
		}
	}
	var ballots *Ballots
	if needs.Votes != nil && p.tokens > needs.Votes.NSkip && p.tokens >= needs.Votes.MinLen {
		var err error
		if ballots, err = r.ballots(c, p.trace, *needs.Votes); err != nil {
			return nil, nil, err
		}
		for i := range s.Heads {
			s.Heads[i].Votes, s.Heads[i].BStep = ballots.Votes[i], ballots.BStep[i]
		}
	}
	return s, ballots, nil
}

// Decide runs a method on the prompt's signals.
func (p *Prompt) Decide(m compress.Method) (*compress.Plan, *compress.Signals, *Ballots, error) {
	signals, ballots, err := p.Signals(m.Needs())
	if err != nil {
		return nil, nil, nil, err
	}
	plan, err := m.Plan(signals)
	if err != nil {
		return nil, nil, nil, err
	}
	if err := plan.Check(signals); err != nil {
		panic("BUG: " + err.Error())
	}
	return plan, signals, ballots, nil
}

// Feed appends tokens behind what the cache holds, whatever compression did to
// it, and returns the logits after the last one.
func (e *Engine) Feed(ctx context.Context, c *Cache, tokens []int) ([]float32, error) {
	var logits []float32
	for from := 0; from < len(tokens); {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		to := min(from+min(DefaultChunk, e.r.tokensAtOnce(c.next+len(tokens))), len(tokens))
		res, err := feed(c, &step{tokens: words(tokens[from:to]), logits: lastRow})
		if err != nil {
			return nil, err
		}
		logits, from = res.logits, to
	}
	return logits, nil
}
