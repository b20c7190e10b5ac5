package engine

import (
	"context"
	"fmt"

	"keyfold/compress"
)

// A text is read again in pieces of at most rereadPiece tokens, and of what the
// context leaves behind the prompt and a lead-in: an instruction and, but for
// the first piece, the rereadOverlap tokens before the piece. Without a
// tokenizer there is no lead-in.
//
// Source: the sizes are those of NVIDIA's kvpress.
const (
	rereadPiece   = 2048
	rereadOverlap = 8

	rereadFirst = "\n\nThe whole text once more, word for word:\n"
	rereadRest  = "\n\nThe text once more, word for word, from here on:\n"
)

// reread is the most attention that one query pays to each slot when the
// prompt's text is read again behind itself.
type reread struct {
	quiet
	paid [][]float32 // (n_layers * n_kv_heads)(tokens)
}

func (s *reread) afterReading(ctx context.Context, p *Prompt) error {
	if !p.o.Needs.Reread {
		return nil
	}
	texts, err := p.pieces()
	if err != nil {
		return err
	}
	s.paid, err = p.attentionBehind(ctx, texts, true)
	p.has.Reread = err == nil
	return err
}

// pieces returns the texts that are read behind the prompt, each by itself.
func (p *Prompt) pieces() (texts [][]int, err error) {
	var first, rest []int // lead-ins
	tok := p.e.Tokenizer
	if tok != nil {
		if first, err = tok.Encode(rereadFirst, false); err != nil {
			return nil, err
		}
		if rest, err = tok.Encode(rereadRest, false); err != nil {
			return nil, err
		}
	}
	for from := 0; from < len(p.Tokens); {
		text := append([]int{}, first...)
		if from > 0 {
			text = append([]int{}, rest...)
			if tok != nil {
				text = append(text, p.Tokens[max(0, from-rereadOverlap):from]...)
			}
		}
		n := min(rereadPiece, len(p.Tokens)-from, p.e.Config.SeqLen-len(p.Tokens)-len(text))
		if n < 1 {
			return nil, fmt.Errorf("a prompt of %d tokens and a lead-in of %d leave no room in the context of %d to read it again",
				len(p.Tokens), len(text), p.e.Config.SeqLen)
		}
		texts = append(texts, append(text, p.Tokens[from:from+n]...))
		from += n
	}
	return texts, nil
}

func (s *reread) compressed(p *Prompt, _ *compress.Plan, _ *compress.Signals) {
	s.paid, p.has.Reread = nil, false // of slots that are no more
}

func (s *reread) measure(_ *Prompt, needs compress.Needs, to *compress.Signals) error {
	for h := range to.Heads {
		if needs.Reread {
			to.Heads[h].Reread = s.paid[h]
		}
	}
	return nil
}

// attentionBehind returns the attention that texts, each read behind a copy of
// the cache of its own, pay to the prompt's slots: their sum, or the most that
// one query pays. (n_layers * n_kv_heads)(tokens), over a group's query heads the
// mean, or the most.
func (p *Prompt) attentionBehind(ctx context.Context, texts [][]int, most bool) ([][]float32, error) {
	longest := 0
	for _, text := range texts {
		longest = max(longest, len(text))
	}
	m := &mass{max: most}
	t, err := newTrace(p.e.r, compress.Needs{Mass: true}, p.length+longest, []signal{m})
	if err != nil {
		return nil, err
	}
	defer t.free()
	for _, text := range texts {
		if err := p.readBehind(ctx, text, t); err != nil {
			return nil, err
		}
	}
	paid, err := m.read(t)
	if err != nil {
		return nil, err
	}
	for h := range paid {
		paid[h] = paid[h][:p.length]
	}
	return paid, nil
}

// readBehind feeds a text to a copy of the cache.
func (p *Prompt) readBehind(ctx context.Context, text []int, t *trace) error {
	c, err := p.Cache.Fork()
	if err != nil {
		return err
	}
	defer c.Free()
	return feedAll(ctx, c, text, DefaultChunk, lane{trace: t}, func(int, *result) error { return nil })
}
