package engine

import (
	"context"
	"errors"
	"fmt"

	"keyfold/compress"
)

// Prompt is a text that was read to be compressed: a [Text] with what methods
// need to know about it. A run is, from the first token to the last,
//
//	e, err := engine.Open(...)
//	p, err := e.Prefill(ctx, tokens, engine.Settings{Method: m})   // read, and collect signals
//	plan, signals, err := p.Compress()                            // decide, and apply the plan
//	err = p.Generate(ctx, engine.Generation{N: 64, ...})
//
// With Settings.Turns it goes on: [Prompt.Extend] reads what is next behind the
// compressed cache, which Compress then compresses again.
//
// To compare methods on one reading, ask [Prompt.Decide] for each one's plan and
// apply it to a Fork of the text.
//
// Each signal says which queries count where a cache is compressed again:
//
//	attention received        all of the text so far, the prompt's and the decoded ones. A slot's sum
//	                          is that of the slots that were folded into it; what is dropped takes its sum along
//	the last W queries'       the last W of the text
//	statistics of hidden      all of the text so far
//	states and queries
//	keys: cosine, distance    no queries: the slots as they are
//
// Over turns, the last W queries are those of the last turn, however few it has
// read, and without Every nobody counts the queries of answers: their tokens are
// slots like all others, and what is read behind them attends to them.
//
// A budget is a share of the slots that are there: with Every = N a method that
// keeps R of them settles at R N / (1 - R) slots per head. Where that many do not
// fit, below MaxSlots or with InCache in the context, it keeps fewer.
type Prompt struct {
	Text // its cache is the full one until it is compressed

	o      Settings
	length int    // tokens of the text up to the end of what was read last
	pinned []bool // (length) positions whose slots no method may touch; nil: none

	signals []signal
	has     compress.Needs // what they can tell of the cache as it is
	trace   *trace         // of those that are collected; nil: given back

	decoded      int // tokens since the last compression
	compressions int
	tightened    *Tightened // by the bound; nil: no plan
}

// Pin marks the slots of the prompt's tokens from..to-1 as not to be touched by
// any method, however often the cache is compressed. What was dropped before
// stays so, and a token that was folded is as its slot's pivot is.
func (p *Prompt) Pin(from, to int) error {
	if from < 0 || to <= from || to > p.length {
		return fmt.Errorf("pin %d:%d, want 0 <= from < to <= %d, the prompt's tokens", from, to, p.length)
	}
	p.pinned = append(p.pinned, make([]bool, p.length-len(p.pinned))...)
	for i := from; i < to; i++ {
		p.pinned[i] = true
	}
	return nil
}

// Unpin takes all pins back.
func (p *Prompt) Unpin() { p.pinned = nil }

// Free gives back the cache and the signals.
func (p *Prompt) Free() {
	p.Text.Free()
	p.FreeSignals()
}

// FreeSignals gives back what the prefill collected, when no more plans are
// wanted. The cache stays.
func (p *Prompt) FreeSignals() {
	if p.trace != nil {
		p.trace.free()
		p.trace = nil
		p.has = compress.Needs{Reread: p.has.Reread, Future: p.has.Future} // which are not on the device
	}
}

// Decide returns a method's plan for the cache as it is, and the signals that
// it decided from.
func (p *Prompt) Decide(m compress.Method) (*compress.Plan, *compress.Signals, error) {
	signals, err := p.Measure(m.Needs())
	if err != nil {
		return nil, nil, err
	}
	plan, err := planOf(m, signals)
	return plan, signals, err
}

// Compress decides by the method of the settings and applies the plan. It
// returns what was decided, and from what. Without Every and Turns the signals are
// given back: this is the only compression.
func (p *Prompt) Compress() (*compress.Plan, *compress.Signals, error) {
	plan, signals, err := p.compress(false)
	if err != nil {
		return nil, nil, err
	}
	p.decoded = 0
	p.compressions++
	switch {
	case p.o.Every > 0:
		err = p.restart(p.o.Every)
	case !p.o.Turns:
		p.FreeSignals()
	}
	return plan, signals, err
}

// Compressions returns how often Compress compressed the cache, those while
// tokens were decoded included.
func (p *Prompt) Compressions() int { return p.compressions }

// compress decides, while the prompt is read or afterwards, and applies the plan.
// The signals are then those of the old slots, until restart is called.
func (p *Prompt) compress(reading bool) (*compress.Plan, *compress.Signals, error) {
	if p.o.Method == nil {
		return nil, nil, errors.New("the prompt was read without a method to compress it by")
	}
	plan, signals, err := p.decideBelow(reading)
	if err != nil {
		return nil, nil, err
	}
	if err := p.Cache.Apply(plan); err != nil {
		return nil, nil, err
	}
	p.compressed(plan, signals)
	return plan, signals, nil
}

