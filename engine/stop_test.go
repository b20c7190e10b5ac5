//go:build !js

package engine

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"testing"

	"keyfold/engine/checkpoint"
	"keyfold/engine/tokenizer"
)

// goOn continues a text of the fixture, greedily, and returns the ids and what ended it.
// If ends is not nil, the tokenizer is told that these ids end a text.
func goOn(t *testing.T, kind DeviceKind, ends []int, ctx context.Context, g Generation) ([]int, *Stop, error) {
	t.Helper()
	f := fixtureFile(t, checkpoint.F32)
	tok, err := tokenizer.FromGGUF(f.Meta)
	if err != nil {
		t.Fatal(err)
	}
	if err := tok.AddEnds(ends...); err != nil {
		t.Fatal(err)
	}
	e, err := Open(context.Background(), f, tok, kind)
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	p, err := e.Prefill(context.Background(), someTokens(40), Settings{})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Free()
	var ids []int
	g.Sampler, g.Emit = greedy, func(token Token) error {
		ids = append(ids, token.ID)
		return nil
	}
	err = p.Generate(ctx, g)
	return ids, p.Stop, err
}

// TestWhatEndsAText: a token of the tokenizer's list, the number asked for, the context, or somebody.
func TestWhatEndsAText(t *testing.T) {
	for _, kind := range []DeviceKind{CPU, GPU} {
		if kind == GPU {
			openFixture(t, GPU, checkpoint.F32) // skips where there is none
		}
		all, stop, err := goOn(t, kind, nil, context.Background(), Generation{N: 24})
		if err != nil || stop == nil || stop.Reason != StopLength || stop.Token != nil {
			t.Fatalf("%s: %v, %v, want all 24 tokens", kind, stop, err)
		}
		// Any token that the model writes can be made an end; nothing is written behind it.
		for _, id := range []int{all[0], all[7], all[23]} {
			want := all[:slices.Index(all, id)+1]
			got, stop, err := goOn(t, kind, []int{id, 300}, context.Background(), Generation{N: 24})
			if err != nil || !slices.Equal(got, want) {
				t.Errorf("%s: with end %d %v, %v, want %v", kind, id, got, err, want)
			}
			if stop == nil || stop.Reason != StopToken || stop.Token == nil || *stop.Token != id || stop.Piece == "" {
				t.Errorf("%s: with end %d ended by %+v", kind, id, stop)
			}
		}
		cancelled, cancel := context.WithCancel(context.Background())
		cancel()
		_, stop, err = goOn(t, kind, nil, cancelled, Generation{N: 24})
		if !errors.Is(err, context.Canceled) || stop == nil || stop.Reason != StopCancelled {
			t.Errorf("%s: cancelled, %v and %v", kind, stop, err)
		}
	}
}

func TestStopAtTheEndOfTheContext(t *testing.T) {
	e := openFixture(t, CPU, checkpoint.F32)
	p, err := e.Prefill(context.Background(), someTokens(e.Config.SeqLen-4), Settings{})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Free()
	for n, want := range map[int]StopReason{4: StopLength, 5: StopContext} {
		fork, err := p.Fork()
		if err != nil {
			t.Fatal(err)
		}
		if err := fork.Generate(context.Background(), Generation{N: n, Sampler: greedy, Emit: func(Token) error { return nil }}); err != nil {
			t.Fatal(err)
		}
		if fork.Stop == nil || fork.Stop.Reason != want {
			t.Errorf("%d tokens where the context has room for 4 and one more is never fed: ended by %v, want %s", n, fork.Stop, want)
		}
		fork.Free()
	}
}

// The id of a token that ends a text is there even if it is 0.
func TestStopAsJSON(t *testing.T) {
	zero := 0
	for want, stop := range map[string]Stop{
		`{"reason":"token","token":0,"piece":"x"}`: {Reason: StopToken, Token: &zero, Piece: "x"},
		`{"reason":"length"}`:                      {Reason: StopLength},
		`{"reason":"text","text":"\n"}`:            {Reason: StopText, Text: "\n"},
	} {
		if got, err := json.Marshal(stop); err != nil || string(got) != want {
			t.Errorf("%s, %v, want %s", got, err, want)
		}
	}
}
