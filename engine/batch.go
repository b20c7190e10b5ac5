package engine

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// Batch continues several texts of one engine together. Decoding is bound by reading weights, and
// a step reads them once for all of its texts. Each text has its own cache, however long and however
// compressed, its own sampler, shadow and end. Texts join and leave between steps, in
// any order. On the CPU each is, bit for bit, what it would be alone.
//
//	for _, t := range texts {
//		err := t.Join(&b, engine.Generation{...})
//	}
//	for b.Len() > 0 {
//		for _, ended := range b.Step(ctx) {
//			...
//		}
//	}
//
// The zero value is an empty batch. It is not safe for concurrent use.
type Batch struct {
	texts []*generator
	ahead ahead // what a step of these texts takes, or of one that has left beside them
}

// Ended is a text that has left a batch. Text.Stop says what ended it; Err is what [Text.Generate]
// would have returned.
type Ended struct {
	Text *Text
	Err  error
}

// Join makes the text one of a batch's, which continues it as [Text.Generate] does. The text's first
// token is emitted by the batch's next step.
func (t *Text) Join(b *Batch, o Generation) error { return b.add(t, o, nil) }

// Join is [Text.Join] for a text that is compressed again, as [Prompt.Generate] does.
func (p *Prompt) Join(b *Batch, o Generation) error { return b.add(&p.Text, o, p) }

func (b *Batch) add(t *Text, o Generation, again *Prompt) error {
	if len(b.texts) > 0 && b.texts[0].Cache.r != t.Cache.r {
		return fmt.Errorf("a text of another engine joins a batch, want one of the same model on the same device")
	}
	g, err := newGenerator(t, o, again)
	if err != nil {
		return err
	}
	b.texts, b.ahead = append(b.texts, g), ahead{}
	return nil
}

// Len returns how many texts are in the batch.
func (b *Batch) Len() int { return len(b.texts) }

// Step emits the next token of every text, and feeds it. It returns the texts that end with it, or
// that went wrong, which are no longer the batch's.
func (b *Batch) Step(ctx context.Context) (ended []Ended) {
	for _, g := range b.texts {
		g.write(ctx)
	}
	b.feed()
	b.texts = slices.DeleteFunc(b.texts, func(g *generator) bool {
		if g.over {
			ended = append(ended, Ended{g.Text, g.err})
		}
		return g.over
	})
	return ended
}

// feed feeds the token of every text that goes on. Those that were fed ahead need no step. Those that
// are observed take one each: on a GPU, signals are those of the first rows.
func (b *Batch) feed() {
	var together []*generator
	most := 1 + maxAhead // tokens at once, so that all are out of choices at the same time
	for _, g := range b.texts {
		switch {
		case g.over:
		case len(g.choices) > 0:
			most = min(most, len(g.choices))
			g.fed(nil, nil)
		case g.observed():
			feedTokens([]*generator{g}, 1, 1)
		default:
			most = min(most, g.atOnce())
			together = append(together, g)
		}
	}
	if len(together) == 0 {
		return
	}
	start := time.Now()
	fed := feedTokens(together, min(most, b.ahead.next()), most)
	b.ahead.note(fed, time.Since(start))
}

// feedTokens runs one step for the tokens of texts and those of their shadows, and for about n in
// all that the device chooses, `most` at most. It returns how many it fed of each.
func feedTokens(texts []*generator, n, most int) int {
	s, own := &step{}, make([][]*lane, len(texts))
	for i, g := range texts {
		own[i] = g.lanes(words([]int{g.next.id}))
		s.lanes = append(s.lanes, own[i]...)
	}
	err := s.reserveAhead(n, most)
	var results []*result
	if err == nil {
		results, err = feed(texts[0].Cache.r, s)
	}
	for i, g := range texts {
		if err != nil {
			g.end(err)
			continue
		}
		theirs := results[:len(own[i])]
		results = results[len(own[i]):]
		g.share = time.Since(g.start) / time.Duration(1+s.ahead)
		g.fed(own[i], theirs)
		g.start = time.Now()
	}
	return 1 + s.ahead
}

// reserveAhead makes room in the caches of a step, and lets it feed about n tokens at once, `most` at most.
func (s *step) reserveAhead(n, most int) error {
	if most == 1 {
		return nil
	}
	for _, lane := range s.lanes {
		fit, err := lane.cache.reserveAhead(n)
		if err != nil {
			return err
		}
		most = min(most, fit)
	}
	s.ahead = most - 1
	return nil
}
