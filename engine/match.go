package engine

import (
	"context"
	_ "embed"
	"math"

	"keyfold/engine/checkpoint"
	"keyfold/engine/tokenizer"
	"keyfold/layout"
)

// Match says how far a device agrees with the CPU on a text that both are made to write:
// whatever they would choose, the next token that they are fed is the text's.
type Match struct {
	Tokens     int     `json:"tokens"`                   // of the text; a choice follows each
	Same       int     `json:"same"`                     // choices, of the likeliest token, that are the CPU's
	Difference float64 `json:"largest_logit_difference"` // of all tokens of the vocabulary, at all places
}

// MatchTokens is the length of the text that a device is compared on.
const MatchTokens = 128

// matchRead is how many tokens both read at once, as of a prompt. The device is fed
// whatever comes behind the first of these one at a time, as when it writes.
const matchRead = 32

// matchText is what both are made to write. Models of a few hundred pieces have more than
// [MatchTokens] of it, and so have those of many thousand.
//
//go:embed match.txt
var matchText string

// matchTokens returns the first n tokens of the text; without a tokenizer, n that differ.
func matchTokens(tok *tokenizer.Tokenizer, vocab, n int) ([]int, error) {
	if tok == nil {
		return ArbitraryTokens(n, vocab), nil
	}
	ids, err := tok.Encode(matchText, tok.AddsBOS())
	return ids[:min(n, len(ids))], err
}

// MatchCPU compares the engine with the CPU, on a cache of f16, over n tokens or as many
// as the context takes. f is the file of the engine's model, whose weights are read once
// more: if they do not fit into memory, the error is a [MemoryError]. progress is called
// with the tokens that were compared so far; an error ends the comparison. Of an engine on
// the CPU there is no match: nil.
func (e *Engine) MatchCPU(ctx context.Context, f *checkpoint.File, tok *tokenizer.Tokenizer, n int, progress func(done int) error) (*Match, error) {
	if e.Device.Kind == "cpu" {
		return nil, nil
	}
	n = min(n, e.Config.SeqLen)
	if err := CheckMemory(f, CPU, layout.CacheF16, n); err != nil {
		return nil, err
	}
	tokens, err := matchTokens(tok, e.Config.VocabSize, n)
	if err != nil {
		return nil, err
	}
	cpu, err := newCPURunner(f)
	if err != nil {
		return nil, err
	}
	return match(ctx, cpu, e.r, tokens, progress)
}

// match feeds the same tokens to two runners and compares what they say after each.
func match(ctx context.Context, want, got runner, tokens []int, progress func(done int) error) (*Match, error) {
	wanted, err := newCache(want, layout.CacheF16)
	if err != nil {
		return nil, err
	}
	defer wanted.Free()
	gotten, err := newCache(got, layout.CacheF16)
	if err != nil {
		return nil, err
	}
	defer gotten.Free()
	m, vocab := &Match{}, want.config().VocabSize
	for from, to := 0, 0; from < len(tokens); from = to {
		to = min(from+matchRead, len(tokens))
		var rows []float32
		err := feedAll(ctx, wanted, tokens[from:to], matchRead, lane{logits: allRows}, func(_ int, res *result) error {
			rows = append(rows, res.logits...)
			return nil
		})
		if err != nil {
			return nil, err
		}
		atOnce := 1
		if from == 0 {
			atOnce = matchRead
		}
		err = feedAll(ctx, gotten, tokens[from:to], atOnce, lane{logits: allRows}, func(fed int, res *result) error {
			m.note(rows[:len(res.logits)], res.logits, vocab)
			rows = rows[len(res.logits):]
			return progress(from + fed)
		})
		if err != nil {
			return nil, err
		}
	}
	return m, nil
}

// note compares logits, (n, vocab) both.
func (m *Match) note(want, got []float32, vocab int) {
	for i := 0; i < len(want); i += vocab {
		m.Tokens++
		if argmax(want[i:i+vocab]) == argmax(got[i:i+vocab]) {
			m.Same++
		}
	}
	for i, x := range want {
		m.Difference = max(m.Difference, math.Abs(float64(x)-float64(got[i])))
	}
}
