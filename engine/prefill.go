package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"keyfold/compress"
	"keyfold/layout"
)

// DefaultChunk is the number of tokens that prefill feeds per submit.
const DefaultChunk = 256

// Settings say how a prompt is read and compressed. The zero value reads it into
// a full cache of halves.
type Settings struct {
	KV      layout.CacheType
	InCache bool           // keys are rotated by positions in the cache, see [Cache]
	Chunk   int            // tokens at a time at most; 0: DefaultChunk
	Needs   compress.Needs // signals to collect for other methods, besides those of Method
	Pins    [][2]int       // slots that no method may touch, as [Prompt.Pin]

	Method compress.Method // what [Prompt.Compress] compresses by
	Plan   *compress.Plan  // what it decided before, for the first compression of the same prompt; nil: not known
	Every  int             // tokens decoded from one compression to the next; 0: they are not compressed
	Turns  bool            // more is read after compression, by [Prompt.Extend]
	Future []int           // what follows the prompt, if the method wants to know, as [Prompt.Future]

	// MaxSlots bounds the slots of every head, so that a text of any length is
	// read in the same memory: Method compresses the cache whenever it is full, and
	// keeps less of a head than it wants where that is needed. With Every the bound
	// holds while tokens are decoded, too. 0: no bound, and the cache is the full one.
	MaxSlots int

	Logits func(rows []float32) error // if not nil, is given the logits of every token: (n, vocab) a chunk
	Read   func(tokens int) error     // if not nil, is told after each chunk how many tokens are read
}

// Check returns an error if n tokens cannot be read so in a context: what Prefill
// would find, before any work.
func (o *Settings) Check(n, context int) error {
	if n == 0 {
		return fmt.Errorf("prefill of no tokens, want at least one")
	}
	positions := n // that keys are rotated by
	if o.InCache && o.MaxSlots > 0 {
		positions = min(n, o.MaxSlots)
	}
	switch {
	case positions <= context:
	case positions < n:
		return fmt.Errorf("a bound of %d slots per head is more than the context of %d", o.MaxSlots, context)
	default:
		return fmt.Errorf("the prompt has %d tokens, the context %d", n, context)
	}
	if o.Method == nil && (o.Every != 0 || o.MaxSlots != 0) {
		return errors.New("settings with Every or MaxSlots need a method to compress by")
	}
	if o.Every < 0 {
		return fmt.Errorf("compress again every %d tokens, want at least 1, or 0 for never", o.Every)
	}
	if o.Every > 0 {
		if err := CanRepeat(o.Method, o.Every); err != nil {
			return err
		}
	}
	if err := o.checkTurns(); err != nil {
		return err
	}
	return o.checkBound(n)
}

// collect returns the signals that are collected on the way.
func (o *Settings) collect() (compress.Needs, error) {
	if o.Method == nil {
		return o.Needs, nil
	}
	needs, ok := o.Needs.Union(o.Method.Needs())
	if !ok {
		return needs, fmt.Errorf("no single reading collects both what %s needs and what else is wanted", o.Method.Name())
	}
	return needs, nil
}

// Prefill reads tokens into a new cache, a chunk at a time: fewer than
// asked for where the device could not do them in a moment.
func (e *Engine) Prefill(ctx context.Context, tokens []int, o Settings) (*Prompt, error) {
	if err := o.Check(len(tokens), e.Config.SeqLen); err != nil {
		return nil, err
	}
	p, err := e.newPrompt(tokens, o)
	if err != nil {
		return nil, err
	}
	if err := p.readPrompt(ctx, 0); err != nil {
		p.Free()
		return nil, err
	}
	return p, nil
}

// newPrompt returns a prompt whose tokens are still to be read.
func (e *Engine) newPrompt(tokens []int, o Settings) (*Prompt, error) {
	var err error
	if o.Needs, err = o.collect(); err != nil {
		return nil, err
	}
	slots := len(tokens)
	if o.MaxSlots > 0 {
		slots = min(slots, o.MaxSlots)
	}
	if o.Chunk == 0 {
		o.Chunk = DefaultChunk
	}
	cache, err := e.NewCache(o.KV)
	if err != nil {
		return nil, err
	}
	cache.InCache = o.InCache
	p := &Prompt{Text: Text{Cache: cache, Tokens: slices.Clone(tokens), e: e}, o: o, length: len(tokens), signals: newSignals(), has: o.Needs}
	p.has.Reread, p.has.Future = false, false // not yet
	for _, pin := range o.Pins {
		if err = p.Pin(pin[0], pin[1]); err != nil {
			break
		}
	}
	if err == nil {
		p.trace, err = newTrace(e.r, o.Needs, slots, p.signals)
	}
	if err != nil {
		p.Free()
		return nil, err
	}
	return p, nil
}

// readPrompt reads the prompt's tokens from `from` on, and behind them what the
// method wants to know about them.
func (p *Prompt) readPrompt(ctx context.Context, from int) error {
	for from < p.length {
		n := p.piece(from)
		if from > 0 {
			if err := p.restart(n); err != nil {
				return err
			}
		}
		p.trace.end = from + n
		if err := p.readPiece(ctx, from, from+n); err != nil {
			return err
		}
		if from += n; from < p.length {
			if _, _, err := p.compress(true); err != nil {
				return err
			}
		}
	}
	for _, signal := range p.signals {
		if err := signal.afterReading(ctx, p); err != nil {
			return err
		}
	}
	return nil
}

// readPiece feeds the tokens from..end-1, a chunk at a time.
func (p *Prompt) readPiece(ctx context.Context, from, end int) error {
	if err := p.Cache.reserve(end - from); err != nil {
		return err
	}
	l := lane{trace: p.trace}
	switch {
	case p.o.Logits != nil:
		l.logits = allRows
	case end == p.length:
		l.logits = lastRow
	}
	return feedAll(ctx, p.Cache, p.Tokens[from:end], p.o.Chunk, l, func(fed int, res *result) error {
		if p.o.Logits != nil {
			if err := p.o.Logits(res.logits); err != nil {
				return err
			}
		}
		if p.o.Read != nil {
			if err := p.o.Read(from + fed); err != nil {
				return err
			}
		}
		if from+fed == p.length {
			p.Logits = res.logits[len(res.logits)-p.e.Config.VocabSize:]
		}
		return nil
	})
}
