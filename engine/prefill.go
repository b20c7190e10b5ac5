package engine

import (
	"context"
	"fmt"
	"slices"

	"keyfold/compress"
	"keyfold/layout"
)

// DefaultChunk is the number of tokens that prefill feeds per submit.
const DefaultChunk = 256

// Prompt is a text that has been read: its full cache (but see
// [Reading].MaxSlots), the logits after its last token, and what the methods need
// to know about it. The cache can be forked and compressed any number of times
// without reading the text again.
type Prompt struct {
	Cache  *Cache
	Logits []float32 // (vocab) after the last token

	tokens int
	pinned []bool // (tokens) positions whose slots no method may touch; nil: none

	// Attention that texts behind the prompt paid to its slots, (n_layers * n_kv_heads)(tokens).
	reread [][]float32 // its own text, the most that one query paid; nil: not read again
	future [][]float32 // what follows, summed; nil: not known

	trace    *trace
	received [][]float32 // attention that slots received before the trace began, (n_layers * n_kv_heads)(slots); nil: none
	e        *Engine
}

// Pin marks the slots of the prompt's tokens from..to-1 as not to be touched by
// any method, however often the cache is compressed.
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
	KV     layout.CacheType
	Chunk  int                        // tokens at a time at most; 0: DefaultChunk
	Needs  compress.Needs             // signals to collect on the way
	Logits func(rows []float32) error // if not nil, is given the logits of every token: (n, vocab) a chunk
	Read   func(tokens int) error     // if not nil, is told after each chunk how many tokens are read
	Pins   [][2]int                   // slots that no method may touch, as [Prompt.Pin]

	InCache bool // keys are rotated by positions in the cache, see [Cache]

	// MaxSlots bounds the slots of every head, so that a text of any length is
	// read in the same memory: Method, whose Needs are those above, compresses
	// the cache whenever it is full. 0: no bound, and the cache is the full one.
	MaxSlots int
	Method   compress.Method
}

// With MaxSlots at least leastPiece tokens are read from one compression to the
// next: with less room a text would be compressed at every other token.
const leastPiece = 16

// CanBound returns an error if a method cannot read a text in so many slots per
// head: it cannot compress again ([CanRepeat]), or they are too few. Whether it
// drops enough turns out on the way.
func CanBound(m compress.Method, maxSlots int) error {
	read := leastRead(m.Needs())
	if err := CanRepeat(m, read); err != nil {
		return fmt.Errorf("a bound of %d slots per head: %w", maxSlots, err)
	}
	if least := 1 + read; maxSlots < least { // a compression leaves one slot at least
		return fmt.Errorf("a bound of %d slots per head is too low for %s, want at least %d", maxSlots, m.Name(), least)
	}
	return nil
}

// leastRead returns how many tokens must fit behind what a compression leaves.
// A method that asks the queries of the last tokens needs them in the last
// piece, and as many in the one before it, which may have to end early for that.
func leastRead(needs compress.Needs) int {
	return max(leastPiece, 2*needs.Last())
}

// Prefill reads tokens into a new cache, a chunk at a time: fewer than
// asked for where the device could not do them in a moment.
func (e *Engine) Prefill(ctx context.Context, tokens []int, o Reading) (p *Prompt, err error) {
	if len(tokens) == 0 {
		return nil, fmt.Errorf("engine: prefill of no tokens, want at least one")
	}
	switch most := o.positions(len(tokens)); {
	case most <= e.Config.SeqLen:
	case most < len(tokens):
		return nil, fmt.Errorf("engine: a bound of %d slots per head is more than the context of %d", o.MaxSlots, e.Config.SeqLen)
	default:
		return nil, fmt.Errorf("engine: the prompt has %d tokens, the context %d", len(tokens), e.Config.SeqLen)
	}
	cache, err := e.NewCache(o.KV)
	if err != nil {
		return nil, err
	}
	cache.InCache = o.InCache
	p = &Prompt{Cache: cache, tokens: len(tokens), e: e}
	defer func() {
		if err != nil {
			p.Free()
			p = nil
		}
	}()
	slots := len(tokens)
	if o.MaxSlots > 0 {
		if err := CanBound(o.Method, o.MaxSlots); err != nil {
			return p, fmt.Errorf("engine: %w", err)
		}
		slots = min(slots, o.MaxSlots)
	}
	for _, pin := range o.Pins {
		if err := p.Pin(pin[0], pin[1]); err != nil {
			return p, err
		}
	}
	if p.trace, err = e.r.newTrace(o.Needs, slots); err != nil {
		return p, err
	}
	if o.Chunk == 0 {
		o.Chunk = DefaultChunk
	}
	o.Chunk = min(o.Chunk, e.r.tokensAtOnce(slots))
	for from := 0; from < len(tokens); {
		n, err := p.piece(from, o)
		if err != nil {
			return p, err
		}
		if from > 0 {
			if err := p.listen(n); err != nil {
				return p, err
			}
		}
		p.trace.end = from + n
		if err := p.read(ctx, tokens, from, from+n, o); err != nil {
			return p, err
		}
		if from += n; from < len(tokens) {
			if _, _, err := p.compress(o.Method); err != nil {
				return p, err
			}
		}
	}
	if o.Needs.Reread {
		return p, p.readAgain(ctx, tokens)
	}
	return p, nil
}

