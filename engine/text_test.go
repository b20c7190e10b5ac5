//go:build !js

package engine

import (
	"context"
	"slices"
	"sync"
	"testing"

	"keyfold/compress"
	"keyfold/engine/checkpoint"
	"keyfold/layout"
)

// Scoring a text behind a compressed cache gives the logits that decoding it
// one by one gives, the first ones being those that came before it.
func TestScoreIsTeacherForcing(t *testing.T) {
	e := openFixture(t, CPU, checkpoint.F16)
	text := someTokens(400)
	const prompt = 90
	m := newMethod(t, "window", 0.3)
	want := e.allLogits(t, text, DefaultChunk, m, prompt)

	p := prefill(t, e, text[:prompt], layout.CacheF32, m.Needs())
	plan, _, _ := decide(t, p, m)
	apply(t, p.Cache, plan)
	rows, err := p.Score(context.Background(), text[prompt:])
	if err != nil {
		t.Fatal(err)
	}
	if len(rows) != len(text)-prompt {
		t.Fatalf("%d rows for %d tokens", len(rows), len(text)-prompt)
	}
	if got := slices.Concat(rows...); !slices.Equal(got, want[(prompt-1)*e.Config.VocabSize:(len(text)-1)*e.Config.VocabSize]) {
		t.Error("the logits are not those of decoding")
	}
	if got := p.Cache.Next(); got != len(text)-1 {
		t.Errorf("%d tokens are in the cache, want all but the last of %d", got, len(text))
	}
	if rows, err := p.Score(context.Background(), nil); len(rows) != 0 || err != nil {
		t.Errorf("no text scores %d rows, %v", len(rows), err)
	}
}

// Siblings compute what the engine computes, at the same time.
func TestSiblingsRunSideBySide(t *testing.T) {
	e := openFixture(t, CPU, checkpoint.F16)
	text := someTokens(60)
	want := prefill(t, e, text, layout.CacheF16, compress.Needs{}).Logits
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			p, err := e.Sibling().Prefill(context.Background(), text, Settings{KV: layout.CacheF16})
			if err != nil {
				t.Error(err)
				return
			}
			defer p.Free()
			if !slices.Equal(p.Logits, want) {
				t.Error("a sibling computes other logits")
			}
		})
	}
	wg.Wait()
}
