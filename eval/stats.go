package eval

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
)

// Bootstrap returns the mean of values and its percentile interval at a level
// such as 0.95. It draws whole clusters with replacement, because questions
// about one context succeed and fail together: cluster[i] names the cluster of
// values[i]. The same seed draws the same clusters.
//
// With few clusters percentile intervals are too narrow: intervals of 0.95
// held the mean of normal values in 0.93 of cases with 20 clusters, and in
// 0.90 with 10. With one cluster nothing is known, and low and high are NaN,
// which JSON cannot hold; without values the mean is NaN too. It panics if
// values and cluster differ in length, or resamples is below 1.
func Bootstrap(values []float64, cluster []string, level float64, resamples int, seed uint64) (mean, low, high float64) {
	groups := byCluster(values, cluster)
	mean = meanOf(groups)
	if len(groups) < 2 {
		return mean, math.NaN(), math.NaN()
	}
	draws := rand.New(rand.NewPCG(seed, 0))
	means := make([]float64, resamples)
	sample := make([]group, len(groups))
	for i := range means {
		for j := range sample {
			sample[j] = groups[draws.IntN(len(groups))]
		}
		means[i] = meanOf(sample)
	}
	slices.Sort(means)
	return mean, quantile(means, (1-level)/2), quantile(means, (1+level)/2)
}

// PairedBootstrap is Bootstrap of the differences a[i] - b[i].
func PairedBootstrap(a, b []float64, cluster []string, level float64, resamples int, seed uint64) (mean, low, high float64) {
	return Bootstrap(differences(a, b), cluster, level, resamples, seed)
}

// A group is what a cluster adds to a mean.
type group struct{ sum, n float64 }

// byCluster sums up clusters, in the order in which they appear.
func byCluster(values []float64, cluster []string) []group {
	if len(values) != len(cluster) {
		panic(fmt.Sprintf("BUG: %d values in %d clusters", len(values), len(cluster)))
	}
	at := map[string]int{}
	var groups []group
	for i, v := range values {
		g, seen := at[cluster[i]]
		if !seen {
			g = len(groups)
			at[cluster[i]] = g
			groups = append(groups, group{})
		}
		groups[g].sum += v
		groups[g].n++
	}
	return groups
}

func meanOf(groups []group) float64 {
	var all group
	for _, g := range groups {
		all.sum += g.sum
		all.n += g.n
	}
	return all.sum / all.n
}

// quantile of sorted values, between neighbours in proportion.
func quantile(sorted []float64, q float64) float64 {
	at := q * float64(len(sorted)-1)
	i := int(at)
	if i+1 == len(sorted) {
		return sorted[i]
	}
	return sorted[i] + (at-float64(i))*(sorted[i+1]-sorted[i])
}

func differences(a, b []float64) []float64 {
	if len(a) != len(b) {
		panic(fmt.Sprintf("BUG: %d scores against %d", len(a), len(b)))
	}
	d := make([]float64, len(a))
	for i := range d {
		d[i] = a[i] - b[i]
	}
	return d
}

// exactClusters is how many clusters PairedP flips in every way there is.
const exactClusters = 16

// PairedP is the two-sided p value of a mean difference a[i] - b[i] of 0: how
// often the sum of the differences would be as far from 0 if each cluster's
// sum had the other sign with probability 1/2, as it has when a and b are
// equally good. Up to 16 clusters that differ, all ways are counted; beyond,
// resamples are drawn, and p is (1 + as far) / (1 + resamples). With scores of
// 0 and 1 and a cluster per question it is McNemar's exact test.
//
// It is not Bootstrap turned around, which sees differences where there are
// none in 0.10 of cases at the level 0.05 with 10 clusters of normal values,
// and in 0.25 with 3; this does so in 0.05 and never. It panics if a, b and
// cluster differ in length.
func PairedP(a, b []float64, cluster []string, resamples int, seed uint64) float64 {
	var sums []float64
	total, size := 0.0, 0.0
	for _, g := range byCluster(differences(a, b), cluster) {
		if g.sum != 0 {
			sums = append(sums, g.sum)
			total += g.sum
			size += math.Abs(g.sum)
		}
	}
	far := math.Abs(total) - 1e-9*size // rounding must not make equals differ
	asFar := func(flips func(i int) bool) int {
		flipped := 0.0
		for i, sum := range sums {
			if flips(i) {
				sum = -sum
			}
			flipped += sum
		}
		return int(oneIf(math.Abs(flipped) >= far))
	}
	count := 0
	if len(sums) <= exactClusters {
		ways := 1 << len(sums)
		for way := range ways {
			count += asFar(func(i int) bool { return way>>i&1 == 1 })
		}
		return float64(count) / float64(ways)
	}
	draws := rand.New(rand.NewPCG(seed, 1))
	var bits uint64 // drawn for 64 clusters at once
	for range resamples {
		count += asFar(func(i int) bool {
			if i%64 == 0 {
				bits = draws.Uint64()
			}
			return bits>>(i%64)&1 == 1
		})
	}
	return float64(1+count) / float64(1+resamples)
}

// Holm adjusts the p values of tests made together, by Holm's step-down
// method: a test of the result at 0.05 keeps the chance of any false alarm
// below 0.05.
func Holm(p []float64) []float64 {
	order := make([]int, len(p))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, j int) int {
		if p[i] < p[j] {
			return -1
		}
		return int(oneIf(p[i] > p[j]))
	})
	adjusted := make([]float64, len(p))
	least := 0.0
	for rank, i := range order {
		least = max(least, min(1, float64(len(p)-rank)*p[i]))
		adjusted[i] = least
	}
	return adjusted
}
