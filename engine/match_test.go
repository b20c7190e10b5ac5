//go:build !js

package engine

import (
	"context"
	"math"
	"testing"

	"keyfold/engine/checkpoint"
	"keyfold/engine/tokenizer"
	"keyfold/models"
)

// The GPU's choices on the text are the CPU's, for every type of weights.
func TestTheGPUMatchesTheCPU(t *testing.T) {
	for _, wt := range []checkpoint.Type{checkpoint.F32, checkpoint.Q8_0, checkpoint.Q4_0} {
		f := fixtureFile(t, wt)
		e := openFile(t, f, GPU)
		told := 0
		m, err := e.MatchCPU(context.Background(), f, nil, 70, func(done int) error {
			told = done
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if m.Tokens != 70 || m.Same != 70 || told != 70 || m.Difference <= 0 || m.Difference > 1e-2 {
			t.Errorf("%v: %+v, told of %d tokens", wt, *m, told)
		}
	}
}

// A device that computes something else is found out, wherever in the text that begins.
func TestAnotherModelDoesNotMatch(t *testing.T) {
	f := fixtureFile(t, checkpoint.F32)
	c := models.FixtureConfig
	data, err := models.Fixture(c, checkpoint.F32, 2)
	if err != nil {
		t.Fatal(err)
	}
	e := openFile(t, openBytes(t, data), GPU)
	m, err := e.MatchCPU(context.Background(), f, nil, 40, func(int) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	if m.Same > 20 || m.Difference < 0.1 {
		t.Errorf("%+v of two models", *m)
	}
	var late Match
	want := []float32{0, 1, 2, 0, 2, 1, 3, 0, 0}
	late.note(want, []float32{0, 1, 2, 0, 2, 1.5, 0, 0, 0.25}, 3)
	if late.Tokens != 3 || late.Same != 2 || late.Difference != 3 {
		t.Errorf("%+v of three places, the last of which differs", late)
	}
}

// What cannot be compared: the CPU with itself. A context that is shorter than the text, and
// one that is stopped.
func TestMatchHasItsLimits(t *testing.T) {
	f := fixtureFile(t, checkpoint.F32)
	if m, err := openFile(t, f, CPU).MatchCPU(context.Background(), f, nil, 10, nil); m != nil || err != nil {
		t.Errorf("%v, %v of the CPU", m, err)
	}
	e := openFile(t, f, GPU)
	m, err := e.MatchCPU(context.Background(), f, nil, math.MaxInt, func(int) error { return nil })
	if err != nil || m.Tokens != e.Config.SeqLen {
		t.Errorf("%v, %v, want a context of %d tokens", m, err, e.Config.SeqLen)
	}
	if m, err := e.MatchCPU(context.Background(), f, nil, 100, func(done int) error {
		if done > 40 {
			return context.Canceled
		}
		return nil
	}); m != nil || err != context.Canceled {
		t.Errorf("%v, %v after it was stopped", m, err)
	}
}

// The text is long enough for the built-in model, and comes from its tokenizer.
func TestMatchTokens(t *testing.T) {
	f, err := models.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	tok, err := tokenizer.FromGGUF(f.Meta)
	if err != nil {
		t.Fatal(err)
	}
	ids, err := matchTokens(tok, 0, MatchTokens)
	if err != nil || len(ids) != MatchTokens {
		t.Fatalf("%d tokens, %v", len(ids), err)
	}
	text, err := tok.Decode(ids)
	if err != nil || len(text) < 200 || text[:20] != matchText[:20] {
		t.Errorf("%q, %v", text, err)
	}
}
