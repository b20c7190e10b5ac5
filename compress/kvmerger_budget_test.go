package compress

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

func TestKVMergerBudgetGolden(t *testing.T) {
	// Two heads, recent and top 0: only slots 4 and 2, the newest, are protected.
	//
	//	head 0   cos 1: .9   2: .5   3: .7   (4: protected)
	//	head 1   cos 1: .7                   (2: protected)
	//
	// 8 slots; merging .9 leaves 7 rows, both .7 (at once) 5, .5 leaves 4.
	for _, tc := range []struct {
		budget float64
		want   string
		eps    float64 // just below this
	}{
		{1, "0 1 2 3 4 | 0 1 2", 1},
		{0.9999, "0{0..1}2 2 3 4 | 0 1 2", 0.9}, // 7.9992 -> 7
		{0.875, "0{0..1}2 2 3 4 | 0 1 2", 0.9},
		{0.87, "0{0..1}2 2{2..3}2 4 | 0{0..1}2 2", 0.7}, // 6 rows are not to be had: the .7 are a tie
		{0.75, "0{0..1}2 2{2..3}2 4 | 0{0..1}2 2", 0.7},
		{0.625, "0{0..1}2 2{2..3}2 4 | 0{0..1}2 2", 0.7},
		{0.5, "0{0..3}4 4 | 0{0..1}2 2", 0.5},
	} {
		f := line(5, 3)
		f.Heads[0].Cosine = []float32{0, .9, .5, .7, .99}
		f.Heads[1].Cosine = []float32{0, .7, .99}
		p := plan(t, newMethod(t, "kvmerger", tc.budget, "recent=0", "top=0"), &f.Signals)
		if got := showPlan(p); got != tc.want {
			t.Errorf("budget %g: plan %q, want %q", tc.budget, got, tc.want)
		}
		eps := p.Options["eps"].(float64)
		if tc.eps == 1 && eps != 1 || !near(eps, float64(float32(tc.eps)), 2.0/(1<<30)) {
			t.Errorf("budget %g: eps %.10f, want just below %g", tc.budget, eps, tc.eps)
		}
	}
}

// 0.29*100 = 28.999999999999996 allows 29 rows of 100 slots: 71 of the 96
// pairs without a newest slot are merged.
func TestKVMergerBudgetRounds(t *testing.T) {
	f := line(50, 50)
	for h := range f.Heads {
		for slot := range f.Heads[h].Cosine {
			f.Heads[h].Cosine[slot] = float32(50*h+slot) / 100 // all different
		}
	}
	p := plan(t, newMethod(t, "kvmerger", 0.29, "recent=0", "top=0"), &f.Signals)
	if p.Rows() != 29 {
		t.Errorf("%d rows, want 29", p.Rows())
	}
}

// Skipped layers count in the ratio, so the others must make up for them.
func TestKVMergerBudgetCountsSkippedLayers(t *testing.T) {
	f := line(10, 10)
	f.NLayers, f.NKVHeads = 2, 1
	for h := range f.Heads {
		for slot := range f.Heads[h].Cosine {
			f.Heads[h].Cosine[slot] = float32(slot) / 10
		}
	}
	// 20 slots, 14 rows: 10 of layer 0 and 4 of layer 1, where .3 and up merge.
	m := newMethod(t, "kvmerger", 0.7, "recent=0", "top=0", "skip_layers=0")
	if got, want := showPlan(plan(t, m, &f.Signals)), "0 1 2 3 4 5 6 7 8 9 | 0 1 2{2..8}7 9"; got != want {
		t.Errorf("plan %q, want %q", got, want)
	}
}

func TestKVMergerFollowsBudget(t *testing.T) {
	for _, tc := range []struct{ budget, recent, top float64 }{
		{0.175, 0.04, 0.01},
		{0.35, 0.08, 0.02},
		{0.425, 0.125, 0.07},
		{0.5, 0.17, 0.12},
		{0.8, 0.17, 0.12},
		{1, 0.17, 0.12},
	} {
		m := newMethod(t, "kvmerger", tc.budget).(*kvMerger)
		if got := m.follow(tc.budget); !near(got.recent, tc.recent, 1e-12) || !near(got.top, tc.top, 1e-12) {
			t.Errorf("budget %g: recent %g top %g, want %g %g", tc.budget, got.recent, got.top, tc.recent, tc.top)
		}
		f := randomFixture(3, 64, false)
		for option, want := range map[string][2]float64{
			"recent=0.3": {0.3, tc.top},
			"top=0.3":    {tc.recent, 0.3},
		} {
			p, err := newMethod(t, "kvmerger", tc.budget, option).Plan(&f.Signals)
			if err != nil {
				continue // out of reach
			}
			recent, top := p.Options["recent"].(float64), p.Options["top"].(float64)
			if !near(recent, want[0], 1e-12) || !near(top, want[1], 1e-12) {
				t.Errorf("budget %g, %s: recent %g top %g, want %g", tc.budget, option, recent, top, want)
			}
		}
	}
}

