//go:build !js

package engine

import (
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"testing"

	"keyfold/compress"
	"keyfold/engine/checkpoint"
	"keyfold/layout"
	"keyfold/models"
)

func TestSamplerFilters(t *testing.T) {
	// Probabilities 0.5, 0.25, 0.125, 0.125 at temperature 1, in the order 2, 0, 1, 3.
	logits := []float32{float32(math.Log(0.25)), float32(math.Log(0.125)), float32(math.Log(0.5)), float32(math.Log(0.125))}
	all := Sampler{Temperature: 1, TopP: 1, RepeatPenalty: 1}
	for _, tc := range []struct {
		name   string
		change func(*Sampler)
		want   []int
	}{
		{"none", func(*Sampler) {}, []int{2, 0, 1, 3}},
		{"top-k 1", func(s *Sampler) { s.TopK = 1 }, []int{2}},
		{"top-k beyond the vocabulary", func(s *Sampler) { s.TopK = 9 }, []int{2, 0, 1, 3}},
		{"top-p below the likeliest", func(s *Sampler) { s.TopP = 0.1 }, []int{2}},
		{"top-p just reached by two", func(s *Sampler) { s.TopP = 0.74 }, []int{2, 0}},
		{"top-p needs a third", func(s *Sampler) { s.TopP = 0.76 }, []int{2, 0, 1}},
		{"top-p of the top 2: 2/3 and 1/3", func(s *Sampler) { s.TopK = 2; s.TopP = 0.66 }, []int{2}},
		{"min-p half of the likeliest", func(s *Sampler) { s.MinP = 0.49 }, []int{2, 0}},
		{"min-p 1", func(s *Sampler) { s.MinP = 1 }, []int{2}},
		// Temperature 2 flattens to shares .37, .26, .18, .18.
		{"top-p after temperature", func(s *Sampler) { s.Temperature = 2; s.TopP = 0.6 }, []int{2, 0}},
	} {
		s := all
		tc.change(&s)
		drawn := map[int]bool{}
		for position := range 200 {
			drawn[s.Choose(logits, position, nil)] = true
		}
		if got := slices.Sorted(maps.Keys(drawn)); !slices.Equal(got, slices.Sorted(slices.Values(tc.want))) {
			t.Errorf("%s: drew %v, want %v", tc.name, got, tc.want)
		}
	}
}

// Shares of 20,000 draws are the softmax's, within five standard deviations.
func TestSamplerDrawsFromTheSoftmax(t *testing.T) {
	probs := []float64{0.5, 0.3, 0.15, 0.05}
	logits := make([]float32, len(probs))
	for i, p := range probs {
		logits[i] = float32(math.Log(p)) + 3
	}
	const n = 20000
	for _, s := range []Sampler{
		{Temperature: 1, TopP: 1, RepeatPenalty: 1, Seed: 1},          // the kernel's choice
		{Temperature: 1, TopP: 1, RepeatPenalty: 1, TopK: 4, Seed: 2}, // the filtered one
	} {
		counts := make([]int, len(probs))
		for position := range n {
			counts[s.Choose(logits, position, nil)]++
		}
		for i, p := range probs {
			if got := float64(counts[i]) / n; math.Abs(got-p) > 5*math.Sqrt(p*(1-p)/n) {
				t.Errorf("top-k %d: token %d drawn with share %.3f, want %.3f", s.TopK, i, got, p)
			}
		}
	}
}

func TestRepeatPenalty(t *testing.T) {
	logits := []float32{2, 1.9, -1}
	s := Sampler{TopP: 1, RepeatPenalty: 1.5}
	if id := s.Choose(logits, 0, nil); id != 0 {
		t.Errorf("chose %d, want 0", id)
	}
	if id := s.Choose(logits, 0, []int{0, 0}); id != 1 { // 2 / 1.5 = 1.33, once however often it stands there
		t.Errorf("chose %d, want 1 when 0 is penalised", id)
	}
	if got := s.penalise(logits, []int{0, 0})[0]; got != 2/float32(1.5) {
		t.Errorf("a token that stands in the text twice has logit %g, want %g", got, 2/float32(1.5))
	}
	if got := s.penalise(logits, []int{2}); got[2] != -1.5 || logits[2] != -1 {
		t.Errorf("a negative logit became %g (and the original %g), want -1.5 (-1)", got[2], logits[2])
	}
}

