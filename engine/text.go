package engine

import (
	"context"
	"fmt"
	"slices"
)

// Text is a text in a cache: the tokens that were fed to it, and the logits that
// the next one is chosen from.
type Text struct {
	Cache  *Cache
	Logits []float32 // (vocab) after the last token
	Tokens []int     // all of them, whatever compression made of their slots
	Stop   *Stop     // what ended the last Generate; nil before it, and if it failed

	e *Engine
}

// Fork returns an independent copy.
func (t *Text) Fork() (*Text, error) {
	c, err := t.Cache.Fork()
	if err != nil {
		return nil, err
	}
	return &Text{Cache: c, Logits: t.Logits, Tokens: slices.Clone(t.Tokens), e: t.e}, nil
}

// Free gives the cache back.
func (t *Text) Free() { t.Cache.Free() }

// Read appends tokens, if there are any.
func (t *Text) Read(ctx context.Context, tokens []int) error {
	return t.feed(ctx, tokens, lastRow, func(*result) {})
}

// Score returns what given tokens behind the text would have been predicted
// from: the logits before each of them, (tokens)(vocab). All but the last, which
// predicts nothing, become part of the text.
//
// With [LogProb] of each row and token it is the tokens' likelihood, and with
// [Compare] of two texts' rows what compression changed in it.
func (t *Text) Score(ctx context.Context, tokens []int) ([][]float32, error) {
	if len(tokens) == 0 {
		return nil, nil
	}
	rows := [][]float32{t.Logits}
	err := t.feed(ctx, tokens[:len(tokens)-1], allRows, func(res *result) {
		rows = slices.AppendSeq(rows, slices.Chunk(res.logits, t.e.Config.VocabSize))
	})
	if err != nil {
		return nil, err
	}
	return rows, nil
}

// feed appends tokens and calls emit with the logits that are wanted of each chunk.
func (t *Text) feed(ctx context.Context, tokens []int, wanted rowsWanted, emit func(*result)) error {
	return feedAll(ctx, t.Cache, tokens, DefaultChunk, lane{logits: wanted}, func(fed int, res *result) error {
		emit(res)
		if fed == len(tokens) {
			t.Logits = res.logits[len(res.logits)-t.e.Config.VocabSize:]
			t.Tokens = append(t.Tokens, tokens...)
		}
		return nil
	})
}

// feed appends the tokens of a step to the caches. What it feeds ahead lies behind
// a cache's end, where room is left without growing it, and belongs to the
// cache once it is noted.
func feed(r runner, s *step) ([]*result, error) {
	for _, lane := range s.lanes {
		if err := lane.cache.makeRoom(lane.tokens); err != nil {
			return nil, err
		}
		s.ahead = min(s.ahead, lane.cache.free()-len(lane.tokens))
	}
	results, err := r.forward(s)
	if err != nil {
		return nil, err
	}
	for i, lane := range s.lanes {
		if err := results[i].checkNumbers(lane.cache.textPos+len(lane.tokens), r.config().VocabSize); err != nil {
			return nil, err
		}
	}
	for _, lane := range s.lanes {
		lane.cache.note(len(lane.tokens))
	}
	return results, nil
}

// feedOne is feed for a single text.
func feedOne(l lane) (*result, error) {
	results, err := feed(l.cache.r, &step{lanes: []*lane{&l}})
	if err != nil {
		return nil, err
	}
	return results[0], nil
}

// makeRoom makes room for tokens in the cache.
func (c *Cache) makeRoom(tokens []uint32) error {
	for _, id := range tokens {
		if vocab := c.r.config().VocabSize; int(id) >= vocab {
			return fmt.Errorf("token %d, want 0 to %d", id, vocab-1)
		}
	}
	if err := c.fits(len(tokens)); err != nil {
		return err
	}
	return c.reserve(len(tokens))
}

// feedAll feeds tokens as l says, atOnce at a time or as many as the device does in a
// moment, which it learns on the way. It calls emit after each chunk with the number of
// tokens fed so far and the result. The last row's logits are those of the last chunk only.
func feedAll(ctx context.Context, c *Cache, tokens []int, atOnce int, l lane, emit func(fed int, res *result) error) error {
	slots := c.longest() + len(tokens)
	for from, to := 0, 0; from < len(tokens); from = to {
		if err := ctx.Err(); err != nil {
			return err
		}
		to = min(from+min(atOnce, c.r.tokensAtOnce(slots)), len(tokens))
		chunk := l
		chunk.cache, chunk.tokens = c, words(tokens[from:to])
		if l.logits == lastRow && to < len(tokens) {
			chunk.logits = noRows
		}
		res, err := feedOne(chunk)
		if err != nil {
			return err
		}
		if err := emit(to, res); err != nil {
			return err
		}
	}
	return nil
}

// words converts token ids to the shaders' type. feed checks their range.
func words(ids []int) []uint32 {
	w := make([]uint32, len(ids))
	for i, id := range ids {
		w[i] = uint32(id)
	}
	return w
}
