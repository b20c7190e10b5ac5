package compress

import (
	"fmt"
	"testing"
)

// No method drops or merges a pinned slot, and a method with a budget pays for
// the pins out of it as far as it reaches.
func TestPinnedSlotsStay(t *testing.T) {
	const slots = 60
	s := &randomFixture(5, slots, false).Signals
	for i := range s.Heads {
		s.Heads[i].Pinned = make([]bool, s.Heads[i].Slots())
		for _, slot := range []int{9, 10, 11, 20} {
			s.Heads[i].Pinned[slot] = true
			s.Heads[i].Votes[slot] = 0
			s.Heads[i].Cosine[slot] = 1 // alike, so that a merge is tempting
		}
	}
	covered := map[string]bool{}
	for _, settings := range every {
		m, err := New(settings)
		if err != nil {
			t.Fatal(err)
		}
		plan, err := m.Plan(s)
		if err != nil && settings.Budget > 0 { // out of reach
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		covered[settings.Name] = true
		if err := plan.Check(s); err != nil { // demands the pins
			t.Errorf("%+v: %v", settings, err)
		}
		if settings.Budget >= 0.3 && plan.Ratio(s) > settings.Budget {
			t.Errorf("%+v keeps %g with the pins, want at most the budget", settings, plan.Ratio(s))
		}
	}
	for _, name := range Names() {
		if !covered[name] {
			t.Errorf("method %s decided nothing in this test", name)
		}
	}
}

func TestPlanCheckDemandsPins(t *testing.T) {
	head := Head{Pos: []int{0, 1, 2}, N: []int{1, 1, 1}, Bias: make([]float32, 3), Pinned: []bool{false, true, false}}
	s := &Signals{NLayers: 1, NKVHeads: 1, Heads: []Head{head}}
	keep := func(slots ...int) []Row {
		var rows []Row
		for _, slot := range slots {
			rows = append(rows, head.keep(slot))
		}
		return rows
	}
	merged := Row{Pivot: 0, Slots: []int{0, 1}, N: 2, Rule: Gaussian, Sigma: 1, ValueScale: 1}
	for want, rows := range map[string][]Row{
		"":                                     keep(1, 2),
		"slot 1 is pinned and dropped":         keep(0, 2),
		"row 0 merges slot 1, which is pinned": append([]Row{merged}, keep(2)...),
	} {
		err := (&Plan{Heads: [][]Row{rows}}).Check(s)
		if got := fmt.Sprint(err); want == "" && err != nil || want != "" && got != "plan for layer 0 head 0: "+want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
