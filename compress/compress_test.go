package compress

import (
	"fmt"
	"math"
	"testing"
)

// Plan.Check is what the other tests rely on, so it must be able to fail.
func TestCheckCatchesBadPlans(t *testing.T) {
	merged := func(pivot, n int, slots ...int) Row {
		return Row{Pivot: pivot, Slots: slots, N: n, Rule: Gaussian, Sigma: 1, ValueScale: 1}
	}
	f := line(5, 0)
	f.Heads[0].N = []int{1, 2, 1, 1, 1}
	f.Heads[0].Bias = []float32{0, 0.7, 0, 0, 0}
	h := &f.Heads[0]
	for _, tc := range []struct {
		name string
		rows []Row
		want string // after "plan for layer 0 head 0: "; "": a good plan
	}{
		{"keeps all", []Row{h.keep(0), h.keep(1), h.keep(2), h.keep(3), h.keep(4)}, ""},
		{"merges", []Row{merged(1, 4, 0, 1, 2), h.keep(4)}, ""},
		{"merges slots that are apart", []Row{merged(0, 2, 0, 3), h.keep(1), h.keep(4)}, ""},
		{"no rows", nil, "no rows left of 5 slots"},
		{"drops the newest", []Row{h.keep(0)}, "the newest slot 4 is dropped"},
		{"pivots fall", []Row{h.keep(4), h.keep(0)}, "row 1 has pivot 0 after pivot 4, want ascending"},
		{"slots fall", []Row{merged(0, 2, 2, 0), h.keep(4)}, "row 0 lists slot 0 after slot 2, want ascending"},
		{"slot twice", []Row{merged(0, 3, 0, 1), merged(2, 3, 1, 2), h.keep(4)}, "row 1 reads slot 1, which another row has"},
		{"no such slot", []Row{merged(4, 2, 4, 5)}, "row 0 reads slot 5 of a cache with 5 slots"},
		{"negative slot", []Row{merged(4, 2, -1, 4)}, "row 0 reads slot -1 of a cache with 5 slots"},
		{"pivot outside", []Row{merged(3, 2, 2, 4)}, "row 0 does not contain its pivot 3"},
		{"wrong n", []Row{merged(0, 2, 0, 1), h.keep(4)}, "row 0 says n = 2, its slots stand for 3 tokens"},
		{"keep with another bias", []Row{{Pivot: 1, Slots: []int{1}, N: 2}, h.keep(4)},
			"row 0 keeps 1 slots with bias 0, want one slot and its bias 0.7"},
		{"keep of two", []Row{{Pivot: 2, Slots: []int{2, 3}, N: 2}, h.keep(4)},
			"row 0 keeps 2 slots with bias 0, want one slot and its bias 0"},
		{"sigma 0", []Row{{Pivot: 2, Slots: []int{2, 3}, N: 2, Rule: Gaussian, ValueScale: 1}, h.keep(4)},
			"row 0 has sigma 0 and value_scale 1, want both > 0"},
		{"value_scale 0", []Row{{Pivot: 2, Slots: []int{2, 3}, N: 2, Rule: Gaussian, Sigma: 1}, h.keep(4)},
			"row 0 has sigma 1 and value_scale 0, want both > 0"},
		{"unknown rule", []Row{{Pivot: 4, Slots: []int{4}, N: 1, Rule: 9}}, "row 0 has unknown rule 9"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			err := (&Plan{Heads: [][]Row{tc.rows, nil}}).Check(&f.Signals)
			switch {
			case tc.want == "" && err != nil:
				t.Error(err)
			case tc.want != "" && (err == nil || err.Error() != "plan for layer 0 head 0: "+tc.want):
				t.Errorf("error %v\nwant  %s", err, tc.want)
			}
		})
	}
	for want, heads := range map[string][][]Row{
		"plan has 1 heads, want 2":                            {{h.keep(4)}},
		"plan for layer 0 head 1: 1 rows from an empty cache": {{h.keep(4)}, {h.keep(0)}},
	} {
		if err := (&Plan{Heads: heads}).Check(&f.Signals); err == nil || err.Error() != want {
			t.Errorf("error %v\nwant  %s", err, want)
		}
	}
}

// What is special about Explicit rows, and how they are listed.
func TestCheckOfExplicitRows(t *testing.T) {
	row := func(slots []int, keys, values []Weight) Row {
		return Row{Pivot: slots[0], Slots: slots, N: len(slots), Rule: Explicit, KeyWeights: keys, ValueWeights: values}
	}
	nan := float32(math.NaN())
	f := line(5)
	f.Heads[0].Pinned = []bool{false, false, false, true, false}
	for _, tc := range []struct {
		name string
		row  Row
		want string
	}{
		{"pivot alone", row([]int{0, 1}, []Weight{{0, 1}}, []Weight{{0, 1}}), ""},
		{"values of a dropped slot and of another row's", row([]int{0}, []Weight{{0, 1}}, []Weight{{0, 1}, {2, -0.5}, {4, 0}}), ""},
		{"no key", row([]int{0}, nil, []Weight{{0, 1}}), "has no key weights"},
		{"no value", row([]int{0}, []Weight{{0, 1}}, nil), "has no value weights"},
		{"key of another", row([]int{0}, []Weight{{0, 1}, {1, 1}}, []Weight{{0, 1}}), "takes the key of slot 1, which it does not contain"},
		{"not ascending", row([]int{0}, []Weight{{0, 1}}, []Weight{{2, 1}, {2, 1}}),
			"has a value weight for slot 2 after slot 2 of 5, want ascending"},
		{"no such slot", row([]int{0}, []Weight{{0, 1}}, []Weight{{5, 1}}),
			"has a value weight for slot 5 after slot -1 of 5, want ascending"},
		{"NaN", row([]int{0}, []Weight{{0, nan}}, []Weight{{0, 1}}), "has key weight NaN for slot 0, want a number"},
		{"pinned", row([]int{0, 3}, []Weight{{0, 1}}, []Weight{{0, 1}}), "changes slot 3, which is pinned"},
	} {
		h := &f.Heads[0]
		rows := []Row{tc.row, h.keep(3), h.keep(4)}
		if tc.name == "pinned" {
			rows = []Row{tc.row, h.keep(4)}
		}
		err := (&Plan{Heads: [][]Row{rows}}).Check(&f.Signals)
		switch {
		case tc.want == "" && err != nil:
			t.Errorf("%s: %v", tc.name, err)
		case tc.want != "" && (err == nil || err.Error() != "plan for layer 0 head 0: row 0 "+tc.want):
			t.Errorf("%s: error %v\nwant  row 0 %s", tc.name, err, tc.want)
		}
	}

	r := row([]int{2, 5}, []Weight{{2, 0.25}, {5, 0.75}}, []Weight{{1, 0.5}, {5, 2}})
	slots, keys, values := r.Explicit()
	if got, want := fmt.Sprint(slots, keys, values), "[2 5 1] [0.25 0.75 0] [0 2 0.5]"; got != want {
		t.Errorf("listed as %s, want %s", got, want)
	}
}
