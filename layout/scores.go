package layout

import (
	"math"
	"slices"
)

// LogSumExp returns ln Σ exp(s_j), computed in float64 and below the maximum so that nothing overflows.
func LogSumExp[F float32 | float64](s []F) float64 {
	top := math.Inf(-1)
	for _, v := range s {
		top = max(top, float64(v))
	}
	var sum float64
	for _, v := range s {
		sum += math.Exp(float64(v) - top)
	}
	return top + math.Log(sum)
}

// Descending returns the slots from the largest score to the smallest, equal
// scores by slot.
func Descending(scores []float64) []int {
	order := make([]int, len(scores))
	for j := range order {
		order[j] = j
	}
	slices.SortStableFunc(order, func(a, b int) int {
		switch {
		case scores[a] > scores[b]:
			return -1
		case scores[a] < scores[b]:
			return 1
		}
		return 0
	})
	return order
}

// Nucleus returns the smallest m such that the first m slots of order, the
// descending order of scores, have softmax mass >= pNuc; all if pNuc >= 1.
func Nucleus(scores []float64, order []int, pNuc float32) int {
	if pNuc >= 1 || len(scores) == 0 {
		return len(scores)
	}
	top := scores[order[0]]
	var total float64
	for _, s := range scores {
		total += math.Exp(s - top)
	}
	var sum float64
	for m, j := range order {
		sum += math.Exp(scores[j] - top)
		if sum >= float64(pNuc)*total {
			return m + 1
		}
	}
	return len(scores) // the sums' rounding errors differ
}

// Dot returns the sum of a[i] * b[i] in float64.
func Dot(a, b []float32) float64 {
	b = b[:len(a)]
	var even, odd float64
	i := 0
	for ; i+1 < len(a); i += 2 {
		even += float64(a[i]) * float64(b[i])
		odd += float64(a[i+1]) * float64(b[i+1])
	}
	if i < len(a) {
		even += float64(a[i]) * float64(b[i])
	}
	return even + odd
}