// The ratio is at most R, and the next eps up would have too many rows.
func TestKVMergerMeetsBudget(t *testing.T) {
	met := 0
	for seed := range uint64(20) {
		for _, budget := range []float64{0.2, 0.29, 0.35, 0.42, 0.5, 0.8, 0.95, 1} {
			f := randomFixture(seed, 120, seed%2 == 1)
			p, err := newMethod(t, "kvmerger", budget).Plan(&f.Signals)
			if err != nil {
				continue // TestKVMergerOutOfReach
			}
			met++
			limit := floorShare(budget, f.Total())
			if p.Rows() > limit {
				t.Errorf("seed %d budget %g: %d rows, want at most %d", seed, budget, p.Rows(), limit)
			}
			if budget == 1 && p.Rows() != f.Total() {
				t.Errorf("seed %d: budget 1 leaves %d rows of %d", seed, p.Rows(), f.Total())
			}

			// The same thresholds, given, decide the same.
			given := func(eps float64) *Plan {
				return plan(t, newMethod(t, "kvmerger", 0, fmt.Sprintf("eps=%v", eps),
					fmt.Sprintf("recent=%v", p.Options["recent"]), fmt.Sprintf("top=%v", p.Options["top"])), &f.Signals)
			}
			eps := p.Options["eps"].(float64)
			if got, want := showPlan(given(eps)), showPlan(p); got != want {
				t.Errorf("seed %d budget %g: thresholds given decide\n%s, want\n%s", seed, budget, got, want)
			}
			if eps < 1 {
				if up := given(eps + 2.0/(1<<30)); up.Rows() <= limit {
					t.Errorf("seed %d budget %g: a higher eps has %d rows, within the limit of %d",
						seed, budget, up.Rows(), limit)
				}
			}
		}
	}
	if met < 100 {
		t.Errorf("only %d budgets met, the test proves little", met)
	}
}

// The error names a budget that works, and just below it none does.
func TestKVMergerOutOfReach(t *testing.T) {
	refused := 0
	for seed := range uint64(20) {
		for _, tc := range []struct {
			budget  float64
			options []string
		}{
			{0.01, nil}, {0.05, nil}, {0.2, []string{"recent=0.17", "top=0.12"}},
			{0.4, []string{"skip_layers=0"}}, {0.001, []string{"recent=0", "top=0"}},
		} {
			f := randomFixture(seed, 90, false)
			_, err := newMethod(t, "kvmerger", tc.budget, tc.options...).Plan(&f.Signals)
			if err == nil {
				continue
			}
			refused++
			if errors.Is(err, ErrUsage) {
				t.Errorf("a budget that only this cache cannot meet is called wrong usage: %v", err)
			}
			var least float64
			_, number, ok := strings.Cut(err.Error(), fmt.Sprintf("budget %g is out of reach,"+
				" the least above it that this cache can meet is ", tc.budget))
			if _, scanErr := fmt.Sscan(number, &least); !ok || scanErr != nil || least <= tc.budget {
				t.Fatalf("error %q", err)
			}
			p := plan(t, newMethod(t, "kvmerger", least, tc.options...), &f.Signals)
			if ratio := p.Ratio(&f.Signals); ratio > least+1e-8 {
				t.Errorf("budget %g: ratio %g", least, ratio)
			}
			for down := least - 1e-4; down > max(tc.budget, least-0.01); down -= 1e-4 {
				if _, err := newMethod(t, "kvmerger", down, tc.options...).Plan(&f.Signals); err == nil {
					t.Errorf("budget %g: error names %g, but %g works", tc.budget, least, down)
				}
			}
		}
	}
	if refused < 40 {
		t.Errorf("only %d budgets refused, the test proves little", refused)
	}

	// By hand: one slot cannot become fewer; of five, four mergeable, two are left.
	for slots, want := range map[int]string{
		1: "kvmerger: budget 0.1 is out of reach, the least above it that this cache can meet is 1",
		5: "kvmerger: budget 0.1 is out of reach, the least above it that this cache can meet is 0.4",
	} {
		_, err := newMethod(t, "kvmerger", 0.1).Plan(&line(slots).Signals)
		if err == nil || err.Error() != want {
			t.Errorf("error %v\nwant  %s", err, want)
		}
	}
}
