package ref

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"keyfold/layout"
)

// A ranking is the plain sort, ties and all, and the filters cut it where they
// cut the sorted list.
func TestRankingIsTheSort(t *testing.T) {
	random := rand.New(rand.NewPCG(8, 0))
	for _, n := range []int{1, 2, 3, 50, 1000} {
		for _, steps := range []float64{2, 30, 1e6} { // few of them: ties
			logits, wide := make([]float32, n), make([]float64, n)
			for i := range logits {
				logits[i] = float32(math.Round(random.NormFloat64()*steps) / steps * 3)
				wide[i] = float64(logits[i])
			}
			want, ranks := layout.Descending(wide), newRanking(logits)
			for i, id := range want {
				if got := ranks.next(); got != id {
					t.Fatalf("%d logits: token %d is %d, want %d", n, i, got, id)
				}
			}
			for _, d := range []layout.Draw{{TopP: 0.9}, {TopP: 1, MinP: 0.1}, {TopK: 40, TopP: 1}, {TopK: 7, TopP: 0.8, MinP: 0.02}} {
				d.Temperature = 0.8
				if got, want := passing(logits, d), sortedPassing(d, logits, want); !slices.Equal(got, want) {
					t.Errorf("%d logits, %+v: %d tokens may be drawn, want %d: %v, %v", n, d, len(got), len(want), got, want)
				}
			}
		}
	}
}

// sortedPassing is Draw.passing from the sorted list of all ids.
func sortedPassing(d layout.Draw, logits []float32, ids []int) []int {
	if d.TopK > 0 {
		ids = ids[:min(d.TopK, len(ids))]
	}
	scaled := make([]float64, len(ids))
	for i, id := range ids {
		scaled[i] = float64(logits[id] / d.Temperature)
	}
	norm, mass := layout.LogSumExp(scaled), 0.0
	for i, v := range scaled {
		if i > 0 && (mass >= float64(d.TopP) || math.Exp(v-scaled[0]) < float64(d.MinP)) {
			return ids[:i]
		}
		mass += math.Exp(v - norm)
	}
	return ids
}

// BenchmarkChoose draws from 32,000 tokens with the command's default filters,
// where few tokens are likely and where nearly all are, and cuts the sorted list:
//
//	go test -run '^$' -bench Choose ./ref
func BenchmarkChoose(b *testing.B) {
	for _, spread := range []float64{4, 0.5} {
		random, logits := rand.New(rand.NewPCG(9, 0)), make([]float32, 32000)
		for i := range logits {
			logits[i] = float32(random.NormFloat64() * spread)
		}
		d := layout.Draw{Temperature: 0.8, TopP: 0.9}
		b.Run(fmt.Sprintf("spread %g", spread), func(b *testing.B) {
			for b.Loop() {
				Choose(logits, d, 0)
			}
		})
		b.Run(fmt.Sprintf("spread %g, sorted", spread), func(b *testing.B) {
			wide := make([]float64, len(logits))
			for i, v := range logits {
				wide[i] = float64(v)
			}
			for b.Loop() {
				sortedPassing(d, logits, layout.Descending(wide))
			}
		})
	}
}
