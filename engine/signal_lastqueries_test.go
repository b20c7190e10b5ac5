//go:build !js

package engine

import (
	"testing"

	"keyfold/compress"
	"keyfold/engine/checkpoint"
	"keyfold/layout"
)

// What the last queries of a prompt paid, measured afterwards, is what a prefill
// that counts them alone collects: also in a copy of the cache, and when the
// window lies in two chunks.
func TestWindowIsTheMassOfTheLastQueries(t *testing.T) {
	eachDevice(t, func(t *testing.T, kind DeviceKind) {
		e := openFixture(t, kind, checkpoint.F16)
		for _, tokens := range []int{1, 5, 120, 230} { // chunks of 100
			for _, w := range []int{1, 5, 30, 64} {
				if w > tokens {
					continue
				}
				needs := compress.Needs{Mass: true, MassLast: w, LastQueries: 64}
				p := prefill(t, e, someTokens(tokens), layout.CacheF16, needs)
				for _, what := range []string{"the cache of the prefill", "a copy"} {
					signals, err := p.Measure(needs)
					if err != nil {
						t.Fatal(err)
					}
					got, err := signals.Window(w)
					if err != nil {
						t.Fatal(err)
					}
					for h := range got {
						// w shares of at most 1, each off by the float32 rounding of its exponent; 1e-6 in all on lavapipe.
						if d, at := worst(got[h], signals.Heads[h].Mass); d > 2e-6*float64(w) {
							t.Errorf("%d tokens, %s: head %d: attention of the last %d queries to slot %d differs by %g", tokens, what, h, w, at, d)
						}
					}
					t.Cleanup(p.Cache.Free)
					p.Cache = fork(t, p.Cache)
				}
			}
		}
	})
}
