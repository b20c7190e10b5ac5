//go:build !js

package engine

import (
	"context"
	"math"
	"slices"
	"testing"

	"keyfold/compress"
	"keyfold/engine/checkpoint"
	"keyfold/layout"
)

func TestCompareLogits(t *testing.T) {
	ln := func(p ...float64) []float32 {
		v := make([]float32, len(p))
		for i := range p {
			v[i] = float32(math.Log(p[i])) + 7 // logits are free up to a constant
		}
		return v
	}
	q := Compare(ln(0.5, 0.25, 0.25), ln(0.25, 0.5, 0.25), 0)
	// KL = 0.5 ln 2 + 0.25 ln 0.5 + 0 = 0.25 ln 2; the token costs ln 0.5 - ln 0.25 = ln 2 more.
	if math.Abs(q.KL-0.25*math.Ln2) > 1e-6 || math.Abs(q.DeltaNLL-math.Ln2) > 1e-6 || q.Top1 {
		t.Errorf("got %+v, want KL %g, delta NLL %g and another favourite", q, 0.25*math.Ln2, math.Ln2)
	}
	same := Compare(ln(0.5, 0.5), ln(0.5, 0.5), 1)
	if same.KL != 0 || same.DeltaNLL != 0 || !same.Top1 {
		t.Errorf("equal logits: %+v", same)
	}
}

// shadowed generates n tokens with a shadow and returns them and the shadow.
func shadowed(t *testing.T, e *Engine, m compress.Method, n int, s Sampler) ([]Token, *Shadow) {
	return shadowedBy(t, e, m, n, s, true)
}

