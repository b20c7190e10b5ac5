package eval

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// each puts every value into a cluster of its own.
func each(n int) []string {
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprint(i)
	}
	return names
}

func TestBootstrapInterval(t *testing.T) {
	// scipy 1.17: stats.bootstrap of the mean of i^1.5, i = 1 .. 30, by percentile with 200,000
	// resamples gives 50.80 to 86.74. The standard error of an end with 20,000 is about 0.15.
	values := make([]float64, 30)
	for i := range values {
		values[i] = math.Pow(float64(i+1), 1.5)
	}
	mean, low, high := Bootstrap(values, each(30), 0.95, 20000, 1)
	if math.Abs(mean-68.487292) > 1e-6 || math.Abs(low-50.80) > 0.5 || math.Abs(high-86.74) > 0.5 {
		t.Errorf("mean %.4f, %.2f to %.2f; want 68.4873, 50.80 to 86.74", mean, low, high)
	}
	if m, l, h := Bootstrap(values, each(30), 0.95, 20000, 1); m != mean || l != low || h != high {
		t.Errorf("the same seed gives %v, %v to %v, then %v, %v to %v", mean, low, high, m, l, h)
	}
	if _, l, _ := Bootstrap(values, each(30), 0.95, 20000, 2); l == low {
		t.Errorf("another seed gives the same lower end %v", l)
	}
	if _, l, h := Bootstrap(values, each(30), 0.5, 20000, 1); l-low < 5 || high-h < 5 {
		t.Errorf("at level 0.5 %v to %v, at 0.95 %v to %v", l, h, low, high)
	}
}

func TestBootstrapByHand(t *testing.T) {
	// Two clusters, of the values 1, 1, 1 and 0: draws have the means 1, 3/4, 3/4 and 0.
	mean, low, high := Bootstrap([]float64{1, 0, 1, 1}, []string{"a", "b", "a", "a"}, 0.95, 4000, 3)
	if mean != 0.75 || low != 0 || high != 1 {
		t.Errorf("%v, %v to %v; want 0.75, 0 to 1", mean, low, high)
	}
	if _, low, high := Bootstrap([]float64{1, 0, 1, 1}, []string{"a", "b", "a", "a"}, 0.4, 4000, 3); low != 0.75 || high != 0.75 {
		t.Errorf("at level 0.4 %v to %v; want 0.75 to 0.75", low, high)
	}
	if mean, low, high := Bootstrap([]float64{0.5, 1}, []string{"a", "a"}, 0.95, 10, 1); mean != 0.75 || !math.IsNaN(low) || !math.IsNaN(high) {
		t.Errorf("one cluster: %v, %v to %v; want 0.75, NaN to NaN", mean, low, high)
	}
	if mean, _, _ := Bootstrap(nil, nil, 0.95, 10, 1); !math.IsNaN(mean) {
		t.Errorf("no values: mean %v, want NaN", mean)
	}
	mean, low, high = PairedBootstrap([]float64{1, 0.75, 0.5}, []float64{0.5, 0.25, 0}, each(3), 0.95, 1, 1)
	if mean != 0.5 || low != 0.5 || high != 0.5 {
		t.Errorf("differences of 0.5: %v, %v to %v", mean, low, high)
	}
}

// clustered draws n clusters of 5 values around 0 that are much alike within
// their cluster.
func clustered(draws *rand.Rand, n int) (values []float64, cluster []string) {
	for i := range n {
		common := draws.NormFloat64()
		for range 5 {
			values = append(values, common+0.3*draws.NormFloat64())
			cluster = append(cluster, fmt.Sprint(i))
		}
	}
	return values, cluster
}

// Of intervals at 0.95 about 0.95 must hold the true mean, also when values
// come in clusters; with every value by itself they are too narrow.
func TestBootstrapCoverage(t *testing.T) {
	const trials = 1500
	draws := rand.New(rand.NewPCG(11, 0))
	held, heldApart := 0, 0
	for trial := range uint64(trials) {
		values, cluster := clustered(draws, 40)
		if _, low, high := Bootstrap(values, cluster, 0.95, 400, trial); low <= 0 && 0 <= high {
			held++
		}
		if _, low, high := Bootstrap(values, each(len(values)), 0.95, 400, trial); low <= 0 && 0 <= high {
			heldApart++
		}
	}
	t.Logf("0 lies in %d of %d intervals, in %d if clusters are ignored", held, trials, heldApart)
	if share := float64(held) / trials; share < 0.92 || share > 0.97 {
		t.Errorf("0 lies in %.3f of the intervals, want about 0.94", share)
	}
	if share := float64(heldApart) / trials; share > 0.7 {
		t.Errorf("0 lies in %.3f of the intervals that ignore clusters: the values are not alike within them", share)
	}
}

