package compress

import (
	"fmt"
	"math"
	"strings"
	"testing"
)

// One head, L = 8, R = .5: n_keep 4, of which floor(4/2) = 2 heavy and 2 recent.
//
//	slot      0   1   2   3   4   5   6   7
//	a         4   9   1   9   3   8   0   0
//	a/visible .5 9/7 1/6 9/5 3/4 8/3  0   0    queries that saw slot i: 8 - i
func TestH2OGolden(t *testing.T) {
	for _, tc := range []struct {
		name    string
		budget  float64
		options []string
		want    string
	}{
		{"2 recent, and 1 = 3 before 5", 0, nil, "1 3 6 7"},
		{"per query that saw it: 5, then 3", 0.5, []string{"norm=visible"}, "3 5 6 7"},
		{"n_keep 5: 3 recent", 0.63, nil, "1 3 5 6 7"},
		{"n_keep 2: one of 1 and 3, the lower", 0.25, nil, "1 7"},
		{"n_keep 1", 0.1, nil, "7"},
		{"all", 1, nil, "0 1 2 3 4 5 6 7"},
	} {
		f := line(8)
		f.Heads[0].Mass = []float32{4, 9, 1, 9, 3, 8, 0, 0}
		if got := showPlan(plan(t, newMethod(t, "h2o", tc.budget, tc.options...), &f.Signals)); got != tc.want {
			t.Errorf("%s: plan %q, want %q", tc.name, got, tc.want)
		}
	}
	// norm=visible counts tokens, not slots: slot 0 was seen by 12 queries, slot 1 by 5.
	f := line(3)
	f.Heads[0].Pos, f.Heads[0].Mass = []int{0, 7, 11}, []float32{11, 5, 0}
	if got := showPlan(plan(t, newMethod(t, "h2o", 0.67, "norm=visible"), &f.Signals)); got != "1 2" {
		t.Errorf("by position: plan %q, want \"1 2\"", got)
	}
}

// Two heads that keep 2 of 4 each by themselves, with recents 3 (h2o: one
// recent, one heavy each).
//
//	head 0   a  9 8 7 0
//	head 1   a  1 2 1 0
//
// Together 4 slots stay: 3 and 3 are the newest, and 9 and 8 are the largest others.
// With alpha 1 nothing is shared. With alpha .5 one slot of each head is safe,
// which the newest has; alpha 1 keeps 2 of head 1 too.
func TestAdaGolden(t *testing.T) {
	for _, tc := range []struct {
		options, want string
	}{
		{"alpha=1", "0 3 | 1 3"},
		{"alpha=0", "0 1 3 | 3"},
		{"alpha=0.5", "0 1 3 | 3"},
		{"alpha=0.2", "0 1 3 | 3"},
	} {
		f := line(4, 4)
		f.Heads[0].Mass, f.Heads[1].Mass = []float32{9, 8, 7, 0}, []float32{1, 2, 1, 0}
		if got := showPlan(plan(t, newMethod(t, "ada:h2o", 0.5, tc.options), &f.Signals)); got != tc.want {
			t.Errorf("%s: plan %q, want %q", tc.options, got, tc.want)
		}
	}

	// Equal scores everywhere: the lower slot, then the lower head. 6 slots stay, 2 are
	// recent and 1 newest of each; of the other 0.
	f := line(6, 6)
	for h := range f.Heads {
		f.Heads[h].Mass = []float32{5, 5, 5, 5, 5, 5}
	}
	if got, want := showPlan(plan(t, newMethod(t, "ada:h2o", 0.5, "alpha=0"), &f.Signals)), "0 4 5 | 0 4 5"; got != want {
		t.Errorf("ties: plan %q, want %q", got, want)
	}

	// Layers do not share: head 2 is of another layer.
	f = line(4, 4)
	f.NLayers, f.NKVHeads = 2, 1
	f.Heads[0].Mass, f.Heads[1].Mass = []float32{9, 8, 7, 0}, []float32{1, 2, 1, 0}
	if got, want := showPlan(plan(t, newMethod(t, "ada:h2o", 0.5), &f.Signals)), "0 3 | 1 3"; got != want {
		t.Errorf("two layers: plan %q, want %q", got, want)
	}
}

