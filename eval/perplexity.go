package eval

import (
	"context"
	"fmt"
	"slices"

	"keyfold/corpus"
	"keyfold/engine"
)

// A text goes on behind a context that was compressed. The window is
//
//	BOS and text, Length tokens | one token | ScoreTokens tokens
//	read and compressed           fed         scored: NLL = -ln p, nats
//
// The token between is not scored, because its prediction comes from the last
// query of the context, which saw the full cache.
//
// Most tokens need no context, so compression cannot hurt them. A token counts
// as needing its context if its NLL is more than gainNats lower with the full
// cache of the whole context than with BOS and the last shortContext tokens
// before the scored ones alone.
const (
	shortContext = 32
	gainNats     = 0.5
)

// Text is how well a text was predicted; means over its scored tokens, in nats.
type Text struct {
	Tokens   int     `json:"tokens"`
	NLL      float64 `json:"nll"`
	KL       float64 `json:"kl"`        // against the full cache
	DeltaNLL float64 `json:"delta_nll"` // likewise

	ContextTokens int     `json:"context_tokens"` // those that need their context
	ContextNLL    float64 `json:"context_nll"`    // 0 where there are none
}

// score adds the runs of a text's window to a result.
func (w *worker) score(ctx context.Context, r *Result) error {
	id, window, err := w.window(r.Item)
	if err != nil {
		return unfit{err}
	}
	read, fed, scored := window[:r.Length], window[r.Length], window[r.Length+1:]
	r.ID, r.Tokens = id, len(read)

	short := append(w.beginning(), window[r.Length+1-shortContext:r.Length+1]...)
	p, err := w.e.Prefill(ctx, short, engine.Settings{KV: w.kv})
	if err != nil {
		return err
	}
	shortRows, err := p.Score(ctx, scored)
	p.Free()
	if err != nil {
		return err
	}
	var fullRows [][]float32
	var needs []int // indices of tokens that need their context
	u := unit{context: read, asks: []asked{{answer: window[r.Length:]}}}
	return w.compressions(ctx, u, func(t *engine.Text, run *Run) error {
		if err := t.Read(ctx, []int{fed}); err != nil {
			return err
		}
		rows, err := t.Score(ctx, scored)
		if err != nil {
			return err
		}
		if run.Method == Full {
			fullRows = rows
			for i, id := range scored {
				if engine.LogProb(rows[i], id)-engine.LogProb(shortRows[i], id) > gainNats {
					needs = append(needs, i)
				}
			}
		}
		run.Text = &Text{Tokens: len(scored), ContextTokens: len(needs)}
		for i, id := range scored {
			run.Text.NLL -= engine.LogProb(rows[i], id) / float64(len(scored))
		}
		for _, i := range needs {
			run.Text.ContextNLL -= engine.LogProb(rows[i], scored[i]) / float64(len(needs))
		}
		run.Text.KL, run.Text.DeltaNLL = distance(fullRows, rows, scored)
		return nil
	}, r)
}

// beginning returns BOS where the model expects it.
func (w *worker) beginning() []int {
	if w.e.Tokenizer.AddsBOS() {
		return []int{w.e.Tokenizer.BOS()}
	}
	return nil
}

// window returns the tokens of an example: windows of the text stand one behind
// the other, each of the corpus's comes from a document of its own.
func (w *worker) window(it Item) (id string, window []int, err error) {
	begin := w.beginning()
	n := w.windowTokens(it.Length)
	if w.Config.Text != nil {
		return fmt.Sprintf("%s/%d", w.Config.Text.Name, it.Number), slices.Concat(begin, w.Text[it.Number*n:(it.Number+1)*n]), nil
	}
	seed := corpus.EvalFrom + uint64(it.Number)
	doc, err := corpus.New("story", seed, corpus.Size{Tokens: 2 * n, Count: w.count, Trained: w.Trained})
	if err != nil {
		return "", nil, err
	}
	ids, err := w.e.Tokenizer.Encode(doc.Context, false)
	if err != nil {
		return "", nil, err
	}
	if len(ids) < n {
		return "", nil, fmt.Errorf("the stories of seed %d have %d tokens, want %d", seed, len(ids), n)
	}
	return fmt.Sprintf("story/%d", seed), slices.Concat(begin, ids[:n]), nil
}

// windowTokens returns the tokens of text in a window whose context has length tokens.
func (s *Sweep) windowTokens(length int) int {
	n := length + 1 + s.ScoreTokens
	if s.Engine.Tokenizer.AddsBOS() {
		n--
	}
	return n
}

// hasWindow reports whether the text is long enough for a window.
func (s *Sweep) hasWindow(number, length int) bool {
	return (number+1)*s.windowTokens(length) <= len(s.Text)
}
