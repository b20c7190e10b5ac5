package compress

import (
	"fmt"
	"math"
	"slices"
	"testing"
)

// every is the methods with options that the tests below run. Add each new
// method, with options that change what it decides.
var every = []Settings{
	{Name: "full"},
	{Name: "window"},
	{Name: "window", Budget: 0.1},
	{Name: "window", Budget: 1},
	{Name: "kvmerger"},
	{Name: "kvmerger", Options: optionMap("eps=-1")},
	{Name: "kvmerger", Options: optionMap("eps=-1", "recent=0", "top=0", "values=effective")},
	{Name: "kvmerger", Options: optionMap("eps=0.3", "sigma=meandist", "values=effective")},
	{Name: "kvmerger", Options: optionMap("eps=0.3", "sigma=5", "values=convex", "mass=last:8")},
	{Name: "kvmerger", Options: optionMap("eps=0.3", "values=paper", "skip_layers=1")},
	{Name: "kvmerger", Options: optionMap("eps=0.5", "recent=0.5", "top=0.4")},
	{Name: "kvmerger", Options: optionMap("skip_layers=paper")},
	{Name: "kvmerger", Budget: 0.35},
	{Name: "kvmerger", Budget: 0.7, Options: optionMap("top=0.2")},
	{Name: "kvmerger", Options: optionMap("eps=-1", "max_set=3")},
	{Name: "kvmerger", Budget: 0.6, Options: optionMap("max_set=4", "values=effective")},
	{Name: "kvmerger", Options: optionMap("eps=0.3", "anchor=true", "derotate=true")},
	{Name: "kvmerger", Budget: 0.7, Options: optionMap("anchor=true")},
	{Name: "random"},
	{Name: "random", Budget: 0.1},
	{Name: "ada:random", Budget: 0.3},
	{Name: "h2o"},
	{Name: "h2o", Budget: 0.05},
	{Name: "h2o", Budget: 0.3, Options: optionMap("norm=visible")},
	{Name: "ada:h2o"},
	{Name: "ada:h2o", Budget: 0.1, Options: optionMap("alpha=0", "norm=visible")},
	{Name: "ada:h2o", Budget: 0.4, Options: optionMap("alpha=1")},
	{Name: "cam"},
	{Name: "cam", Budget: 0.2, Options: optionMap("norm=max")},
	{Name: "pivot", Options: optionMap("eps=0.3")},
	{Name: "pivot", Options: optionMap("eps=0.3", "values=paper")},
	{Name: "pivot", Budget: 0.5, Options: optionMap("values=effective", "max_set=4")},
	{Name: "randomsets", Options: optionMap("eps=0.3")},
	{Name: "randomsets", Budget: 0.5},
	{Name: "votefold"},
	{Name: "votefold", Options: optionMap("min_len=0", "n_s=0", "eps=-1", "max_set=6", "values=convex")},
	{Name: "votefold", Options: optionMap("min_len=0", "anchor=true", "cap=9", "skip_layers=0")},
	{Name: "gvote"},
	{Name: "gvote", Options: optionMap("min_len=0")},
	{Name: "gvote", Options: optionMap("min_len=0", "n_s=0", "cap=3")},
	{Name: "gvote", Options: optionMap("p_nuc=1")},
	{Name: "snapkv"},
	{Name: "snapkv", Budget: 0.1},
	{Name: "ada:snapkv", Budget: 0.3},
	{Name: "expected"},
	{Name: "expected", Budget: 0.2, Options: optionMap("eps=0.01")},
	{Name: "ada:expected", Budget: 0.3, Options: optionMap("eps=0.01", "alpha=0.5")},
	{Name: "kvzip"},
	{Name: "kvzip", Budget: 0.1},
	{Name: "oracle", Budget: 0.2},
	{Name: "ada:oracle", Budget: 0.2},
}

