//go:build !js

package engine

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"keyfold/engine/checkpoint"
	"keyfold/layout"
)

// clocked is a runner that computes nothing: a submit takes wait + token for each of its
// tokens, the first one a second more, and every tenth 5 ms more.
type clocked struct {
	runner
	wait, token time.Duration
	submits     *int
	longest     *time.Duration // but for the first ten
}

func (r clocked) config() checkpoint.Config {
	c := r.runner.config()
	c.SeqLen = 1 << 20
	return c
}

func (r clocked) forward(s *step) ([]*result, error) {
	var res []*result
	for range s.lanes {
		res = append(res, &result{chosen: make([]chosen, 1+s.ahead)})
	}
	if s.rows() == 0 {
		return res, nil
	}
	took := r.wait + time.Duration(1+s.ahead)*r.token
	switch {
	case *r.submits == 0:
		took += time.Second // the kernels are compiled
	case *r.submits%10 == 0:
		took += 5 * time.Millisecond
	}
	if *r.submits++; *r.submits > 10 {
		*r.longest = max(*r.longest, took)
	}
	time.Sleep(took)
	return res, nil
}

// decodeRate returns the tokens per second that a clock sees behind a start of 300 tokens, in
// a cache that grows.
func decodeRate(t *testing.T, e *Engine, wait, token time.Duration) (perSecond float64, longest time.Duration) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := clocked{e.r, wait, token, new(int), &longest}
		c, err := newCache(r, layout.CacheF16)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Free()
		perSecond, _ = decode(t, &Text{e: e, Cache: c, Logits: make([]float32, e.Config.VocabSize)}, 300, 2500)
	})
	return perSecond, longest
}

// decode writes warmup tokens, and then n more, of which it returns how many there were in a second.
func decode(t testing.TB, text *Text, warmup, n int) (perSecond float64, took time.Duration) {
	t.Helper()
	g := &generator{Text: text, o: Generation{Sampler: greedy}, onDevice: true, start: time.Now()}
	if err := g.begin(); err != nil {
		t.Fatal(err)
	}
	b := Batch{texts: []*generator{g}}
	var start time.Time
	for i := range warmup + n {
		if i == warmup {
			start = time.Now()
		}
		g.take()
		g.left = warmup + n - i
		if b.feed(); g.err != nil {
			t.Fatal(g.err)
		}
	}
	took = time.Since(start)
	return float64(n) / took.Seconds(), took
}

// A wait of 30 ms costs a fifth of the speed at most, one of 100 ms two fifths; and where
// nothing is waited for no submit is longer than a reader may see.
func TestSubmitsFitTheirWait(t *testing.T) {
	e := openFixture(t, CPU, checkpoint.F32)
	for _, token := range []time.Duration{time.Millisecond, 2 * time.Millisecond, 5 * time.Millisecond, 12 * time.Millisecond, 40 * time.Millisecond} {
		alone, longest := decodeRate(t, e, 0, token)
		if longest > max(aheadTime*4/3, token)+6*time.Millisecond {
			t.Errorf("%v a token, no wait: a submit takes %v", token, longest)
		}
		for _, tc := range []struct {
			wait  time.Duration
			share float64
		}{{time.Millisecond, 0.94}, {10 * time.Millisecond, 0.8}, {30 * time.Millisecond, 0.8}, {100 * time.Millisecond, 0.6}} {
			rate, longest := decodeRate(t, e, tc.wait, token)
			t.Logf("%v a token, wait %v: %.0f tokens/s of %.0f, submits up to %v", token, tc.wait, rate, alone, longest)
			if rate < tc.share*alone {
				t.Errorf("%v a token, wait %v: %.0f tokens/s of %.0f, want %.0f %%", token, tc.wait, rate, alone, 100*tc.share)
			}
			if longest > mostAhead*4/3+tc.wait+6*time.Millisecond {
				t.Errorf("%v a token, wait %v: a submit takes %v", token, tc.wait, longest)
			}
		}
	}
}

// waiting is a runner whose results come late, as a browser's may.
type waiting struct {
	runner
	wait time.Duration
}

func (r waiting) forward(s *step) ([]*result, error) {
	time.Sleep(r.wait)
	return r.runner.forward(s)
}

// How fast a GPU decodes where each wait takes longer.
func BenchmarkDecodeWithWaits(b *testing.B) {
	for _, wait := range []time.Duration{0, 30 * time.Millisecond, 100 * time.Millisecond} {
		b.Run(fmt.Sprint(wait), func(b *testing.B) {
			e := openFixture(b, GPU, checkpoint.F16)
			e.r = waiting{e.r, wait}
			tokens := 0
			var took time.Duration
			for b.Loop() {
				p, err := e.Prefill(context.Background(), someTokens(20), Settings{})
				if err != nil {
					b.Fatal(err)
				}
				const n = 800
				_, t := decode(b, &p.Text, 100, n)
				took, tokens = took+t, tokens+n
				p.Free()
			}
			b.ReportMetric(float64(tokens)/took.Seconds(), "tokens/s")
		})
	}
}
