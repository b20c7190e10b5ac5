//go:build !js

package engine

import (
	"context"
	"math"
	"slices"
	"strings"
	"testing"

	"keyfold/compress"
	"keyfold/engine/checkpoint"
	"keyfold/layout"
	"keyfold/models"
)

// Reading again keeps the most that one query pays: of all prefixes of the text
// read behind the prompt, the largest step. With a group of one the mean over
// the group is the most of it.
func TestReread(t *testing.T) {
	const tokens = 12
	shape := models.FixtureConfig
	shape.NKVHeads = shape.NHeads
	data, err := models.Fixture(shape, checkpoint.F16, 1)
	if err != nil {
		t.Fatal(err)
	}
	eachDevice(t, func(t *testing.T, kind DeviceKind) {
		e, text := openFile(t, openBytes(t, data), kind), someTokens(tokens)
		e.Tokenizer = nil // no lead-in
		p := prefill(t, e, text, layout.CacheF32, compress.Needs{Reread: true})
		got, err := p.Measure(compress.Needs{Reread: true})
		if err != nil {
			t.Fatal(err)
		}
		most, before := make([][]float64, len(got.Heads)), make([][]float32, len(got.Heads))
		for n := 1; n <= tokens; n++ {
			find[*future](p).paid = nil
			if err := p.Future(context.Background(), text[:n]); err != nil {
				t.Fatal(err)
			}
			for h, sum := range find[*future](p).paid {
				if n == 1 {
					most[h], before[h] = make([]float64, tokens), make([]float32, tokens)
				}
				for j := range sum {
					most[h][j] = math.Max(most[h][j], float64(sum[j]-before[h][j]))
				}
				before[h] = sum
			}
		}
		for h := range most {
			for j, want := range most[h] {
				// want is the difference of two float32 sums of up to 12 shares.
				if paid := float64(got.Heads[h].Reread[j]); !(math.Abs(paid-want) <= 1e-4) {
					t.Errorf("head %d slot %d: the most paid is %g, want %g", h, j, paid, want)
				}
			}
		}
	})
}

// Where the context has no room for all of the text, it is read in pieces, and
// with a tokenizer behind a lead-in.
func TestRereadInPieces(t *testing.T) {
	shape := models.FixtureConfig
	shape.SeqLen = 200
	data, err := models.Fixture(shape, checkpoint.F16, 1)
	if err != nil {
		t.Fatal(err)
	}
	e := openFile(t, openBytes(t, data), CPU)
	e.Tokenizer = nil
	text := someTokens(180)
	p := prefill(t, e, text, layout.CacheF32, compress.Needs{Reread: true})
	want, err := p.attentionBehind(context.Background(), slices.Collect(slices.Chunk(text, 20)), true)
	if err != nil {
		t.Fatal(err)
	}
	for h := range want {
		if d, at := worst(find[*reread](p).paid[h], want[h]); d > 0 {
			t.Errorf("head %d: slot %d differs by %g from that of pieces of 20", h, at, d)
		}
	}

	e = openFile(t, openBytes(t, data), CPU)
	first, err := e.Tokenizer.Encode(rereadFirst, false)
	if err != nil {
		t.Fatal(err)
	}
	rest, err := e.Tokenizer.Encode(rereadRest, false)
	if err != nil {
		t.Fatal(err)
	}
	text = someTokens(100)
	a := 200 - 100 - len(first) // tokens of the first piece
	if a <= rereadOverlap || a+200-100-len(rest)-rereadOverlap < 100 {
		t.Fatalf("lead-ins of %d and %d tokens: choose another context", len(first), len(rest))
	}
	p = prefill(t, e, text, layout.CacheF32, compress.Needs{Reread: true})
	want, err = p.attentionBehind(context.Background(),
		[][]int{slices.Concat(first, text[:a]), slices.Concat(rest, text[a-rereadOverlap:])}, true)
	if err != nil {
		t.Fatal(err)
	}
	for h := range want {
		if d, at := worst(find[*reread](p).paid[h], want[h]); d > 0 {
			t.Errorf("with lead-ins, head %d: slot %d differs by %g", h, at, d)
		}
	}
	e.Tokenizer = nil
	_, err = e.Prefill(context.Background(), someTokens(200), Settings{Needs: compress.Needs{Reread: true}})
	if err == nil || !strings.Contains(err.Error(), "a prompt of 200 tokens and a lead-in of 0 leave no room in the context of 200") {
		t.Errorf("a full context: error %v", err)
	}
}
