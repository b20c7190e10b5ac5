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
	trace  *trace
	e      *Engine
}

// Prefill reads tokens into a new cache, chunk tokens at a time or fewer where
// the device could not do them in a moment, and collects the signals that needs asks for. onLogits, if not nil, is given the logits of
// every token, chunk by chunk: (n, vocab).
func (e *Engine) Prefill(ctx context.Context, tokens []int, t ref.CacheType, chunk int,
	needs compress.Needs, onLogits func([]float32) error) (p *Prompt, err error) {
	if len(tokens) == 0 {
		return nil, fmt.Errorf("engine: prefill of no tokens, want at least one")
	}
	if len(tokens) > e.Config.SeqLen {
		return nil, fmt.Errorf("engine: the prompt has %d tokens, the context %d", len(tokens), e.Config.SeqLen)
	}
	cache, err := e.NewCache(t)
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
	if p.trace, err = e.r.newTrace(needs, len(tokens)); err != nil {
		return p, err
	}
	if err := cache.reserve(len(tokens)); err != nil {
		return p, err
	}
	chunk = min(chunk, e.r.tokensAtOnce(len(tokens)))
	for from := 0; from < len(tokens); from += chunk {
		if err := ctx.Err(); err != nil {
			return p, err
		}
		to := min(from+chunk, len(tokens))
		s := &step{tokens: words(tokens[from:to]), trace: p.trace}
		switch {
		case onLogits != nil:
			s.logits = allRows
		case to == len(tokens):
			s.logits = lastRow
		}
		res, err := feed(cache, s)
		if err != nil {
			return p, err
		}
		if onLogits != nil {
			if err := onLogits(res.logits); err != nil {
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
// Ballots are nil unless needs.Votes is set and the prompt reaches its MinLen.
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
	if needs.Votes != nil && p.tokens > needs.Votes.NSkip {
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