// Every method must satisfy these, whatever it decides to keep.
func TestMethodInvariants(t *testing.T) {
	covered := map[string]bool{}
	for _, settings := range every {
		covered[settings.Name] = true
		t.Run(fmt.Sprintf("%s,%g,%v", settings.Name, settings.Budget, settings.Options), func(t *testing.T) {
			decided := 0
			for _, slots := range []int{1, 2, 7, 31, 32, 64, 300} {
				for seed := range uint64(4) {
					if checkInvariants(t, settings, randomFixture(seed, slots, seed%2 == 1), slots) {
						decided++
					}
				}
			}
			if decided < 12 {
				t.Errorf("only %d plans, the test proves little", decided)
			}
		})
	}
	for _, name := range Names() {
		if !covered[name] {
			t.Errorf("method %s is not in the list of this test", name)
		}
	}
}

// checkInvariants reports whether the method returned a plan at all: a budget
// may be out of reach.
func checkInvariants(t *testing.T, settings Settings, f *fixture, slots int) bool {
	m, err := New(settings)
	if err != nil {
		t.Fatal(err)
	}
	before := fmt.Sprint(f.Heads)
	p, err := m.Plan(&f.Signals)
	if got := fmt.Sprint(f.Heads); got != before {
		t.Errorf("%d slots: modified its input", slots)
	}
	if err != nil {
		if settings.Budget == 0 {
			t.Errorf("%d slots: %v", slots, err)
		}
		return false
	}
	if err := p.Check(&f.Signals); err != nil { // newest kept, ascending, disjoint, n
		t.Errorf("%d slots: %v", slots, err)
	}
	if p.Method != settings.Name || m.Name() != settings.Name {
		t.Errorf("plan is by %q, method is %q, want %q", p.Method, m.Name(), settings.Name)
	}
	if f.asked > 1 {
		t.Errorf("%d slots: asked for distances %d times", slots, f.asked)
	}
	again, err := m.Plan(&f.Signals)
	if err != nil || fmt.Sprint(again) != fmt.Sprint(p) {
		t.Errorf("%d slots: a second plan differs (%v)", slots, err)
	}
	for h, rows := range p.Heads {
		head := &f.Heads[h]
		tokens, rowTokens, last := 0, 0, rows[len(rows)-1]
		for _, n := range head.N {
			tokens += n
		}
		for _, row := range rows {
			rowTokens += row.N
			if math.IsNaN(float64(row.Bias)) || math.IsInf(float64(row.Bias), 0) {
				t.Errorf("%d slots: head %d pivot %d: bias %g", slots, h, row.Pivot, row.Bias)
			}
		}
		if slices.Contains([]string{"kvmerger", "pivot", "randomsets", "votefold"}, settings.Name) && rowTokens != tokens {
			t.Errorf("%d slots: head %d stands for %d tokens, want %d", slots, h, rowTokens, tokens)
		}
		newest := head.Slots() - 1
		if last.Pivot != newest || settings.Name != "cam" && last.Rule != Keep { // cam adds to its value
			t.Errorf("%d slots: head %d: the newest slot is not kept as it is", slots, h)
		}
	}
	return true
}

// What KVMerger decides, checked against the definition and not against its
// own steps: sets are exactly the maximal runs, and never touch protected slots.
func TestKVMergerSetsAreMaximalRuns(t *testing.T) {
	merged := 0
	for seed := range uint64(30) {
		for _, eps := range []float64{-1, 0, 0.5, 0.75, 0.95} {
			f := randomFixture(seed, 100, seed%3 == 0)
			p := plan(t, newMethod(t, "kvmerger", 0, fmt.Sprintf("eps=%g", eps)), &f.Signals)
			for i, rows := range p.Heads {
				h := &f.Heads[i]
				protected := protectedByDefinition(h, 0.17, 0.12)
				rowOf := make([]int, h.Slots())
				for r, row := range rows {
					for j, slot := range row.Slots {
						rowOf[slot] = r
						if slot != row.Slots[0]+j {
							t.Errorf("seed %d: row %d is not contiguous: %v", seed, r, row.Slots)
						}
						if protected[slot] && row.Rule != Keep {
							t.Errorf("seed %d: protected slot %d is merged", seed, slot)
						}
						if h.Mass[slot] > h.Mass[row.Pivot] || h.Mass[slot] == h.Mass[row.Pivot] && slot < row.Pivot {
							t.Errorf("seed %d: slot %d (mass %g) should be pivot, not %d (%g)",
								seed, slot, h.Mass[slot], row.Pivot, h.Mass[row.Pivot])
						}
					}
					if row.Rule == Gaussian {
						merged++
					}
				}
				for slot := 1; slot < h.Slots(); slot++ {
					want := !protected[slot] && !protected[slot-1] && float64(h.Cosine[slot]) > eps
					if got := rowOf[slot] == rowOf[slot-1]; got != want {
						t.Errorf("seed %d eps %g: slots %d and %d in one row: %v, want %v", seed, eps, slot-1, slot, got, want)
					}
				}
			}
		}
	}
	if merged < 1000 {
		t.Errorf("only %d merged rows, the test proves little", merged)
	}
}