func TestPairedP(t *testing.T) {
	zeros := func(n int) []float64 { return make([]float64, n) }
	ones := func(right, n int) []float64 { // the first right are 1
		v := zeros(n)
		for i := range right {
			v[i] = 1
		}
		return v
	}
	// wins and losses between two methods, each 0 or 1
	discordant := func(wins, losses int) (a, b []float64) {
		a, b = ones(wins, wins+losses), ones(wins, wins+losses)
		for i := range b {
			b[i] = 1 - b[i]
		}
		return append(a, 1, 1, 0), append(b, 1, 1, 0) // equal ones change nothing
	}
	a10, b2 := discordant(10, 2)
	a1, b8 := discordant(1, 8)
	a28, b12 := discordant(28, 12)
	for _, tc := range []struct {
		name      string
		a, b      []float64
		cluster   []string
		want, tol float64
	}{
		// McNemar's exact test, by scipy 1.17: binomtest(2, 12), binomtest(1, 9), binomtest(12, 40).
		{"10 against 2", a10, b2, each(15), 0.03857421875, 0},
		{"1 against 8", a1, b8, each(12), 0.0390625, 0},
		{"1 against 8 and 23 equal", append(a1, ones(20, 20)...), append(b8, ones(20, 20)...), each(32), 0.0390625, 0},
		{"28 against 12, drawn", a28, b12, each(43), 0.01659, 0.003},
		// scipy 1.17: permutation_test of the sum, permutation_type "samples".
		{"seven differences", []float64{0.5, -0.2, 0.9, 0.3, 0.4, -0.1, 0.7}, zeros(7), each(7), 0.078125, 0},
		// All 16 sums are 0.01 or more, but -0.3 + 0.1 + 0.2 is not 0 in float64.
		{"rounding", []float64{-0.3, 0.1, 0.2, 0.01}, zeros(4), each(4), 1, 0},
		// Ten wins, but of two contexts: 2 of 4 ways are as far from 0.
		{"two clusters", ones(10, 10), zeros(10), []string{"a", "a", "a", "a", "a", "b", "b", "b", "b", "b"}, 0.5, 0},
		{"equal", ones(4, 9), ones(4, 9), each(9), 1, 0},
		{"nothing", nil, nil, nil, 1, 0},
	} {
		if got := PairedP(tc.a, tc.b, tc.cluster, 20000, 1); math.Abs(got-tc.want) > tc.tol+1e-15 {
			t.Errorf("%s: p %v, want %v +- %v", tc.name, got, tc.want, tc.tol)
		}
		if got := PairedP(tc.b, tc.a, tc.cluster, 20000, 1); math.Abs(got-tc.want) > tc.tol+1e-15 {
			t.Errorf("%s, the other way: p %v, want %v +- %v", tc.name, got, tc.want, tc.tol)
		}
	}
	// No draw is as far as 30 wins of 30, and yet p is not 0.
	if got := PairedP(ones(30, 30), zeros(30), each(30), 999, 1); got != 0.001 {
		t.Errorf("30 against 0 by 999 draws: p %v, want 0.001", got)
	}
}

// Between equal methods, p must be below 0.05 in 0.05 of cases, with few
// clusters and with many.
func TestPairedPFalseAlarms(t *testing.T) {
	const trials = 1000
	for _, clusters := range []int{10, 30} {
		draws := rand.New(rand.NewPCG(12, 0))
		alarms := 0
		for trial := range uint64(trials) {
			a, cluster := clustered(draws, clusters)
			b, _ := clustered(draws, clusters)
			if PairedP(a, b, cluster, 400, trial) < 0.05 {
				alarms++
			}
		}
		t.Logf("%d clusters: %d of %d below 0.05", clusters, alarms, trials)
		if share := float64(alarms) / trials; share < 0.03 || share > 0.07 {
			t.Errorf("%d clusters: %.3f of p values are below 0.05", clusters, share)
		}
	}
}

func TestHolm(t *testing.T) {
	// statsmodels: multipletests(p, method="holm").
	p := []float64{0.01, 0.04, 0.03, 0.005, 0.5}
	for i, want := range []float64{0.04, 0.09, 0.09, 0.025, 0.5} {
		if got := Holm(p)[i]; math.Abs(got-want) > 1e-15 {
			t.Errorf("p %v becomes %v, want %v", p[i], got, want)
		}
	}
	if got := Holm([]float64{0.6, 0.7}); got[0] != 1 || got[1] != 1 {
		t.Errorf("0.6 and 0.7 become %v, want 1 and 1", got)
	}
}

func TestStatisticsPanic(t *testing.T) {
	for name, call := range map[string]func(){
		"clusters":    func() { Bootstrap([]float64{1, 2}, []string{"a"}, 0.95, 10, 1) },
		"differences": func() { PairedP([]float64{1, 2}, []float64{1}, []string{"a"}, 10, 1) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s of different lengths do not panic", name)
				}
			}()
			call()
		}()
	}
}
