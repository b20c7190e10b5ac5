package layout

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
