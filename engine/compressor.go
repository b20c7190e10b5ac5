package engine

import (
	"context"
	"fmt"

	"keyfold/compress"
)

// Compressor makes the cache of a prompt smaller by one method: once, or again
// and again while the text goes on.
//
// What a method knows the second time is measured on the cache as it then is,
// merged slots and all. Each signal says which queries count:
//
//	attention received        all of the text so far, the prompt's and the decoded ones. A slot's sum
//	                          is that of the slots that were folded into it; what is dropped takes its sum along
//	the last W queries'       the last W of the text
//	statistics of hidden      all of the text so far
//	states and queries
//	keys: cosine, distance    no queries: the slots as they are
//
// A budget is a share of the slots that are there: with every = N a method that
// keeps R of them settles at R N / (1 - R) slots per head.
type Compressor struct {
	p      *Prompt
	method compress.Method
	every  int // tokens from one compression to the next; 0: there is only one
	fed    int // tokens since the last one
	times  int
}

// Compressor returns what compresses the prompt's cache by a method, whose
// signals the prompt was read with: now, when Compress is called, and behind
// every further `every` tokens of its Generate; 0: only now. It is an error if
// the method needs what decoding so many tokens does not tell ([CanRepeat]).
func (p *Prompt) Compressor(m compress.Method, every int) (*Compressor, error) {
	if every < 0 {
		return nil, fmt.Errorf("engine: compress again every %d tokens, want at least 1, or 0 for never", every)
	}
	if every > 0 {
		if err := CanRepeat(m, every); err != nil {
			return nil, fmt.Errorf("engine: %w", err)
		}
	}
	return &Compressor{p: p, method: m, every: every}, nil
}

// CanRepeat returns an error if a method cannot compress a cache again n tokens
// after it did: it would have to read the text once more from a full cache, to
// know what follows, or to ask queries of tokens that it has folded already.
func CanRepeat(m compress.Method, n int) error {
	needs := m.Needs()
	last := needs.Last()
	switch {
	case needs.Reread:
		return fmt.Errorf("%s reads the text again from the full cache, so it can compress it only once", m.Name())
	case needs.Future:
		return fmt.Errorf("%s wants to know the tokens that follow, which decoding does not", m.Name())
	case n < last:
		return fmt.Errorf("%s asks the queries of the last %d tokens, so at least %d lie between two compressions, not %d",
			m.Name(), last, last, n)
	}
	return nil
}

// Compress decides on the cache as it is and applies the plan. It returns what
// was decided, and from what.
func (c *Compressor) Compress() (*compress.Plan, *compress.Signals, error) {
	plan, signals, err := c.p.compress(c.method)
	if err != nil {
		return nil, nil, err
	}
	c.fed = 0
	c.times++
	if c.every == 0 {
		c.p.FreeSignals()
		return plan, signals, nil
	}
	return plan, signals, c.p.listen(c.every)
}

// Times returns how often the cache was compressed.
func (c *Compressor) Times() int { return c.times }

// Generate is [Engine.Generate] on the prompt's cache, which it compresses after
// every so many tokens that were fed to it.
func (c *Compressor) Generate(ctx context.Context, text []int, n int, s Sampler, shadow *Shadow, emit func(Token) error) error {
	return c.p.e.generate(ctx, c.p.Cache, c.p.Logits, text, n, s, shadow, nil, c, emit)
}

// Feed feeds a given text to the prompt's cache, token by token, and compresses
// it as Generate does. It calls emit with the logits (vocab) after each token.
func (c *Compressor) Feed(ctx context.Context, text []int, emit func(logits []float32) error) error {
	for _, id := range text {
		if err := ctx.Err(); err != nil {
			return err
		}
		res, err := feed(c.p.Cache, &step{tokens: words([]int{id}), logits: lastRow, trace: c.trace()})
		if err != nil {
			return err
		}
		if err := emit(res.logits); err != nil {
			return err
		}
		if err := c.took(); err != nil {
			return err
		}
	}
	return nil
}

// trace returns what decoded tokens leave their signals in; nil if nobody will read them.
func (c *Compressor) trace() *trace {
	if c.every == 0 {
		return nil
	}
	return c.p.trace
}

// before returns how many of n tokens are fed before the cache is compressed, or
// all where that gives no room: positions in the text go on. c may be nil.
func (c *Compressor) before(n int) int {
	if c == nil || c.every == 0 || !c.p.Cache.InCache {
		return n
	}
	return min(n, c.every-c.fed)
}

// took counts a token that was fed, and compresses when it is time.
func (c *Compressor) took() error {
	c.fed++
	if c.fed != c.every {
		return nil
	}
	_, _, err := c.Compress()
	return err
}

// compress decides and applies the plan. The signals are then those of the old
// slots, until listen is called.
func (p *Prompt) compress(m compress.Method) (*compress.Plan, *compress.Signals, error) {
	plan, signals, _, err := p.Decide(m)
	if err != nil {
		return nil, nil, err
	}
	if err := p.Cache.Apply(plan); err != nil {
		return nil, nil, err
	}
	p.reread, p.future = nil, nil // they are of slots that are no more
	p.received = received(plan, signals, m.Needs())
	return plan, signals, nil
}

// received returns the attention that each row of a plan has received as part of
// its slots: (n_layers * n_kv_heads)(rows). It is nil for methods that do not ask,
// or ask only for that of the last queries.
func received(plan *compress.Plan, s *compress.Signals, needs compress.Needs) [][]float32 {
	if !needs.Mass || needs.MassLast > 0 {
		return nil
	}
	sums := make([][]float32, len(plan.Heads))
	for h, rows := range plan.Heads {
		for _, row := range rows {
			var sum float32
			for _, slot := range row.Slots {
				sum += s.Heads[h].Mass[slot]
			}
			sums[h] = append(sums[h], sum)
		}
	}
	return sums
}

// listen makes the trace ready for the next n tokens, at the end of which the
// signals will be read. Attention is added up from nothing: p.received has what
// the slots brought along. Statistics go on.
func (p *Prompt) listen(n int) error {
	t, slots := p.trace, p.Cache.longest()+n
	fresh, err := p.e.r.newTrace(compress.Needs{Mass: t.needs.Mass}, slots)
	if err != nil {
		return err
	}
	t.cpu.mass, fresh.cpu.mass = fresh.cpu.mass, t.cpu.mass
	t.gpu.mass, fresh.gpu.mass = fresh.gpu.mass, t.gpu.mass
	p.e.r.freeTrace(fresh) // with the old sums
	t.slots, t.end = slots, p.Cache.next+n
	return nil
}
