package ref

import (
	"math"
	"testing"
)

// The draws of GVoteSample are standard normal.
func TestNormalDraws(t *testing.T) {
	const dim, samples = 500, 200 // 1e5 draws
	state := make([]float32, 2*dim)
	for c := range dim {
		state[dim+c] = 1
	}
	h := make([]float32, samples*dim)
	GVoteSample(state, h, dim, samples, 1, 11, 2)
	n := float64(len(h))
	var sum, squares, cubes, products float64
	tails := map[float64]int{1: 0, 2: 0, 3: 0}
	for i, z := range h {
		z := float64(z)
		sum += z
		squares += z * z
		cubes += z * z * z
		if i > 0 {
			products += z * float64(h[i-1])
		}
		for limit := range tails {
			if math.Abs(z) > limit {
				tails[limit]++
			}
		}
	}
	// Deviations of the four over n draws: 1/√n, √2/√n, √15/√n, 1/√n. Five of them are allowed.
	for _, tc := range []struct {
		name            string
		got, want, unit float64
	}{
		{"mean", sum / n, 0, 1}, {"variance", squares / n, 1, math.Sqrt2},
		{"third moment", cubes / n, 0, math.Sqrt(15)}, {"correlation of neighbours", products / n, 0, 1},
	} {
		if math.Abs(tc.got-tc.want) > 5*tc.unit/math.Sqrt(n) {
			t.Errorf("%s %g, want %g", tc.name, tc.got, tc.want)
		}
	}
	for limit, count := range tails {
		p := math.Erfc(limit / math.Sqrt2)
		if math.Abs(float64(count)-n*p) > 5*math.Sqrt(n*p) {
			t.Errorf("%d of %g draws beyond %g deviations, want %.0f", count, n, limit, n*p)
		}
	}
}

// More samples add to the first ones, and layers and seeds draw anew.

func TestGVoteSampleIsNested(t *testing.T) {
	const dim = 40
	state := make([]float32, 2*dim)
	for c := range state {
		state[c] = float32(c + 1)
	}
	draw := func(samples int, seed, layer uint32) []float32 {
		h := make([]float32, samples*dim)
		GVoteSample(state, h, dim, samples, 9, seed, layer)
		return h
	}
	few, many := draw(3, 1, 2), draw(8, 1, 2)
	for i := range few {
		if few[i] != many[i] {
			t.Fatalf("element %d of 3 samples is %g, of 8 samples %g", i, few[i], many[i])
		}
	}
	for name, other := range map[string][]float32{"layer": draw(3, 1, 3), "seed": draw(3, 2, 2), "sample": many[3*dim:]} {
		same := 0
		for i := range few {
			if few[i] == other[i] {
				same++
			}
		}
		if same > 2 {
			t.Errorf("another %s: %d of %d draws are the same", name, same, len(few))
		}
	}
}
