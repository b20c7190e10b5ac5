package compress

import (
	"fmt"
	"math"
	"strings"
	"testing"
)

// showWeights writes the weights of Explicit rows: pivot: slot*weight ...
func showWeights(weights []Weight) string {
	var words []string
	for _, w := range weights {
		words = append(words, fmt.Sprintf("%d*%g", w.Slot, w.Weight))
	}
	return strings.Join(words, " ")
}

// h2o keeps, of 8 slots at .5, the heavy 1 and 3 and the recent 6 and 7. The
// others are dropped, ascending:
//
//	slot   0   1   2   3   4   5   6   7
//	a      8   9   0   9   3   6   2   2
//	0: W = 1 3 6 7, mean 5.5: p = 1      max 9: p = 8/9
//	2: a = 0: p = 0
//	4: W = 6 7, mean 2: p = 1
//	5: W = 6 7, mean 2: p = 1
func TestCamGolden(t *testing.T) {
	f := line(8)
	f.Heads[0].Mass = []float32{8, 9, 0, 9, 3, 6, 2, 2}
	f.Heads[0].N = []int{1, 3, 1, 1, 1, 1, 1, 1}
	f.Heads[0].Bias[1] = 1.1
	rows := plan(t, newMethod(t, "cam", 0), &f.Signals).Heads[0] // Check: n and bias
	if len(rows) != 4 {
		t.Fatalf("%d rows, want 4", len(rows))
	}
	for j, want := range []string{
		"0*0.03125 1*1", "0*0.03125 3*1", "0*0.03125 4*0.03125 5*0.03125 6*1", "0*0.03125 4*0.03125 5*0.03125 7*1",
	} {
		row := rows[j]
		if got := showWeights(row.ValueWeights); got != want || row.Rule != Explicit || len(row.Slots) != 1 {
			t.Errorf("row %d: values %s of slots %v, want %s", j, got, row.Slots, want)
		}
		if got, want := showWeights(row.KeyWeights), fmt.Sprintf("%d*1", row.Pivot); got != want {
			t.Errorf("row %d: keys %s, want %s", j, got, want)
		}
		if row.N != f.Heads[0].N[row.Pivot] || row.Bias != f.Heads[0].Bias[row.Pivot] {
			t.Errorf("row %d has n %d and bias %g, want its slot's", j, row.N, row.Bias)
		}
	}

	// A pinned slot receives nothing: 4 and 5 give to 7 alone, and 6 stays as it is.
	f.Heads[0].Pinned = []bool{false, false, false, false, false, false, true, false}
	rows = plan(t, newMethod(t, "cam", 0), &f.Signals).Heads[0]
	if got, want := showWeights(rows[3].ValueWeights), "0*0.03125 4*0.03125 5*0.03125 7*1"; got != want || rows[2].Rule != Keep {
		t.Errorf("with 6 pinned: 7 has %s, want %s; 6 has rule %d", got, want, rows[2].Rule)
	}
}

// At most 32 slots take from one.
func TestCamWindow(t *testing.T) {
	f := line(100)
	for slot := range 100 {
		f.Heads[0].Mass[slot] = float32(slot % 2) // kept: the odd of 0..59, and the recent 70..99
	}
	f.Heads[0].Mass[0] = 0.99 // dropped; the mean over the 30 odd ones, 70 and 71 is 31/32, which is less
	rows := plan(t, newMethod(t, "cam", 0.6), &f.Signals).Heads[0]
	takers := 0
	for _, row := range rows {
		for _, w := range row.ValueWeights {
			if w.Slot == 0 && row.Pivot != 0 {
				takers++
			}
		}
	}
	if takers != 32 || rows[0].Pivot != 1 {
		t.Errorf("%d slots take from slot 0, want 32; the first kept is %d, want 1", takers, rows[0].Pivot)
	}
}

// p = a_i / mean (or max) over the window, as a frequency over seeds; never
// without attention.
func TestCamProbability(t *testing.T) {
	for _, tc := range []struct {
		norm string
		want float64 // of slot 1 with a = 1, window 2 and 3 with a = 2 and 6
	}{{"mean", 1. / 4}, {"max", 1. / 6}} {
		given := 0
		const seeds = 4000
		for seed := range uint32(seeds) {
			f := line(4)
			f.Heads[0].Mass = []float32{0, 1, 2, 6}
			m, err := New(Settings{Name: "cam", Budget: 0.5, Options: map[string]string{"norm": tc.norm}, Seed: seed})
			if err != nil {
				t.Fatal(err)
			}
			rows := plan(t, m, &f.Signals).Heads[0] // 2 and 3 stay
			if strings.HasPrefix(showWeights(rows[1].ValueWeights), "0*") {
				t.Fatal("slot 0 has no attention and gives its value")
			}
			if rows[1].Rule == Explicit {
				given++
			}
		}
		if got := float64(given) / seeds; math.Abs(got-tc.want) > 0.03 {
			t.Errorf("norm=%s: given in %.3f of the cases, want %.3f", tc.norm, got, tc.want)
		}
	}
}
