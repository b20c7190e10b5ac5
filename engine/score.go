package engine

import (
	"context"
	"slices"
)

// Score returns what a given text would have been predicted from: the logits
// before each of its tokens, (tokens)(vocab). The text stands behind what the
// cache holds, and before, (vocab), are the logits after the last token in it.
// All of the text but its last token, which predicts nothing, is fed to the cache.
//
// With [LogProb] of each row and token it is the text's likelihood, and with
// [Compare] of two caches' rows what compression changed in it.
func (e *Engine) Score(ctx context.Context, c *Cache, before []float32, text []int) ([][]float32, error) {
	if len(text) == 0 {
		return nil, nil
	}
	rows := [][]float32{before}
	fed := text[:len(text)-1]
	err := feedAll(ctx, c, fed, e.chunk(c, fed), step{logits: allRows}, func(_ int, res *result) error {
		rows = slices.AppendSeq(rows, slices.Chunk(res.logits, e.Config.VocabSize))
		return nil
	})
	if err != nil {
		return nil, err
	}
	return rows, nil
}