func shadowedBy(t *testing.T, e *Engine, m compress.Method, n int, s Sampler, perHead bool) ([]Token, *Shadow) {
	t.Helper()
	tokens := someTokens(150)
	p := prefill(t, e, tokens, layout.CacheF32, m.Needs())
	plan, _, _ := decide(t, p, m)
	text := forkText(t, &p.Text)
	apply(t, text.Cache, plan)
	shadow := NewShadow(forkText(t, &p.Text), perHead)
	t.Cleanup(func() {
		if shadow.free != nil {
			shadow.free.Free()
		}
	})
	var out []Token
	err := text.Generate(context.Background(), Generation{N: n, Sampler: s, Shadow: shadow, Emit: func(tok Token) error {
		out = append(out, tok)
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	return out, shadow
}

// Beside an uncompressed cache nothing differs at all.
func TestShadowOfTheFullCache(t *testing.T) {
	eachDevice(t, func(t *testing.T, kind DeviceKind) {
		e := openFixture(t, kind, checkpoint.F16)
		tokens, shadow := shadowed(t, e, newMethod(t, "full", 0), 40, Sampler{RepeatPenalty: 1, TopP: 0.9, Temperature: 0.8, Seed: 2})
		for i, tok := range tokens {
			if tok.Quality.KL != 0 || tok.Quality.DeltaNLL != 0 || !tok.Quality.Top1 {
				t.Fatalf("token %d: %+v, want no difference", i, *tok.Quality)
			}
		}
		if shadow.FirstDifference != -1 {
			t.Errorf("first difference at %d, want none", shadow.FirstDifference)
		}
		for i, err := range shadow.HeadErrors() {
			if err != 0 {
				t.Errorf("head %d: attention-output error %g, want 0", i, err)
			}
		}
	})
}

// The quality reported is what teacher-forced logits of the two caches give,
// and the left text is what the model writes without compression.
func TestShadowOfACompressedCache(t *testing.T) {
	eachDevice(t, func(t *testing.T, kind DeviceKind) {
		e := openFixture(t, kind, checkpoint.F16)
		e.Tokenizer = nil // so that no token ends the text
		const n = 50
		m := newMethod(t, "window", 0.15)
		tokens, shadow := shadowed(t, e, m, n, greedy)
		ids := make([]int, len(tokens))
		for i, tok := range tokens {
			ids[i] = tok.ID
		}
		if shadow.FirstDifference < 1 || shadow.FirstDifference >= n {
			t.Fatalf("first difference at %d: this test needs one in the middle", shadow.FirstDifference)
		}

		prompt := someTokens(150)
		text := slices.Concat(prompt, ids)
		full := e.allLogits(t, text, DefaultChunk, nil, 0)
		comp := e.allLogits(t, text, DefaultChunk, m, len(prompt))
		vocab := e.Config.VocabSize
		row := func(logits []float32, i int) []float32 { return logits[(len(prompt)-1+i)*vocab:][:vocab] }
		var kl float64
		for i, tok := range tokens {
			want := Compare(row(full, i), row(comp, i), ids[i])
			kl += want.KL
			if !(math.Abs(tok.Quality.KL-want.KL) <= 1e-3 && math.Abs(tok.Quality.DeltaNLL-want.DeltaNLL) <= 1e-2) {
				t.Errorf("token %d: %+v, want %+v", i, *tok.Quality, *want)
			}
		}
		if kl/n < 0.01 {
			t.Errorf("mean KL is %g: this test needs a cache that is hurt", kl/n)
		}

		p := prefill(t, e, prompt, layout.CacheF32, compress.Needs{})
		if want := continuation(t, e, p.Cache, p.Logits, n); !slices.Equal(shadow.Text(), want) {
			t.Errorf("the full run wrote %v, alone it writes %v", shadow.Text(), want)
		}
		if got := slices.Equal(shadow.Text()[:shadow.FirstDifference], ids[:shadow.FirstDifference]); !got ||
			shadow.Text()[shadow.FirstDifference] == ids[shadow.FirstDifference] {
			t.Errorf("%d is not the first difference", shadow.FirstDifference)
		}
		worst := slices.Max(shadow.HeadErrors())
		if worst < 0.05 || worst > 3 {
			t.Errorf("largest attention-output error is %g, want something between 0.05 and 3", worst)
		}
	})
}

// counting is a runner that counts what is fed and read back.
type counting struct {
	*gpuRunner
	passes, logits, signals int
}

func (r *counting) forward(s *step) ([]*result, error) {
	r.passes++
	results, err := r.gpuRunner.forward(s)
	for _, res := range results {
		r.logits += len(res.logits)
	}
	return results, err
}

func (r *counting) readPerLayer(m *perLayer, n int) ([][]float32, error) {
	r.signals++
	return r.gpuRunner.readPerLayer(m, n)
}

// Both runs' tokens fed ahead are those that are chosen one by one, and each comes with the
// same quality. The host never sees logits, and waits less than once per token.
func TestShadowAhead(t *testing.T) {
	e := openFixture(t, GPU, checkpoint.F16)
	e.Tokenizer = nil
	for _, tc := range []struct {
		m string
		s Sampler
	}{
		{"window", greedy},
		{"window", Sampler{RepeatPenalty: 1, TopP: 0.9, Temperature: 1, Seed: 3}},
		{"full", Sampler{RepeatPenalty: 1, TopP: 1, Temperature: 0.7, Seed: 5}},
	} {
		m := newMethod(t, tc.m, map[string]float64{"window": 0.3}[tc.m])
		const n = 60
		one, wantShadow := shadowedBy(t, e, m, n, tc.s, true) // which feeds no tokens ahead
		counter := &counting{gpuRunner: e.r.(*gpuRunner)}
		e.r = counter
		ahead, shadow := shadowedBy(t, e, m, n, tc.s, false)
		e.r = counter.gpuRunner
		if tc.m == "window" && (shadow.FirstDifference < 1 || shadow.FirstDifference > n-10) {
			t.Errorf("first difference at %d: this test needs one in the middle", shadow.FirstDifference)
		}
		if shadow.FirstDifference != wantShadow.FirstDifference || !slices.Equal(shadow.Text(), wantShadow.Text()) {
			t.Errorf("%+v: the full run wrote %v, one by one %v", tc.s, shadow.Text(), wantShadow.Text())
		}
		for i := range ahead {
			if ahead[i].ID != one[i].ID || *ahead[i].Quality != *one[i].Quality || ahead[i].Logprob != one[i].Logprob {
				t.Fatalf("%+v, token %d: %+v %+v, one by one %+v %+v", tc.s, i, ahead[i], *ahead[i].Quality, one[i], *one[i].Quality)
			}
		}
		// One pass reads the prompt, whose logits come back, and one chooses the first token.
		if counter.logits > e.Config.VocabSize || counter.passes >= n {
			t.Errorf("%d logits came back in %d passes of %d tokens", counter.logits, counter.passes, n)
		}
		t.Logf("%d passes for %d tokens, first difference at %d", counter.passes, n, shadow.FirstDifference)
	}
}

// All that a page shows of a token comes back with one wait, whatever the sampler: the choice,
// the quality, the likeliest tokens of both runs and the attention. Only with a penalty for
// repetition the host sees logits.
func TestOneWaitPerToken(t *testing.T) {
	e := openFixture(t, GPU, checkpoint.F16)
	e.Tokenizer = nil
	counter := &counting{gpuRunner: e.r.(*gpuRunner)}
	e.r = counter
	p := prefill(t, e, someTokens(150), layout.CacheF32, compress.Needs{})
	for s, host := range map[Sampler]bool{
		greedy: false,
		{RepeatPenalty: 1, TopP: 0.9, Temperature: 0.8, Seed: 1}:           false,
		{RepeatPenalty: 1, TopP: 0.9, TopK: 40, Temperature: 0.8, Seed: 1}: false,
		{RepeatPenalty: 1.1, TopP: 1}:                                      true,
	} {
		text, full := forkText(t, &p.Text), forkText(t, &p.Text)
		plan, _, _ := decide(t, p, newMethod(t, "window", 0.3))
		apply(t, text.Cache, plan)
		shadow := NewShadow(full, false)
		watch, err := e.Watch(200)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(watch.Free)
		*counter = counting{gpuRunner: counter.gpuRunner}
		const n = 20
		err = text.Generate(context.Background(), Generation{N: n, Sampler: s, Shadow: shadow, Watch: watch, Likeliest: 10, Emit: func(tok Token) error {
			if tok.Quality == nil || len(tok.Likeliest) != 10 || len(tok.FullLikeliest) != 10 {
				t.Errorf("%+v: %+v", s, tok)
			}
			return nil
		}})
		if shadow.free != nil {
			shadow.free.Free()
		}
		if err != nil {
			t.Fatal(err)
		}
		if counter.passes < n-1 || counter.passes > n || counter.signals > 0 || (counter.logits > 0) != host {
			t.Errorf("%+v: %d passes, signals were read %d times and %d logits for %d tokens", s, counter.passes, counter.signals, counter.logits, n)
		}
	}
}

func TestReport(t *testing.T) {
	e := openFixture(t, CPU, checkpoint.F16)
	m := newMethod(t, "kvmerger", 0, "eps", "0.2")
	tokens, shadow := shadowed(t, e, m, 20, Sampler{RepeatPenalty: 1, TopP: 1})
	var reports []TokenReport
	var kls []float64
	for _, tok := range tokens {
		reports = append(reports, tok.Describe("x"))
		kls = append(kls, tok.Quality.KL)
	}
	q := shadow.Describe(reports, "full")
	slices.Sort(kls)
	var sum float64
	for _, kl := range kls {
		sum += kl
	}
	if math.Abs(q.KLMean-sum/20) > 1e-12 || q.KLP95 != kls[18] { // the 19th of 20
		t.Errorf("mean and p95 are %g and %g, want %g and %g", q.KLMean, q.KLP95, sum/20, kls[18])
	}
	if q.PPLRatio != math.Exp(q.DeltaNLL) {
		t.Errorf("perplexity ratio %g, delta NLL %g", q.PPLRatio, q.DeltaNLL)
	}
	if len(q.HeadErrors) != e.Config.NLayers || len(q.HeadErrors[0]) != e.Config.NHeads {
		t.Errorf("head errors are %v, want (n_layers, n_heads)", q.HeadErrors)
	}

	s := &compress.Signals{NLayers: 2, NKVHeads: 1, Heads: []compress.Head{
		{Pos: []int{0, 1, 2}, Cosine: []float32{0, 0.8, 0.7}},
		{Pos: []int{0, 1, 2}, Cosine: []float32{0, 0.9, 0.76}},
	}}
	if got := similarNeighbours(s); !slices.Equal(got, []float64{0.5, 1}) {
		t.Errorf("shares of similar neighbours are %v, want 0.5 and 1", got)
	}
	s.Heads[1].N = []int{1, 2, 1}
	if got := similarNeighbours(s); got != nil {
		t.Errorf("shares of similar neighbours of a merged cache are %v, want none", got)
	}
}
