package engine

import (
	"context"
	"errors"

	"keyfold/compress"
)

// future is the attention that the tokens which follow the prompt pay to its
// slots.
type future struct {
	quiet
	paid [][]float32 // (n_layers * n_kv_heads)(tokens)
}

// Future tells the prompt which tokens follow it, so that methods which want to
// know the future can be asked: it adds up the attention that these tokens pay
// to the prompt's slots. The tokens are read behind a copy of the cache, which
// must be the full one. Called again, it adds another text that could follow,
// such as the next question about the same context.
func (p *Prompt) Future(ctx context.Context, tokens []int) error {
	if len(tokens) == 0 {
		return errors.New("no token follows the prompt, so nothing attends to it")
	}
	paid, err := p.attentionBehind(ctx, [][]int{tokens}, false)
	if err != nil {
		return err
	}
	s := find[*future](p)
	p.has.Future = true
	if s.paid == nil {
		s.paid = paid
		return nil
	}
	for h := range paid {
		for slot, x := range paid[h] {
			s.paid[h][slot] += x
		}
	}
	return nil
}

func (s *future) afterReading(ctx context.Context, p *Prompt) error {
	if !p.o.Needs.Future || p.o.Future == nil {
		return nil
	}
	return p.Future(ctx, p.o.Future)
}

func (s *future) compressed(p *Prompt, _ *compress.Plan, _ *compress.Signals) {
	s.paid, p.has.Future = nil, false // of slots that are no more
}

func (s *future) measure(_ *Prompt, needs compress.Needs, to *compress.Signals) error {
	for h := range to.Heads {
		if needs.Future {
			to.Heads[h].Future = s.paid[h]
		}
	}
	return nil
}