// Every wrapped method keeps, over a layer, exactly as many slots as the heads
// would alone, and each head at least its safe ones.
func TestAdaKeepsTheLayersBudget(t *testing.T) {
	for _, name := range Names() {
		base, ok := strings.CutPrefix(name, adaPrefix)
		if !ok {
			continue
		}
		moved := 0
		for seed := range uint64(10) {
			s := &randomFixture(seed, 80, seed%2 == 0).Signals
			alone, shared := plan(t, newMethod(t, base, 0.4), s), plan(t, newMethod(t, name, 0.4, "alpha=0.3"), s)
			for layer := range s.NLayers {
				want, got := 0, 0
				for h := layer * s.NKVHeads; h < (layer+1)*s.NKVHeads; h++ {
					n := len(alone.Heads[h])
					want, got = want+n, got+len(shared.Heads[h])
					if least := floorShare(0.3, n); len(shared.Heads[h]) < least {
						t.Errorf("%s: head %d keeps %d, %d are safe", name, h, len(shared.Heads[h]), least)
					}
					if len(shared.Heads[h]) != n {
						moved++
					}
				}
				if got != want {
					t.Errorf("%s: layer %d keeps %d slots, want %d", name, layer, got, want)
				}
			}
		}
		if moved == 0 {
			t.Errorf("%s never moves a slot from head to head", name)
		}
	}
}

// A fair draw: all slots but the newest are as likely, a smaller budget keeps
// a part of what a larger one keeps, and heads, layers and seeds differ.
func TestRandomIsFair(t *testing.T) {
	const slots, seeds = 21, 2000
	counts := make([]int, slots)
	seen := map[string]bool{}
	for seed := range uint32(seeds) {
		keep := func(budget float64) [][]Row {
			m, err := New(Settings{Name: "random", Budget: budget, Seed: seed})
			if err != nil {
				t.Fatal(err)
			}
			return plan(t, m, &line(slots, slots).Signals).Heads
		}
		few, many := keep(0.25), keep(0.5) // 5 and 10: the newest and 4 or 9 others
		for h := range many {
			for _, row := range few[h] {
				if !strings.Contains(" "+show(many[h])+" ", fmt.Sprintf(" %d ", row.Pivot)) {
					t.Errorf("seed %d: %s is not a part of %s", seed, show(few[h]), show(many[h]))
				}
			}
			seen[show(many[h])] = true
		}
		for _, row := range many[0] {
			counts[row.Pivot]++
		}
	}
	// Each of the 20 others is kept with probability 9/20: 900 of 2000, standard deviation 22.
	for slot, n := range counts[:slots-1] {
		if math.Abs(float64(n)-900) > 110 {
			t.Errorf("slot %d is kept %d times of %d, want about 900", slot, n, seeds)
		}
	}
	if counts[slots-1] != seeds || len(seen) < 3900 {
		t.Errorf("newest kept %d times of %d, %d different choices of %d", counts[slots-1], seeds, len(seen), 2*seeds)
	}
}

// The draws are the same on every machine and in every version. The numbers are from a
// second program of the same formula.
func TestRandomGolden(t *testing.T) {
	var got []string
	for i := range 3 {
		got = append(got, fmt.Sprintf("%.6f", chance(1, forRandom, 2, i)))
	}
	if want := "0.318867 0.921269 0.325617"; strings.Join(got, " ") != want {
		t.Errorf("draws %s, want %s", strings.Join(got, " "), want)
	}
	if got, want := showPlan(plan(t, newMethod(t, "random", 0.4), &line(10).Signals)), "4 7 8 9"; got != want {
		t.Errorf("plan %q, want %q", got, want)
	}
}

// A score that is no number is an error, not an order of its own.
func TestScoresMustBeNumbers(t *testing.T) {
	f := line(3, 3)
	f.Heads[1].Mass[0] = float32(math.NaN())
	for _, name := range []string{"h2o", "ada:h2o"} {
		_, err := newMethod(t, name, 0).Plan(&f.Signals)
		want := "h2o: layer 0 head 1 slot 0 has no score (NaN)"
		if err == nil || err.Error() != want {
			t.Errorf("%s: error %v\nwant  %s", name, err, want)
		}
	}
}