// compressed tells the signals that a plan was applied.
func (p *Prompt) compressed(plan *compress.Plan, signals *compress.Signals) {
	for _, signal := range p.signals {
		signal.compressed(p, plan, signals)
	}
	if p.trace != nil {
		p.trace.stale = true
	}
}

// restart makes the trace ready for the next n tokens, at the end of which the
// signals will be read.
func (p *Prompt) restart(n int) error {
	return p.trace.restart(p.Cache.longest()+n, p.Cache.textPos, p.Cache.textPos+n)
}

// Generate continues the text as [Text.Generate] does, and compresses the cache
// again after every so many tokens that were fed to it, if the settings say so.
func (p *Prompt) Generate(ctx context.Context, o Generation) error { return p.generate(ctx, o, p) }

// Decode feeds given tokens one by one, as Generate does those that it chooses,
// and compresses the cache as it does. It calls emit with the logits (vocab)
// after each token.
func (p *Prompt) Decode(ctx context.Context, tokens []int, emit func(logits []float32) error) error {
	for _, id := range tokens {
		if err := ctx.Err(); err != nil {
			return err
		}
		res, err := feedOne(lane{cache: p.Cache, tokens: words([]int{id}), logits: lastRow, trace: p.decodeTrace()})
		if err != nil {
			return err
		}
		p.Logits, p.Tokens = res.logits, append(p.Tokens, id)
		if err := emit(res.logits); err != nil {
			return err
		}
		if err := p.countDecoded(); err != nil {
			return err
		}
	}
	return nil
}

// decodeTrace returns what decoded tokens leave their signals in; nil if nobody
// will read them.
func (p *Prompt) decodeTrace() *trace {
	if p.o.Every == 0 {
		return nil
	}
	return p.trace
}

// countDecoded counts a token that was fed, and compresses when it is time.
func (p *Prompt) countDecoded() error {
	if p.decoded++; p.decoded != p.o.Every {
		return nil
	}
	_, _, err := p.Compress()
	return err
}

// positionsFor returns how many new positions n more tokens are rotated by: n,
// or with InCache those up to the next compression, which gives them back.
func (p *Prompt) positionsFor(n int) int {
	if p.o.Every == 0 || !p.Cache.InCache {
		return n
	}
	return min(n, p.o.Every-p.decoded)
}

// Measure returns the signals that needs asks for: what was collected on the way
// is read, and the rest is measured on the cache as it now is, which must be the
// full one, or what Compress or a bounded reading made of it. What was not
// collected and cannot be measured any more is an error.
func (p *Prompt) Measure(needs compress.Needs) (*compress.Signals, error) {
	if err := p.collected(needs); err != nil {
		return nil, err
	}
	s := p.slots()
	for _, signal := range p.signals {
		if err := signal.measure(p, needs, s); err != nil {
			return nil, err
		}
	}
	return s, checkSignals(s)
}

// collected returns an error unless the prompt has what needs ask for, collected
// or still to be measured on the cache.
func (p *Prompt) collected(needs compress.Needs) error {
	err := p.has.Covers(needs)
	switch {
	case err != nil && p.trace == nil && needs.OneReading():
		return errors.New("the prompt has no signals, or they were given back after its only compression")
	case err != nil:
		return err
	}
	for _, signal := range p.trace.collecting() {
		if signal.collects(needs) && p.trace.end != p.Cache.textPos {
			return fmt.Errorf("the signals are those of a text of %d tokens, the cache holds %d", p.trace.end, p.Cache.textPos)
		}
	}
	return nil
}

// slots returns signals that say what the slots and their keys are, and nothing else.
func (p *Prompt) slots() *compress.Signals {
	s := &compress.Signals{NLayers: len(p.Cache.layers), NKVHeads: p.e.Config.NKVHeads}
	s.Keys = func() ([][]float32, error) {
		k, _, err := p.Cache.Rows()
		return k, err
	}
	for l := range p.Cache.layers {
		for h := range p.Cache.layers[l].heads {
			var head compress.Head
			for _, slot := range p.Cache.headSlots(l, h) {
				head.Pos = append(head.Pos, int(slot.Pos))
				head.N = append(head.N, int(slot.N))
				head.Bias = append(head.Bias, slot.Bias)
			}
			if p.pinned != nil { // a pinned slot is never merged, so its position is its own
				head.Pinned = make([]bool, len(head.Pos))
				for slot, pos := range head.Pos {
					head.Pinned[slot] = pos < len(p.pinned) && p.pinned[pos]
				}
			}
			s.Heads = append(s.Heads, head)
		}
	}
	return s
}
