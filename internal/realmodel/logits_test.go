//go:build !js

package realmodel

import (
	"context"
	"math"
	"slices"
	"testing"

	"keyfold/engine"
	"keyfold/layout"
)

func TestRealTokens(t *testing.T) {
	e := realEngine(t, engine.CPU)
	own := ownReference(t)
	got, err := e.Tokenizer.Encode(own.Text, false)
	if err != nil || !slices.Equal(got, own.IDs) {
		t.Errorf("tokens %v (%v), want %v", got, err, own.IDs)
	}
}

// Logits and the likeliest token at every position are those of transformers.
func TestRealLogits(t *testing.T) {
	for _, device := range []struct {
		kind   engine.DeviceKind
		limit  float64        // of a logit's distance, in units of logits, which reach 20
		tokens map[string]int // that are read of a text; none: all of it
	}{
		{engine.CPU, 1e-4, nil},
		{engine.GPU, 1e-3, map[string]int{"shared": 64, "testdata": 145}}, // a software adapter reads 4 a second
	} {
		t.Run(string(device.kind), func(t *testing.T) {
			e := realEngine(t, device.kind)
			for name, want := range references(t) {
				if n := device.tokens[name]; n > 0 {
					want = want.upTo(n)
				}
				worst, other := compareLogits(t, e, want)
				t.Logf("%s: %d tokens; logits differ by %.1e at most", name, len(want.IDs), worst)
				if !(worst <= device.limit) || other > 0 {
					t.Errorf("%s: logits differ by %.1e, want at most %g; %d of %d positions have another likeliest token",
						name, worst, device.limit, other, len(want.IDs))
				}
			}
		})
	}
}

// upTo returns the reference of the text's first n tokens.
func (r reference) upTo(n int) reference {
	r.IDs, r.Argmax = r.IDs[:n], r.Argmax[:n]
	r.Logits = slices.DeleteFunc(slices.Clone(r.Logits), func(row logitsRow) bool { return row.Position >= n })
	return r
}

// compareLogits reads a text and returns the largest distance of a logit from the reference's, and at
// how many positions another token is likeliest. NaN is infinitely far.
func compareLogits(t *testing.T, e *engine.Engine, want reference) (worst float64, other int) {
	t.Helper()
	position, rows := 0, slices.Clone(want.Logits)
	p, err := e.Prefill(context.Background(), want.IDs, engine.Settings{KV: layout.CacheF32, Logits: func(logits []float32) error {
		for row := range slices.Chunk(logits, e.Config.VocabSize) {
			if argmax(row) != want.Argmax[position] {
				other++
			}
			if len(rows) > 0 && rows[0].Position == position {
				worst = max(worst, rows[0].distance(row))
				rows = rows[1:]
			}
			position++
		}
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	p.Free()
	if position != len(want.IDs) || len(rows) > 0 {
		t.Fatalf("%d positions of %d, and %d rows of logits were not compared", position, len(want.IDs), len(rows))
	}
	return worst, other
}

func (r logitsRow) distance(logits []float32) float64 {
	worst := 0.0
	for i, id := range r.Tokens {
		d := math.Abs(float64(logits[id]) - float64(r.Values[i]))
		if math.IsNaN(d) {
			d = math.Inf(1)
		}
		worst = max(worst, d)
	}
	return worst
}

func argmax(v []float32) int {
	best := 0
	for i, x := range v {
		if x > v[best] {
			best = i
		}
	}
	return best
}

func TestDistanceCatchesErrors(t *testing.T) {
	row := logitsRow{Tokens: []int{0, 2}, Values: []float32{1, 3}}
	for _, tc := range []struct {
		logits []float32
		want   float64
	}{
		{[]float32{1, 9, 3}, 0},
		{[]float32{1, 2, 3.5}, 0.5},
		{[]float32{float32(math.NaN()), 2, 3}, math.Inf(1)},
	} {
		if got := row.distance(tc.logits); got != tc.want {
			t.Errorf("%v: distance %g, want %g", tc.logits, got, tc.want)
		}
	}
}
