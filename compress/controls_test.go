package compress

import (
	"fmt"
	"math"
	"slices"
	"testing"
)

// The sets of handmade (kvmerger_test.go), with pivots 0, 6 and 0.
func TestPivotGolden(t *testing.T) {
	for _, tc := range []struct {
		values string
		bias   float64
		scale  float32 // of the value of the row of {5 6 7}
	}{
		{"count", math.Log(3), 1}, {"convex", 0, 1}, {"paper", 0, 3}, {"effective", .658133, 1},
	} {
		f := handmade()
		p := plan(t, newMethod(t, "pivot", 0, "recent=0.2", "top=0.1", "sigma=2", "values="+tc.values), &f.Signals)
		if got, want := showPlan(p), "0{0..2}3 3 4 6{5..7}3 8 9 | 0{0..1}2 2"; got != want {
			t.Errorf("%s: plan %q, want %q", tc.values, got, want)
		}
		row := p.Heads[0][3]
		if row.Rule != Explicit || showWeights(row.KeyWeights) != "6*1" ||
			showWeights(row.ValueWeights) != fmt.Sprintf("6*%g", tc.scale) || !near(float64(row.Bias), tc.bias, 1e-6) {
			t.Errorf("%s: row %+v, want key 6*1, value 6*%g, bias %g", tc.values, row, tc.scale, tc.bias)
		}
		if wantAsked := map[bool]int{true: 1}[tc.values == "effective"]; f.asked != wantAsked {
			t.Errorf("%s: asked for distances %d times, want %d", tc.values, f.asked, wantAsked)
		}
	}
	// The pivot's value stands for n_p = 2 tokens already: n*/n_p = 5/2.
	f := fixtureOf([][]float64{{1}, {2}, {3}})
	f.Heads[0].N, f.Heads[0].Mass = []int{3, 2, 1}, []float32{1, 2, 0}
	row := plan(t, newMethod(t, "pivot", 0, "values=paper"), &f.Signals).Heads[0][0]
	if row.N != 5 || showWeights(row.ValueWeights) != "1*2.5" {
		t.Errorf("n %d values %s, want 5 and 1*2.5", row.N, showWeights(row.ValueWeights))
	}
}

// pivot and kvmerger differ by the blend and by nothing else.
func TestPivotDiffersOnlyByTheBlend(t *testing.T) {
	merged := 0
	for seed := range uint64(10) {
		for _, values := range []string{"count", "effective", "convex", "paper"} {
			s := &randomFixture(seed, 100, seed%2 == 1).Signals
			blend := plan(t, newMethod(t, "kvmerger", 0.6, "values="+values), s)
			alone := plan(t, newMethod(t, "pivot", 0.6, "values="+values), s)
			for h := range blend.Heads {
				for j, row := range alone.Heads[h] {
					want := blend.Heads[h][j]
					if row.Pivot != want.Pivot || row.N != want.N || row.Bias != want.Bias || !slices.Equal(row.Slots, want.Slots) {
						t.Errorf("seed %d %s: head %d row %d is %+v, want as %+v", seed, values, h, j, row, want)
					}
					if (row.Rule == Explicit) != (want.Rule == Gaussian) {
						t.Errorf("seed %d: head %d row %d has rule %d, the blend's has %d", seed, h, j, row.Rule, want.Rule)
					}
					if row.Rule == Explicit {
						merged++
					}
				}
			}
		}
	}
	if merged < 500 {
		t.Errorf("only %d merged rows", merged)
	}
}

// sizes returns the sizes of a head's merged rows, ascending.
func sizes(rows []Row) []int {
	var list []int
	for _, row := range rows {
		if row.Rule == Gaussian {
			list = append(list, len(row.Slots))
		}
	}
	slices.Sort(list)
	return list
}

// randomsets has kvmerger's sets by number and size, touches no protected slot,
// keeps them contiguous, and puts them elsewhere.
func TestRandomSetsAreKVMergersElsewhere(t *testing.T) {
	same, all := 0, 0
	for seed := range uint64(20) {
		s := &randomFixture(seed, 100, seed%3 == 0).Signals
		options := []string{"eps=0.5", "recent=0.1", "top=0.02"}
		want, got := plan(t, newMethod(t, "kvmerger", 0, options...), s), plan(t, newMethod(t, "randomsets", 0, options...), s)
		for h := range want.Heads {
			if a, b := sizes(got.Heads[h]), sizes(want.Heads[h]); !slices.Equal(a, b) {
				t.Errorf("seed %d head %d: sizes %v, want %v", seed, h, a, b)
			}
			protected := protectedByDefinition(&s.Heads[h], 0.1, 0.02)
			for _, row := range got.Heads[h] {
				for i, slot := range row.Slots {
					if row.Rule == Gaussian && (protected[slot] || slot != row.Slots[0]+i) {
						t.Errorf("seed %d head %d: slot %d in %v is protected or apart", seed, h, slot, row.Slots)
					}
					if s.Heads[h].Mass[slot] > s.Heads[h].Mass[row.Pivot] {
						t.Errorf("seed %d head %d: pivot %d of %v has not the largest mass", seed, h, row.Pivot, row.Slots)
					}
				}
			}
			for _, row := range got.Heads[h] {
				if row.Rule == Gaussian {
					all++
					for _, other := range want.Heads[h] {
						if slices.Equal(row.Slots, other.Slots) {
							same++
						}
					}
				}
			}
		}
	}
	if all < 500 || same > all/4 {
		t.Errorf("%d of %d sets are where kvmerger's are", same, all)
	}
}

