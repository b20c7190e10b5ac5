package ref

import (
	"math"
	"testing"
)

func TestUniformIsBetweenZeroAndOne(t *testing.T) {
	for _, h := range []uint32{0, 1, 1 << 31, math.MaxUint32} {
		if u := Uniform(h); !(u > 0 && u < 1) {
			t.Errorf("Uniform(%#x) = %g, want it in (0, 1)", h, u)
		}
	}
	// Mean 1/2 and variance 1/12 of 1e5 draws; the mean's deviation is 0.0009, the variance's 0.00024.
	var sum, squares float64
	const n = 100_000
	for i := range uint32(n) {
		u := float64(Uniform(Hash(1, 2, i)))
		sum += u
		squares += (u - 0.5) * (u - 0.5)
	}
	if mean := sum / n; math.Abs(mean-0.5) > 0.004 {
		t.Errorf("mean %g, want 0.5", mean)
	}
	if variance := squares / n; math.Abs(variance-1.0/12) > 0.001 {
		t.Errorf("variance %g, want 1/12", variance)
	}
}

// The polynomials against math, over all they are used for.
func TestPolynomials(t *testing.T) {
	for i := range uint32(1 << 16) {
		for _, u := range []float32{Uniform(i << 16), Uniform(i << 9), 1 - Uniform(i<<9), 40 * Uniform(i<<16)} {
			want := math.Log(float64(u))
			if e := math.Abs(float64(ln(u)) - want); e > 3e-7*math.Abs(want) {
				t.Fatalf("ln(%g) = %g, want %g", u, ln(u), want)
			}
		}
		y := float32(math.Pi) * (Uniform(i<<16) - 0.5)
		if e := math.Abs(float64(sinQuarter(y)) - math.Sin(float64(y))); e > 2e-7 {
			t.Fatalf("sinQuarter(%g) = %g, want %g", y, sinQuarter(y), math.Sin(float64(y)))
		}
	}
}

// Seeds, streams and indices each change the number: no two of 3 * 64 * 64
// counters hash alike in more places than chance allows.
func TestHashStreamsAreDistinct(t *testing.T) {
	seen := map[uint32]bool{}
	collisions, n := 0, 0
	for seed := range uint32(3) {
		for stream := range uint32(64) {
			for index := range uint32(64) {
				h := Hash(seed, stream, index)
				if seen[h] {
					collisions++
				}
				seen[h] = true
				n++
			}
		}
	}
	// 12288 of 2^32 numbers: 0.02 collisions expected.
	if collisions > 1 {
		t.Errorf("%d of %d hashes collide", collisions, n)
	}
	// Neighbouring counters share bits no more often than chance: 32 * 12288 coin tosses deviate by 314.
	same := 0
	for i := range uint32(n) {
		for bits := Hash(5, 6, i) ^ Hash(5, 7, i); bits != 0; bits &= bits - 1 {
			same++
		}
	}
	if math.Abs(float64(same-16*n)) > 5*314 {
		t.Errorf("two streams differ in %d bits of %d", same, 32*n)
	}
}

func TestGumbelMean(t *testing.T) {
	var sum float64
	const n = 100_000
	for i := range uint32(n) {
		sum += float64(Gumbel(Hash(3, 4, i)))
	}
	// Euler's constant; the deviation of one draw is π/√6 = 1.28, that of the mean 0.004.
	if mean := sum / n; math.Abs(mean-0.5772) > 0.016 {
		t.Errorf("mean %g, want 0.5772", mean)
	}
}

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
