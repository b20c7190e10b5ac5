package engine

// Score returns what a given text would have been predicted from: the logits
// before each of its tokens, (tokens)(vocab). The text stands behind what the
// cache holds, and before, (vocab), are the logits after the last token in it.
// All of the text but its last token, which predicts nothing, is fed to the cache.
//
// With [LogProb] of each row and token it is the text's likelihood, and with
// [Compare] of two caches' rows what compression changed in it.
func (e *Engine) Score(ctx Context, c *Cache, before []float32, text []int) ([][]float32, error) {
	if len(text) == 0 {
		return nil, nil
	}
	rows := [][]float32{before}
	for fed := text[:len(text)-1]; len(fed) > 0; {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		n := min(DefaultChunk, e.r.tokensAtOnce(c.at+len(fed)), len(fed))
		res, err := feed(c, &step{tokens: words(fed[:n]), logits: allRows})
		if err != nil {
			return nil, err
		}
		for i := range n {
			rows = append(rows, res.logits[i*e.Config.VocabSize:(i+1)*e.Config.VocabSize])
		}
		fed = fed[n:]
	}
	return rows, nil
}

// Sibling returns an engine with the same weights that another goroutine may
// use at the same time, or nil on a GPU, which does one thing at a time. A
// sibling need not be closed; its caches are its own.
func (e *Engine) Sibling() *Engine {
	cpu, ok := e.r.(*cpuRunner)
	if !ok {
		return nil
	}
	sibling := *e
	sibling.r = &cpuRunner{cfg: cpu.cfg, w: cpu.w}
	return &sibling
}
