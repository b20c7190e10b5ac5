//go:build !js

package engine

import (
	"context"
	"math"
	"strings"
	"testing"

	"keyfold/compress"
	"keyfold/engine/checkpoint"
	"keyfold/layout"
)

// What tokens behind the prompt pay is what a prefill of the whole counts for
// them, and two texts behind one prompt add up.
func TestFuture(t *testing.T) {
	const tokens, behind = 130, 20
	eachDevice(t, func(t *testing.T, kind DeviceKind) {
		e, text := openFixture(t, kind, checkpoint.F16), someTokens(tokens+behind)
		whole := prefill(t, e, text, layout.CacheF32, compress.Needs{Mass: true, MassLast: behind})
		want, err := whole.Measure(compress.Needs{Mass: true, MassLast: behind})
		if err != nil {
			t.Fatal(err)
		}
		p := prefill(t, e, text[:tokens], layout.CacheF32, compress.Needs{})
		for times := 1; times <= 2; times++ {
			if err := p.Future(context.Background(), text[tokens:]); err != nil {
				t.Fatal(err)
			}
			got, err := p.Measure(compress.Needs{Future: true})
			if err != nil {
				t.Fatal(err)
			}
			for h := range got.Heads {
				if n := len(got.Heads[h].Future); n != tokens {
					t.Fatalf("head %d: attention to %d slots, want %d", h, n, tokens)
				}
				// Sums of 20 shares each, whose float32 exponents come out of chunks of other sizes.
				for j, paid := range got.Heads[h].Future {
					if w := float32(times) * want.Heads[h].Mass[j]; !(math.Abs(float64(paid-w)) <= 1e-4) {
						t.Fatalf("%d times, head %d slot %d: paid %g, want %g", times, h, j, paid, w)
					}
				}
			}
		}
		if p.Cache.Next() != tokens {
			t.Errorf("the cache holds %d tokens after it was read behind, want %d", p.Cache.Next(), tokens)
		}
	})
}

// Logits tells oracle the tokens behind the prefill, and says so where there are none.
func TestLogitsOfAMethodThatKnowsTheFuture(t *testing.T) {
	const tokens, behind = 80, 6
	e, text, m := openFixture(t, CPU, checkpoint.F16), someTokens(tokens+behind), newMethod(t, "oracle", 0.3)
	p := prefill(t, e, text[:tokens], layout.CacheF32, compress.Needs{})
	if err := p.Future(context.Background(), text[tokens:]); err != nil {
		t.Fatal(err)
	}
	plan, _, _ := decide(t, p, m)
	apply(t, p.Cache, plan)
	err := p.Read(context.Background(), text[tokens:])
	if err != nil {
		t.Fatal(err)
	}
	got := e.allLogits(t, text, DefaultChunk, m, tokens)
	// One by one and as a chunk: float32 products that may be summed in another order.
	if d, at := worst(got[len(got)-e.Config.VocabSize:], p.Logits); d > 1e-3 {
		t.Errorf("the last logits differ by %g at %d from those behind oracle's plan", d, at)
	}
	_, err = e.Prefill(context.Background(), text, Settings{Method: m, Future: text[len(text):]})
	if err == nil || !strings.Contains(err.Error(), "no token follows the prompt") {
		t.Errorf("without tokens behind the prefill: error %v", err)
	}
}