// protectedByDefinition takes the best of what is left, again and again.
func protectedByDefinition(h *Head, recent, top float64) []bool {
	n := h.Slots()
	protected := make([]bool, n)
	protected[n-1] = true
	for i := range floorShare(recent, n) {
		protected[n-1-i] = true
	}
	for range floorShare(top, n) {
		best := -1
		for slot := range n {
			if !protected[slot] && (best < 0 || h.Mass[slot] > h.Mass[best]) {
				best = slot
			}
		}
		if best >= 0 {
			protected[best] = true
		}
	}
	return protected
}

func TestKVMergerRowsNeverIncreaseAsEpsFalls(t *testing.T) {
	for seed := range uint64(10) {
		f := randomFixture(seed, 100, false)
		last := f.Total()
		for _, eps := range []float64{2, 1, 0.99, 0.9, 0.75, 0.5, 0, -0.5, -1} {
			rows := plan(t, newMethod(t, "kvmerger", 0, fmt.Sprintf("eps=%g", eps)), &f.Signals).Rows()
			if rows > last || eps >= 1 && rows != f.Total() {
				t.Errorf("seed %d eps %g: %d rows after %d of %d", seed, eps, rows, last, f.Total())
			}
			last = rows
		}
		if last == f.Total() {
			t.Errorf("seed %d: eps -1 merges nothing", seed)
		}
	}
}

// Where all keys and values of a set are equal, count is exact attention, and
// paper is it times Σ n e^s / Σ e^s. Logits s and values v of one query, by set.
func TestKVMergerCountIsExactOnEqualKeys(t *testing.T) {
	f := line(7) // mass 0: pivot 0; eps, recent 0: sets {0..5}, 6
	f.Heads[0].Cosine[3] = 0.1
	f.keys[0] = [][]float64{{1}, {1}, {1}, {-1}, {-1}, {-1}, {5}}
	logit := []float64{0.4, 0.4, 0.4, -1.1, -1.1, -1.1, 0.9}
	value := []float64{3, 3, 3, -2, -2, -2, 0.5}
	// attend returns the output and Σ e^(s + ln n) / Σ e^s, over the rows of a plan.
	attend := func(p *Plan) (out, inflation float64) {
		var num, z, plainZ, tokenZ float64
		for _, row := range p.Heads[0] {
			scale := 1.0
			if row.Rule == Gaussian {
				scale = float64(row.ValueScale)
			}
			e := math.Exp(logit[row.Pivot] + float64(row.Bias))
			num += e * scale * value[row.Pivot]
			z += e
			plainZ += math.Exp(logit[row.Pivot])
			tokenZ += float64(row.N) * math.Exp(logit[row.Pivot])
		}
		return num / z, tokenZ / plainZ
	}
	want, _ := attend(plan(t, newMethod(t, "full", 0), &f.Signals))
	for _, values := range []string{"count", "effective", "convex", "paper"} {
		p := plan(t, newMethod(t, "kvmerger", 0, "recent=0", "top=0", "values="+values), &f.Signals)
		if got := showPlan(p); got != "0{0..2}3 3{3..5}3 6" {
			t.Fatalf("plan %q", got)
		}
		got, inflation := attend(p)
		switch values {
		case "count", "effective":
			if !near(got, want, 1e-6) {
				t.Errorf("%s: output %.7f, want %.7f", values, got, want)
			}
		case "convex":
			if near(got, want, 1e-2) {
				t.Errorf("convex: output %.7f is exact, want sag", got)
			}
		case "paper":
			if !near(got, want*inflation, 1e-6) {
				t.Errorf("paper: output %.7f, want %.7f", got, want*inflation)
			}
		}
	}
}
