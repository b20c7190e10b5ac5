package engine

import (
	"context"
	"errors"
	"fmt"

	"keyfold/compress"
)

// Future tells the prompt which tokens follow it, so that methods which want to
// know the future can be asked: it adds up the attention that these tokens pay
// to the prompt's slots. The tokens are read behind a copy of the cache, which
// must be the full one. Called again, it adds another text that could follow,
// such as the next question about the same context.
func (p *Prompt) Future(ctx context.Context, tokens []int) error {
	if len(tokens) == 0 {
		return errors.New("engine: no token follows the prompt, so nothing attends to it")
	}
	paid, err := p.attention(ctx, [][]int{tokens}, false)
	if err != nil {
		return err
	}
	if p.future == nil {
		p.future = paid
		return nil
	}
	for h := range paid {
		for slot, x := range paid[h] {
			p.future[h][slot] += x
		}
	}
	return nil
}

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

// readAgain reads the prompt's tokens behind itself and keeps the most
// attention that one query pays to each slot.
func (p *Prompt) readAgain(ctx context.Context, tokens []int) (err error) {
	var first, rest []int // lead-ins
	if tok := p.e.Tokenizer; tok != nil {
		if first, err = tok.Encode(rereadFirst, false); err != nil {
			return err
		}
		if rest, err = tok.Encode(rereadRest, false); err != nil {
			return err
		}
	}
	var texts [][]int
	for from := 0; from < len(tokens); {
		text := append([]int{}, first...)
		if from > 0 {
			text = append([]int{}, rest...)
			if p.e.Tokenizer != nil {
				text = append(text, tokens[max(0, from-rereadOverlap):from]...)
			}
		}
		n := min(rereadPiece, len(tokens)-from, p.e.Config.SeqLen-len(tokens)-len(text))
		if n < 1 {
			return fmt.Errorf("engine: a prompt of %d tokens and a lead-in of %d leave no room in the context of %d to read it again",
				len(tokens), len(text), p.e.Config.SeqLen)
		}
		texts = append(texts, append(text, tokens[from:from+n]...))
		from += n
	}
	p.reread, err = p.attention(ctx, texts, true)
	return err
}

// attention returns the attention that texts, each read behind a copy of the
// cache of its own, pay to the prompt's slots: their sum, or the most that one
// query pays. (n_layers * n_kv_heads)(tokens), over a group's query heads the
// mean, or the most.
func (p *Prompt) attention(ctx context.Context, texts [][]int, most bool) ([][]float32, error) {
	longest := 0
	for _, text := range texts {
		longest = max(longest, len(text))
	}
	t, err := p.e.r.newTrace(compress.Needs{Mass: true}, p.length+longest)
	if err != nil {
		return nil, err
	}
	defer p.e.r.freeTrace(t)
	t.most = most
	for _, text := range texts {
		if err := p.readBehind(ctx, text, t); err != nil {
			return nil, err
		}
	}
	paid, err := p.e.r.readMass(t)
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
	return feedAll(ctx, c, text, chunk(c, len(text)), step{trace: t}, func(int, *result) error { return nil })
}

// collected returns an error unless the prompt has what needs asks for, collected
// or still to be measured on the cache.
func (p *Prompt) collected(needs compress.Needs) error {
	has := compress.Needs{}
	if p.trace != nil {
		has = p.trace.needs
	}
	has.Reread, has.Future = p.reread != nil, p.future != nil
	behind := compress.Needs{Reread: needs.Reread, Future: needs.Future} // paid by texts behind the prompt
	err := has.Covers(needs)
	switch {
	case behind.Covers(needs) == nil: // nothing else had to be collected
	case p.trace == nil && has.Covers(behind) == nil:
		return errors.New("engine: the prompt has no signals, or they were given back after its only compression")
	case err == nil && p.trace.end != p.Cache.next:
		return fmt.Errorf("engine: the signals are those of a text of %d tokens, the cache holds %d", p.trace.end, p.Cache.next)
	}
	if err != nil {
		return fmt.Errorf("engine: %w", err)
	}
	return nil
}

// attended adds to the signals what needs asks for about the attention that is
// paid at the end of the prompt, will probably be paid, or was paid behind it.
func (p *Prompt) attended(needs compress.Needs, s *compress.Signals) error {
	if needs.LastQueries > 0 {
		s.Window = func(w int) ([][]float32, error) {
			if most := p.trace.lastQueries(); w < 1 || w > most {
				return nil, fmt.Errorf("engine: attention of the last %d queries, want 1 to %d", w, most)
			}
			return p.e.r.window(p.Cache, p.trace, w)
		}
	}
	for h := range s.Heads {
		if needs.Reread {
			s.Heads[h].Reread = p.reread[h]
		}
		if needs.Future {
			s.Heads[h].Future = p.future[h]
		}
	}
	if needs.Expected == nil || p.Cache.next <= needs.Expected.NSkip { // then there are no statistics
		return nil
	}
	logits, norms, err := p.e.r.expected(p.Cache, p.trace, *needs.Expected)
	if err != nil {
		return err
	}
	for h := range s.Heads {
		s.Heads[h].Expected, s.Heads[h].ValueNorm = logits[h], norms[h]
	}
	return nil
}