func TestSamplerValidate(t *testing.T) {
	ok := Sampler{Temperature: 0.8, TopP: 0.9, RepeatPenalty: 1}
	if err := ok.Validate(); err != nil {
		t.Error(err)
	}
	nan := float32(math.NaN())
	for want, s := range map[string]Sampler{
		"temperature is -1, want 0 or more":       {Temperature: -1, TopP: 1, RepeatPenalty: 1},
		"temperature is NaN, want 0 or more":      {Temperature: nan, TopP: 1, RepeatPenalty: 1},
		"top-k is -1, want 0 (off) or more":       {TopK: -1, TopP: 1, RepeatPenalty: 1},
		"top-p is 3, want 0 < P <= 1":             {TopP: 3, RepeatPenalty: 1},
		"top-p is 0, want 0 < P <= 1":             {TopP: 0, RepeatPenalty: 1},
		"min-p is 2, want 0 <= P <= 1":            {TopP: 1, MinP: 2, RepeatPenalty: 1},
		"repeat-penalty is 0, want more than 0":   {TopP: 1},
		"repeat-penalty is NaN, want more than 0": {TopP: 1, RepeatPenalty: nan},
	} {
		if err := s.Validate(); err == nil || err.Error() != want {
			t.Errorf("%+v: error %v, want %q", s, err, want)
		}
	}
}

// The device's own choice, and the choice from logits read back, are the same, in vocabularies of
// all sizes and with all workgroups that a GPU gives them.
func TestChoiceOnTheDevice(t *testing.T) {
	eachDevice(t, func(t *testing.T, kind DeviceKind) {
		choosesAsTheHost(t, openFixture(t, kind, checkpoint.F16), 30)
	})
	for _, vocab := range []int{2048, 49152, 128256} {
		t.Run(fmt.Sprintf("vocab=%d", vocab), func(t *testing.T) {
			c := models.FixtureConfig
			c.VocabSize = vocab
			data, err := models.Fixture(c, checkpoint.F16, 1)
			if err != nil {
				t.Fatal(err)
			}
			e := openFile(t, openBytes(t, data), GPU)
			e.Tokenizer = nil // which ends a text at some tokens
			choosesAsTheHost(t, e, 3)
			d := e.r.(*gpuRunner).d
			d.Software = !d.Software
			choosesAsTheHost(t, e, 3)
		})
	}
}

func choosesAsTheHost(t *testing.T, e *Engine, n int) {
	t.Helper()
	p := prefill(t, e, someTokens(30), layout.CacheF32, compress.Needs{})
	for _, s := range []Sampler{
		{TopP: 1},
		{TopP: 1, Temperature: 0.9, Seed: 5},
		{TopP: 0.9, Temperature: 0.8, Seed: 5},
		{TopP: 0.6, Temperature: 1.5, MinP: 0.02, Seed: 2},
		{TopP: 1, Temperature: 1.5, MinP: 0.3, Seed: 2},
		{TopP: 1, TopK: 7, Temperature: 1.5, Seed: 2},
		{TopP: 0.9, TopK: 40, Temperature: 0.8, Seed: 5},
		{TopP: 0.5, TopK: 40, Temperature: 1.5, Seed: 2},
		{TopP: 0.8, TopK: 150, Temperature: 3, MinP: 0.05, Seed: 2},
		{TopP: 1e-30, TopK: 200_000, Temperature: 1, Seed: 2},
	} {
		s.RepeatPenalty = 1
		onHost := s
		onHost.RepeatPenalty = math.Nextafter32(1, 2) // moves no logit by more than its last bit
		run := func(s Sampler) (ids []int, logprobs []float64) {
			err := forkText(t, &p.Text).Generate(context.Background(), Generation{N: n, Sampler: s, Emit: func(tok Token) error {
				ids, logprobs = append(ids, tok.ID), append(logprobs, tok.Logprob)
				return nil
			}})
			if err != nil {
				t.Fatal(err)
			}
			return ids, logprobs
		}
		ids, logprobs := run(s)
		want, wantLogprobs := run(onHost)
		if !slices.Equal(ids, want) {
			t.Errorf("%d tokens, %+v: the device chose %v, want %v", e.Config.VocabSize, s, ids, want)
		}
		for i := range logprobs {
			if !(math.Abs(logprobs[i]-wantLogprobs[i]) <= 1e-4) {
				t.Errorf("%d tokens, token %d: log probability %g, want %g", e.Config.VocabSize, i, logprobs[i], wantLogprobs[i])
			}
		}
	}
}
