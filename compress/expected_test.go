package compress

import (
	"math"
	"testing"
)

func TestExpected(t *testing.T) {
	inf := math.Inf(1)
	ln2 := float32(math.Ln2)
	// Four sinks, whose z would win everything, and three slots:
	//
	//	softmax of query head 0    1/4  2/4  1/4
	//	softmax of query head 1    1/4  1/4  2/4
	//	mean                       .25  .375 .375
	//	‖v‖                        4    2    3
	f := line(7)
	f.Heads[0].Expected = [][]float32{{50, 50, 50, 50, 0, ln2, 0}, {50, 50, 50, 50, 1, 1, 1 + ln2}}
	f.Heads[0].ValueNorm = []float32{9, 9, 9, 9, 4, 2, 3}
	for _, tc := range []struct {
		eps  float64
		want []float64
	}{
		{0, []float64{inf, inf, inf, inf, 1, 0.75, 1.125}},
		{0.25, []float64{inf, inf, inf, inf, 2, 1.25, 1.875}},
	} {
		scores, err := expected{tc.eps}.scores(&f.Signals, nil)
		if err != nil {
			t.Fatal(err)
		}
		for slot, want := range tc.want {
			if got := scores[0][slot]; got != want && !near(got, want, 1e-6) {
				t.Errorf("eps %g: score of slot %d is %g, want %g", tc.eps, slot, got, want)
			}
		}
	}
	// Six slots: four sinks, the newest, and slot 4 for its long value.
	if got, want := showPlan(plan(t, newMethod(t, "expected", 0.86), &f.Signals)), "0 1 2 3 4 6"; got != want {
		t.Errorf("kept %s, want %s", got, want)
	}

	// Sinks are positions, not slots.
	f.Heads[0].Pos = []int{0, 3, 4, 5, 6, 7, 8}
	scores, err := expected{}.scores(&f.Signals, nil)
	if err != nil {
		t.Fatal(err)
	}
	if scores[0][1] != inf || math.IsInf(scores[0][2], 1) {
		t.Errorf("slots at positions 3 and 4 score %g and %g, want +Inf and a number", scores[0][1], scores[0][2])
	}
}

func TestExpectedRefusesWrongSignals(t *testing.T) {
	for _, tc := range []struct {
		spoil func(h *Head)
		want  string
	}{
		{func(h *Head) { h.Expected = nil },
			"expected: layer 0 head 0 has no expected attention of any query head"},
		{func(h *Head) { h.Expected[0] = h.Expected[0][1:] },
			"expected: layer 0 head 0 has 7 values of expected attention, want one per slot = 8"},
		{func(h *Head) { h.ValueNorm = nil },
			"expected: layer 0 head 0 has 0 lengths of values, want one per slot = 8"},
		{func(h *Head) { h.ValueNorm[5] = float32(math.NaN()) },
			"expected: layer 0 head 0 slot 5 has no score (NaN)"},
	} {
		f := line(8)
		tc.spoil(&f.Heads[0])
		if _, err := newMethod(t, "expected", 0.5).Plan(&f.Signals); err == nil || err.Error() != tc.want {
			t.Errorf("error %v\nwant  %s", err, tc.want)
		}
	}
	f := line(4) // sinks alone are not measured
	f.Heads[0].Expected, f.Heads[0].ValueNorm = nil, nil
	plan(t, newMethod(t, "expected", 0.5), &f.Signals)
}
