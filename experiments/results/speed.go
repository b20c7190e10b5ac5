//go:build !js

package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"keyfold/compress"
	"keyfold/engine"
	"keyfold/layout"
)

// A Speed is how fast a model decodes behind a cache of one type and size.
type Speed struct {
	KV     string    `json:"kv"`
	Budget float64   `json:"budget"` // kept / total; 1: nothing is dropped
	Slots  int       `json:"slots"`
	Bytes  int       `json:"bytes"`
	Rates  []float64 `json:"tokens_per_s"` // of each round
}

// Every cache is decoded behind once in each round, so that what slows the
// machine down for a while slows all of them.
const (
	decoded = 64 // tokens of a run
	rounds  = 15
)

// timeDecoding times text behind caches of random rows: how fast it is does not
// depend on what they say.
func timeDecoding(s *subject) ([]Speed, error) {
	var speeds []Speed
	var prompts []*engine.Prompt
	defer func() {
		for _, p := range prompts {
			p.Free()
		}
	}()
	for _, kv := range []layout.CacheType{layout.CacheF16, layout.CacheQ8_0, layout.CacheQ4_0} {
		for _, budget := range []float64{1, 0.5, 0.35, 0.2} {
			m, err := compress.New(compress.Settings{Name: "random", Budget: budget, Seed: 1})
			if err != nil {
				return nil, err
			}
			p, err := s.e.Fill(s.Tokens, engine.Settings{KV: kv, Method: m})
			if err != nil {
				return nil, err
			}
			prompts = append(prompts, p)
			if _, _, err := p.Compress(); err != nil {
				return nil, err
			}
			speeds = append(speeds, Speed{KV: kv.String(), Budget: budget, Slots: p.Cache.Slots(), Bytes: p.Cache.Occupied()})
		}
	}
	for round := range rounds + 1 { // the first of them does not count
		for i, p := range prompts {
			elapsed, err := s.decode(p)
			if err != nil {
				return nil, err
			}
			if round > 0 {
				speeds[i].Rates = append(speeds[i].Rates, rounded(decoded/elapsed.Seconds()))
			}
		}
	}
	return speeds, nil
}

// decode writes behind a copy of a prompt.
func (s *subject) decode(p *engine.Prompt) (time.Duration, error) {
	text, err := p.Fork()
	if err != nil {
		return 0, err
	}
	defer text.Free()
	start := time.Now()
	// The last token is not fed.
	err = text.Generate(context.Background(), engine.Generation{N: decoded + 1,
		Sampler: engine.Sampler{TopP: 1, RepeatPenalty: 1}, Emit: func(engine.Token) error { return nil }})
	return time.Since(start), err
}

func (s Speed) check(a *About) error {
	if _, known := layout.CacheTypeOf(s.KV); !known || s.Slots < 1 || s.Bytes < 1 || len(s.Rates) != rounds || slices.Min(s.Rates) <= 0 {
		return fmt.Errorf("%d slots of %d bytes of a cache of %q, %v tokens/s in %d rounds", s.Slots, s.Bytes, s.KV, s.Rates, rounds)
	}
	return nil
}

// speedTable shows speed beside bytes, and both beside those of the first row.
func speedTable(m *Measured[Speed]) string {
	full := m.Rows[0]
	var b strings.Builder
	fmt.Fprintf(&b, "| %s, CPU, %s | kept, %% | slots | bytes | bytes, %% of full %s | tokens/s, median of %d | times full %s, median (least to most) |\n",
		m.Model.Name, m.Machine, full.KV, rounds, full.KV)
	b.WriteString("| --- | --- | --- | --- | --- | --- | --- |\n")
	for _, s := range m.Rows {
		var times []float64
		for round, rate := range s.Rates {
			times = append(times, rate/full.Rates[round])
		}
		fmt.Fprintf(&b, "| %s | %.0f | %d | %d | %.1f | %.0f | %.2f (%.2f to %.2f) |\n", s.KV, 100*s.Budget, s.Slots, s.Bytes,
			100*float64(s.Bytes)/float64(full.Bytes), at(s.Rates, 0.5), at(times, 0.5), slices.Min(times), slices.Max(times))
	}
	return b.String()
}
