package engine

import (
	"fmt"

	"keyfold/compress"
)

// With MaxSlots at least leastPiece tokens are read from one compression to the
// next: with less room a text would be compressed at every other token.
const leastPiece = 16

// CanBound returns an error if a method cannot read a text in so many slots per
// head: it cannot compress again ([CanRepeat]), or they are too few, whatever it
// drops. What a method cannot give up turns out on the way.
func CanBound(m compress.Method, maxSlots int) error {
	read := leastRead(m.Needs())
	if err := CanRepeat(m, read); err != nil {
		return fmt.Errorf("-max-slots: %w", err)
	}
	if maxSlots <= read { // a compression leaves one slot at least
		return tooSmall(maxSlots, m, 1, read)
	}
	return nil
}

// tooSmall returns the error that a bound leaves no room behind so many slots.
func tooSmall(maxSlots int, m compress.Method, slots, room int) error {
	return fmt.Errorf("-max-slots %d is too small: %s keeps %s and needs room for %d more",
		maxSlots, m.Name(), slotsOf(slots), room)
}

// slotsOf counts slots in a message.
func slotsOf(n int) string {
	if n == 1 {
		return "1 slot"
	}
	return fmt.Sprintf("%d slots", n)
}

// leastRead returns how many tokens must fit behind what a compression leaves.
// A method that asks the queries of the last tokens needs them in the last
// piece, and as many in the one before it, which may have to end early for that.
func leastRead(needs compress.Needs) int { return max(leastPiece, 2*needs.Last()) }

// CanRepeat returns an error if a method cannot compress a cache again n tokens
// after it did: it would have to read the text once more from a full cache, to
// know what follows, or to ask queries of tokens that it has folded already.
func CanRepeat(m compress.Method, n int) error {
	if err := CanTakeTurns(m); err != nil {
		return err
	}
	if last := m.Needs().Last(); n < last {
		return fmt.Errorf("%s asks the queries of the last %d tokens, so at least %d lie between two compressions, not %d",
			m.Name(), last, last, n)
	}
	return nil
}

// checkBound returns an error if n tokens cannot be read in MaxSlots slots per
// head, or those that are decoded until the next compression have no room in them.
func (o *Settings) checkBound(n int) error {
	if o.MaxSlots == 0 {
		return nil
	}
	if err := CanBound(o.Method, o.MaxSlots); err != nil {
		return err
	}
	switch {
	case n > o.MaxSlots && compress.KeepsAll(o.Method):
		return fmt.Errorf("-max-slots is %d and the text has %d tokens, all of which %s keeps; choose another -method",
			o.MaxSlots, n, o.Method.Name())
	case o.Every >= o.MaxSlots:
		return fmt.Errorf("-max-slots is %d, want more than the %d tokens that -every lets pass between two compressions",
			o.MaxSlots, o.Every)
	case o.Turns && o.Every+o.nextTurn() >= o.MaxSlots:
		return fmt.Errorf("-max-slots is %d, want more than the %d tokens that -every lets pass and %d of the next turn",
			o.MaxSlots, o.Every, o.nextTurn())
	}
	return nil
}

// Tightened says how a bound made a method keep less than it wanted.
type Tightened struct {
	Bound        int `json:"bound"`        // slots per head
	Wanted       int `json:"wanted"`       // most that the method alone would have kept of a head
	Heads        int `json:"heads"`        // most heads that were compressed further at once
	Compressions int `json:"compressions"` // in which any were
}

// Tightened returns what the bound did to the plans so far; nil: nothing.
func (p *Prompt) Tightened() *Tightened { return p.tightened }

// decideBelow is Decide by the method of the settings, for a cache that goes on
// below a bound: while the prompt is read, or while tokens are decoded. A head of
// which the method wants to keep too much is compressed further.
func (p *Prompt) decideBelow(reading bool) (*compress.Plan, *compress.Signals, error) {
	m, bound, least := p.o.Method, p.decodingBound(), p.o.Every
	if reading {
		bound, least = p.o.MaxSlots, leastRead(p.o.Needs)
	}
	signals, err := p.Measure(m.Needs())
	if err != nil {
		return nil, nil, err
	}
	if known := p.o.Plan; known != nil && !reading && p.compressions == 0 && known.Check(signals) == nil {
		return known, signals, nil
	}
	signals.Most = bound
	wanted, err := planOf(m, signals)
	if err != nil || bound == 0 {
		return wanted, signals, err
	}
	room := least
	if reading {
		room = max(least, fairRoom(wanted.Ratio(signals), bound))
	}
	if longestOf(wanted)+room <= bound {
		return wanted, signals, nil
	}
	signals.Most = max(1, bound-room)
	plan, err := planOf(m, signals)
	if err != nil {
		return nil, nil, err
	}
	if n := longestOf(plan); n+least > bound {
		return nil, nil, tooSmall(bound, m, n, least)
	}
	p.noteTightened(bound, wanted, signals.Most)
	return plan, signals, nil
}

// fairRoom returns how many slots the longest head must leave free while a text is
// read: half of what the others do on average, when a plan keeps such a share of
// the cache. All heads are compressed when one is full, so a head that is full all
// the time would let the others shrink to nothing.
func fairRoom(ratio float64, bound int) int { return int((1 - ratio) * float64(bound) / 2) }

// planOf returns a method's plan, checked.
func planOf(m compress.Method, s *compress.Signals) (*compress.Plan, error) {
	plan, err := m.Plan(s)
	if err != nil {
		return nil, err
	}
	if err := plan.Check(s); err != nil {
		panic("BUG: " + err.Error())
	}
	return plan, nil
}

// longestOf returns the rows of the head that keeps most.
func longestOf(plan *compress.Plan) int {
	most := 0
	for _, rows := range plan.Heads {
		most = max(most, len(rows))
	}
	return most
}

// noteTightened records that heads of a wanted plan had to keep fewer slots.
func (p *Prompt) noteTightened(bound int, wanted *compress.Plan, most int) {
	if p.tightened == nil {
		p.tightened = &Tightened{Bound: bound}
	}
	heads := 0
	for _, rows := range wanted.Heads {
		if len(rows) > most {
			heads++
		}
	}
	t := p.tightened
	t.Wanted, t.Heads, t.Compressions = max(t.Wanted, longestOf(wanted)), max(t.Heads, heads), t.Compressions+1
}

// decodingBound returns how many slots a head may have until the next compression
// while tokens are decoded; 0: any number.
func (p *Prompt) decodingBound() int {
	bound := p.o.MaxSlots
	if context := p.e.Config.SeqLen; p.o.InCache && (bound == 0 || bound > context) {
		bound = context // what positions in the cache may reach
	}
	bound -= p.o.nextTurn()
	if p.o.Every == 0 || p.o.Every >= bound {
		return 0
	}
	return bound
}

// piece returns how many tokens from `from` on are read before the cache is
// compressed: all, or what MaxSlots leaves. A method that asks the queries of
// the last tokens finds as many in the last piece, too.
func (p *Prompt) piece(from int) int {
	rest := p.length - from
	if p.o.MaxSlots == 0 {
		return rest
	}
	if free := p.o.MaxSlots - p.Cache.longest(); free < rest {
		return min(free, rest-p.o.Needs.Last())
	}
	return rest
}
