package cpu

import (
	"math/rand/v2"
	"slices"
	"testing"

	"keyfold/layout"
)

// Whatever order the slots come in, the first m are those that sorting finds.
func TestFirst(t *testing.T) {
	r := rand.New(rand.NewPCG(8, 0))
	for n := range 70 {
		for name, score := range map[string]func(i int) float32{
			"random":     func(int) float32 { return float32(r.NormFloat64()) },
			"ascending":  func(i int) float32 { return float32(i) },
			"descending": func(i int) float32 { return float32(-i) },
			"few values": func(int) float32 { return float32(r.IntN(3) - 1) },
			"all equal":  func(int) float32 { return 2 },
		} {
			scores, weights := make([]float32, n), make([]float32, n)
			wide := make([]float64, n)
			for i := range scores {
				scores[i], weights[i] = score(i), float32(r.IntN(5))
				wide[i] = float64(scores[i])
			}
			sorted := layout.Descending(wide)
			check := func(weights []float32, need float64) {
				t.Helper()
				want, sum := 0, 0.0
				for want < n && sum < need {
					if weights == nil {
						sum++
					} else {
						sum += float64(weights[sorted[want]])
					}
					want++
				}
				order := make([]uint64, n)
				rank(order, scores)
				m := first(order, weights, need)
				picked := make([]int, m)
				for i := range picked {
					picked[i] = slotOf(order[i])
				}
				wantPicked := slices.Sorted(slices.Values(sorted[:want]))
				if slices.Sort(picked); !slices.Equal(picked, wantPicked) {
					t.Errorf("%s, %d slots of weights %v, need %g: %v, want %v", name, n, weights, need, picked, wantPicked)
				}
			}
			for m := range n + 1 {
				check(nil, float64(m))
			}
			for need := 1; need < 2*n+3; need += 1 + n/8 { // more than there is, at times
				check(weights, float64(need))
			}
		}
	}
}