// positions returns how many different ones the keys of n tokens are rotated by
// while they are read.
func (o *Reading) positions(n int) int {
	if o.InCache && o.MaxSlots > 0 {
		return min(n, o.MaxSlots)
	}
	return n
}

// piece returns how many tokens from `from` on are read before the cache is
// compressed: all, or what o.MaxSlots leaves. A method that asks the queries of
// the last tokens finds as many in the last piece, too.
func (p *Prompt) piece(from int, o Reading) (int, error) {
	rest := p.tokens - from
	if o.MaxSlots == 0 {
		return rest, nil
	}
	longest := p.Cache.longest()
	free, least := o.MaxSlots-longest, leastRead(o.Needs)
	switch {
	case free >= rest:
		return rest, nil
	case free < least:
		return 0, fmt.Errorf("engine: %s leaves %d slots in a head after %d tokens; with the %d at least that are read before it compresses again that is more than the bound of %d",
			o.Method.Name(), longest, from, least, o.MaxSlots)
	}
	return min(free, rest-o.Needs.Last()), nil
}

// read feeds the tokens from..end-1, a chunk at a time.
func (p *Prompt) read(ctx context.Context, tokens []int, from, end int, o Reading) error {
	if err := p.Cache.reserve(end - from); err != nil {
		return err
	}
	s := step{trace: p.trace}
	switch {
	case o.Logits != nil:
		s.logits = allRows
	case end == len(tokens):
		s.logits = lastRow
	}
	return feedAll(ctx, p.Cache, tokens[from:end], o.Chunk, s, func(fed int, res *result) error {
		if o.Logits != nil {
			if err := o.Logits(res.logits); err != nil {
				return err
			}
		}
		if o.Read != nil {
			if err := o.Read(from + fed); err != nil {
				return err
			}
		}
		if from+fed == len(tokens) {
			p.Logits = res.logits[len(res.logits)-p.e.Config.VocabSize:]
		}
		return nil
	})
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

// Signals reads what was collected on the way, and measures the rest of what needs
// asks for on the prompt's cache as it is now, which must be the full one or what
// a [Compressor] or a bounded reading made of it.
// What a prefill did not collect and cannot be measured any more is an error.
// Ballots are nil unless needs.Votes is set and the text is longer than what
// the statistics skip and at least as long as MinLen: nobody votes on a shorter one.
func (p *Prompt) Signals(needs compress.Needs) (*compress.Signals, *Ballots, error) {
	if err := p.collected(needs); err != nil {
		return nil, nil, err
	}
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
			if p.pinned != nil { // a pinned slot is never merged, so its position is its own
				head.Pinned = make([]bool, len(head.Pos))
				for slot, pos := range head.Pos {
					head.Pinned[slot] = pos < len(p.pinned) && p.pinned[pos]
				}
			}
			s.Heads = append(s.Heads, head)
		}
	}
	s.Distance = func(pivots [][]int, aligned bool) ([][]float32, error) { return r.distance(c, pivots, aligned) }
	s.Keys = func() ([][]float32, error) {
		k, _, err := c.Rows()
		return k, err
	}
	if needs.Mass {
		mass, err := r.readMass(p.trace)
		if err != nil {
			return nil, nil, err
		}
		for i := range s.Heads {
			s.Heads[i].Mass = mass[i][:s.Heads[i].Slots()]
			if p.received != nil {
				s.Heads[i].Mass = slices.Clone(s.Heads[i].Mass) // the CPU's sums go on
				for slot, sum := range p.received[i] {
					s.Heads[i].Mass[slot] += sum
				}
			}
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
	if err := p.attended(needs, s); err != nil {
		return nil, nil, err
	}
	var ballots *Ballots
	if needs.Votes != nil && c.next > needs.Votes.NSkip && c.next >= needs.Votes.MinLen {
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
	err := feedAll(ctx, c, tokens, e.chunk(c, tokens), step{logits: lastRow}, func(_ int, res *result) error {
		logits = res.logits
		return nil
	})
	return logits, err
}

// chunk returns how many of the tokens are fed to a cache at a time.
func (e *Engine) chunk(c *Cache, tokens []int) int {
	return min(DefaultChunk, e.r.tokensAtOnce(c.at+len(tokens)))
}

// feedAll feeds tokens as s says, atOnce at a time, and tells took after each
// chunk how many are fed and what came of it. The last row's logits are those
// of the last chunk only.
func feedAll(ctx context.Context, c *Cache, tokens []int, atOnce int, s step, took func(fed int, res *result) error) error {
	for from := 0; from < len(tokens); from += atOnce {
		if err := ctx.Err(); err != nil {
			return err
		}
		to := min(from+atOnce, len(tokens))
		chunk := s
		chunk.tokens = words(tokens[from:to])
		if s.logits == lastRow && to < len(tokens) {
			chunk.logits = noRows
		}
		res, err := feed(c, &chunk)
		if err != nil {
			return err
		}
		if err := took(to, res); err != nil {
			return err
		}
	}
	return nil
}