// Where there is one place only, that is it; where there are several, all are
// equally likely.
func TestScatterGolden(t *testing.T) {
	h := &line(10).Heads[0]
	h.Mass[4] = 1
	full := []bool{true, false, false, true, false, false, false, true, false, true}
	for seed := range uint32(50) {
		draw := func(i int) float64 { return chance(seed, forSets, 0, i) }
		got := scatter(h, full, []mergingSet{{1, 3, 1}, {4, 7, 4}}, draw)
		if want := "[{1 3 1} {4 7 4}]"; fmt.Sprint(got) != want {
			t.Errorf("no room to move: %v, want %s", got, want)
		}
	}
	// Rooms 0..4 and 6..8: a set of three can begin at 0, 1, 2 or 6.
	counts := map[int]int{}
	rooms := []bool{false, false, false, false, false, true, false, false, false, true}
	const seeds = 4000
	for seed := range uint32(seeds) {
		sets := scatter(h, rooms, []mergingSet{{6, 9, 6}}, func(i int) float64 { return chance(seed, forSets, 0, i) })
		if len(sets) != 1 || sets[0].end-sets[0].first != 3 {
			t.Fatalf("sets %v", sets)
		}
		counts[sets[0].first]++
	}
	for _, first := range []int{0, 1, 2, 6} {
		if n := counts[first]; math.Abs(float64(n)-seeds/4) > 130 { // standard deviation 27
			t.Errorf("a set begins at %d in %d of %d cases, want about a quarter: %v", first, n, seeds, counts)
		}
	}
	if len(counts) != 4 {
		t.Errorf("sets begin at %v, want 0, 1, 2 and 6", counts)
	}
}

// The votes of TestGVoteGolden protect 2 4 7 8 10 and the newest 11; what is
// between them is folded where neighbours are alike.
//
//	slot   0   1   2   3   4   5   6   7   8   9  10  11
//	votes  0   0   3   0   1   0   0   2   3   0   1   0
//	cos    -  .9       .9      .9 -.5      .9  .9
//
// Runs without votes: {0 1}, {3}, {5 6}, {9}.
func TestVoteFoldGolden(t *testing.T) {
	for _, tc := range []struct {
		name    string
		options []string
		want    string
	}{
		{"eps 0: 5 and 6 are unlike", nil, "0{0..1}2 2 3 4 5 6 7 8 9 10 11"},
		{"eps -1", []string{"eps=-1"}, "0{0..1}2 2 3 4 6{5..6}2 7 8 9 10 11"},
		{"the first n_s = 1 is protected", []string{"n_s=1"}, "0 1 2 3 4 5 6 7 8 9 10 11"},
		{"cap 3: 2, 8 and the newest", []string{"cap=3", "eps=-1"}, "0{0..1}2 2 4{3..7}5 8 10{9..10}2 11"},
		{"cap 3, sets of two at most", []string{"cap=3", "eps=-1", "max_set=2"},
			"0{0..1}2 2 3 4{4..5}2 7{6..7}2 8 10{9..10}2 11"},
		{"everybody votes", []string{"p_nuc=1"}, "0 1 2 3 4 5 6 7 8 9 10 11"},
		{"shorter than min_len", []string{"min_len=13"}, "0 1 2 3 4 5 6 7 8 9 10 11"},
		{"layer skipped", []string{"skip_layers=0"}, "0 1 2 3 4 5 6 7 8 9 10 11"},
	} {
		f := line(12)
		f.Heads[0].Votes = []uint32{0, 0, 3, 0, 1, 0, 0, 2, 3, 0, 1, 0}
		f.Heads[0].Cosine[6] = -0.5
		f.Heads[0].Mass = []float32{0, 0, 0, 0, 5, 1, 2, 3, 0, 1, 2, 0}
		m := newMethod(t, "votefold", 0, append([]string{"min_len=0", "n_s=0"}, tc.options...)...)
		if got := showPlan(plan(t, m, &f.Signals)); got != tc.want {
			t.Errorf("%s: plan %q, want %q", tc.name, got, tc.want)
		}
	}
	f := line(40)
	f.Heads[0].Votes = nil
	_, err := newMethod(t, "votefold", 0).Plan(&f.Signals)
	if want := "votefold: layer 0 head 0 has 0 votes, want one per slot = 40"; err == nil || err.Error() != want {
		t.Errorf("error %v\nwant  %s", err, want)
	}
}

// What gvote keeps, votefold keeps bit for bit.
func TestVoteFoldKeepsWhatGVoteKeeps(t *testing.T) {
	for seed := range uint64(10) {
		s := &randomFixture(seed, 90, seed%2 == 1).Signals
		folded := plan(t, newMethod(t, "votefold", 0), s)
		for h, rows := range plan(t, newMethod(t, "gvote", 0), s).Heads {
			for _, row := range rows {
				if !slices.ContainsFunc(folded.Heads[h], func(r Row) bool { return r.Rule == Keep && r.Pivot == row.Pivot }) {
					t.Errorf("seed %d head %d: slot %d is not kept", seed, h, row.Pivot)
				}
			}
		}
	}
}
