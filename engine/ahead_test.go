//go:build !js

package engine

import (
	"context"
	"fmt"
	"testing"
	"time"

	"keyfold/engine/checkpoint"
)

// decodeRate returns the tokens per second that a clock sees after a start, where a submit
// of n tokens takes wait + n*token, the first one a second more, and every tenth 5 ms more.
func decodeRate(wait, token time.Duration) (perSecond float64, longest time.Duration) {
	a := ahead{}
	var took time.Duration
	fed := 0
	for i := range 60 {
		n := a.next()
		t := wait + time.Duration(n)*token
		switch {
		case i == 0:
			t += time.Second // the kernels are compiled
		case i%10 == 0:
			t += 5 * time.Millisecond
		}
		a.note(n, t)
		if i >= 10 {
			took, fed, longest = took+t, fed+n, max(longest, t)
		}
	}
	return float64(fed) / took.Seconds(), longest
}

// A wait of 30 ms costs a fifth of the speed at most, one of 100 ms two fifths; and where
// nothing is waited for no submit is longer than a reader may see.
func TestSubmitsFitTheirWait(t *testing.T) {
	for _, token := range []time.Duration{time.Millisecond, 2 * time.Millisecond, 5 * time.Millisecond, 12 * time.Millisecond, 40 * time.Millisecond} {
		alone, longest := decodeRate(0, token)
		if longest > max(aheadTime, token)+6*time.Millisecond {
			t.Errorf("%v a token, no wait: a submit takes %v", token, longest)
		}
		for _, tc := range []struct {
			wait  time.Duration
			share float64
		}{{time.Millisecond, 0.94}, {10 * time.Millisecond, 0.8}, {30 * time.Millisecond, 0.8}, {100 * time.Millisecond, 0.6}} {
			rate, longest := decodeRate(tc.wait, token)
			t.Logf("%v a token, wait %v: %.0f tokens/s of %.0f, submits up to %v", token, tc.wait, rate, alone, longest)
			if rate < tc.share*alone {
				t.Errorf("%v a token, wait %v: %.0f tokens/s of %.0f, want %.0f %%", token, tc.wait, rate, alone, 100*tc.share)
			}
			if longest > mostAhead+tc.wait+6*time.Millisecond {
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

func (r waiting) forward(c *Cache, s *step) (*result, error) {
	time.Sleep(r.wait)
	return r.runner.forward(c, s)
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
				g := &generator{Text: &p.Text, o: Generation{Sampler: greedy}, onDevice: true}
				g.start = time.Now()
				g.choose()
				const warmup, n = 100, 900
				var start time.Time
				for i := range n {
					if i == warmup {
						start = time.Now()
					}
					if err := g.feed(n - i); err != nil {
						b.Fatal(err)
					}
					g.choose()
				}
				took, tokens = took+time.Since(start), tokens+n-warmup
				p.Free()
			}
			b.ReportMetric(float64(tokens)/took.Seconds(), "tokens/s")
		})
	}
}
