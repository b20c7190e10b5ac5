package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"keyfold/compress"
)

// CanTakeTurns returns an error if a method cannot compress a cache again when
// more has been read behind it: it would have to read the text once more from a
// full cache, or to know what follows.
func CanTakeTurns(m compress.Method) error {
	switch needs := m.Needs(); {
	case needs.Reread:
		return fmt.Errorf("%s reads the text again from the full cache, so it can compress it only once", m.Name())
	case needs.Future:
		return fmt.Errorf("%s wants to know the tokens that follow, which neither decoding nor a chat does", m.Name())
	}
	return nil
}

// checkTurns returns an error if a text cannot go on by turns under the settings.
func (o *Settings) checkTurns() error {
	switch {
	case !o.Turns:
		return nil
	case o.Needs.Reread || o.Needs.Future:
		return errors.New("a text that goes on cannot be read again from its full cache, and its future is not known")
	case o.MaxSlots > 0 && o.Every == 0:
		return errors.New("-max-slots over turns needs -every, because answers take slots too")
	case o.Method != nil:
		return CanTakeTurns(o.Method)
	}
	return nil
}

// nextTurn returns how many slots of a bound stay free for the beginning of the next turn.
func (o *Settings) nextTurn() int {
	if !o.Turns || o.MaxSlots == 0 {
		return 0
	}
	needs, _ := o.collect()
	return leastRead(needs)
}

// Extend reads tokens behind the cache as it is, compressed and with what was
// written since, and collects signals of them, so that the cache can be compressed
// again. It needs Settings.Turns. read, if not nil, is told after each chunk how
// many of the tokens are read.
//
// What is not in the cache is not read: of a text that ended by a token, or after
// as many as were wanted, the last one was not fed and is the caller's to give.
func (p *Prompt) Extend(ctx context.Context, tokens []int, read func(tokens int) error) error {
	if err := p.canExtend(len(tokens)); err != nil {
		return err
	}
	if err := p.holdSignals(); err != nil {
		return err
	}
	from := p.Cache.textPos
	p.Tokens = append(slices.Clip(p.Tokens), tokens...)
	p.length = len(p.Tokens)
	p.o.Read = nil
	if read != nil {
		p.o.Read = func(n int) error { return read(n - from) }
	}
	if err := p.readPrompt(ctx, from); err != nil {
		p.length = p.Cache.textPos // what was read of it
		p.Tokens = p.Tokens[:p.length]
		return err
	}
	return nil
}

// canExtend returns an error unless so many tokens can be read behind the cache.
func (p *Prompt) canExtend(tokens int) error {
	switch {
	case !p.o.Turns || p.trace == nil:
		return errors.New("the text was not read to go on by turns, or its signals were given back")
	case tokens == 0:
		return errors.New("a turn of no tokens, want at least one")
	case p.o.InCache && p.o.MaxSlots > 0:
		return nil // the bound is within the context
	}
	return p.Cache.fits(tokens)
}

// holdSignals prepares the signals for tokens behind the slots that are there.
func (p *Prompt) holdSignals() error {
	if p.o.Every == 0 { // then what was decoded left no signals
		p.trace.missed += p.Cache.textPos - p.trace.end
	}
	if p.trace.stale {
		return nil // they hold what was before the compression
	}
	for _, signal := range p.signals {
		if err := signal.hold(p); err != nil {
			return err
		}
	}
	return nil
}

// Adopt makes a fork the prompt's own text, in place of that which it has: a fork to
// which a plan was applied that was decided from signals, with what was read and
// written behind it. So plans can be tried on forks, and the text goes on with one.
func (p *Prompt) Adopt(text *Text, plan *compress.Plan, signals *compress.Signals) {
	p.Text.Free()
	p.Text = *text
	p.compressed(plan, signals)
	p.decoded = 0
	p.compressions++
}
