//go:build !js

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"keyfold/engine"
	"keyfold/engine/checkpoint"
)

// samplingFlags say how many tokens a command writes and how it chooses them.
type samplingFlags struct {
	n                   int
	nIsGiven            bool
	temperature, topP   float64
	minP, repeatPenalty float64
	sampler             engine.Sampler
	stop                textsFlag

	written []int // what write has written before its device failed; it goes on behind that
}

func (s *samplingFlags) register(fs *flagSet) {
	fs.IntVar(&s.n, "n", 256, "`TOKENS` to generate at most; by default 256, or what the context leaves")
	fs.Float64Var(&s.temperature, "temperature", 0.8, "temperature `T`: 0 always takes the likeliest token, and is the default with -chat; 1 keeps the model's odds")
	fs.IntVar(&s.sampler.TopK, "top-k", 0, "draw from the `K` likeliest tokens only; 0: off")
	fs.Float64Var(&s.topP, "top-p", 0.9, "draw from the smallest set of tokens with total probability `P`; 1: off")
	fs.Float64Var(&s.minP, "min-p", 0, "draw only tokens with at least `P` times the likeliest one's probability; 0: off")
	fs.Float64Var(&s.repeatPenalty, "repeat-penalty", 1, "`R` > 1 makes tokens that the text has already less likely; 1: off")
	fs.Var(&s.stop, "stop", "`TEXT` that ends the text, and is not printed; may be repeated")
}

// check checks the flags and fills in the sampler.
func (s *samplingFlags) check(fs *flagSet, seed uint) error {
	if s.nIsGiven = given(fs, "n"); s.n < 1 {
		return usageError("-n is %d, want at least 1", s.n)
	}
	s.sampler.Seed = uint32(seed)
	s.sampler.Temperature, s.sampler.TopP = float32(s.temperature), float32(s.topP)
	s.sampler.MinP, s.sampler.RepeatPenalty = float32(s.minP), float32(s.repeatPenalty)
	if err := s.sampler.Validate(); err != nil {
		return usageError("-%v", err)
	}
	return nil
}

// fitContext lowers -n to what the context leaves after the positions in use, but
// refuses a -n that was given. The last token is not fed, so it needs no position.
func (s *samplingFlags) fitContext(c checkpoint.Config, what string, used int) error {
	left := c.SeqLen - used + 1
	switch {
	case left < 1:
		return fmt.Errorf("%s is too much: the model's context is %d", what, c.SeqLen)
	case s.n > left && s.nIsGiven:
		return fmt.Errorf("-n %d behind %s is more than the context of %d; it leaves %d", s.n, what, c.SeqLen, left)
	}
	s.n = min(s.n, left)
	return nil
}

// continuer is a text that can go on: an [engine.Text], or an [engine.Prompt],
// which compresses its cache on the way.
type continuer interface {
	Generate(context.Context, engine.Generation) error
}

// write continues a text and prints what it adds, then a newline. If it is called again
// after an error, with another device, it goes on where it was.
func (s *samplingFlags) write(ctx context.Context, w io.Writer, text continuer, shadow *engine.Shadow) ([]engine.TokenReport, error) {
	tokens, known := []engine.TokenReport{}, slices.Clone(s.written)
	err := text.Generate(ctx, engine.Generation{N: s.n, Sampler: s.sampler, Stop: s.stop, Shadow: shadow, Known: known, Emit: func(token engine.Token) error {
		tokens = append(tokens, token.Describe(token.Text))
		if len(tokens) <= len(known) { // it stands there
			return nil
		}
		s.written = append(s.written, token.ID)
		_, err := fmt.Fprint(w, token.Text)
		return err
	}})
	if err == nil || errors.Is(err, context.Canceled) {
		fmt.Fprintln(w)
	}
	return tokens, err
}
