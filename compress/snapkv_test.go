package compress

import (
	"fmt"
	"math"
	"slices"
	"testing"
)

func TestSnapKV(t *testing.T) {
	inf := math.Inf(1)
	// Half of 8 slots is 4, so the window is 2. The others receive, per query,
	//
	//	a       0.4  0    0    0.3  0.3  0
	//	5 score 0.4  0.7  1.0  0.6  0.6  0.6     a is 0 outside, also at the window's 9
	f := line(8)
	f.Heads[0].Future = []float32{0.4, 0, 0, 0.3, 0.3, 0, 9, 9}
	scores, err := snapKV{}.scores(&f.Signals, []int{4})
	if err != nil {
		t.Fatal(err)
	}
	want := []float64{0.08, 0.14, 0.2, 0.12, 0.12, 0.12, inf, inf}
	for slot := range want {
		if got := scores[0][slot]; got != want[slot] && !near(got, want[slot], 1e-7) {
			t.Errorf("score of slot %d is %g, want %g", slot, got, want[slot])
		}
	}
	if got, want := showPlan(plan(t, newMethod(t, "snapkv", 0.5), &f.Signals)), "1 2 6 7"; got != want {
		t.Errorf("kept %s, want %s", got, want)
	}
}

// The window is half of what the smallest head keeps, at least one slot and at
// most 64, and is asked about once.
func TestSnapKVWindow(t *testing.T) {
	for _, tc := range []struct {
		slots  []int
		budget float64
		want   int
	}{
		{[]int{300, 300}, 0.5, 64},
		{[]int{300, 300}, 0.1, 15}, // 30 kept
		{[]int{300, 10}, 0.4, 2},   // 120 and 4 kept
		{[]int{10, 10}, 0.1, 1},    // 1 kept
	} {
		f := line(tc.slots...)
		var asked []int
		whole := f.Window
		f.Window = func(w int) ([][]float32, error) {
			asked = append(asked, w)
			return whole(w)
		}
		p := plan(t, newMethod(t, "snapkv", tc.budget), &f.Signals)
		if !slices.Equal(asked, []int{tc.want}) {
			t.Errorf("%v at %g: asked for windows %v, want %d", tc.slots, tc.budget, asked, tc.want)
		}
		for h, slots := range tc.slots {
			if rows := p.Heads[h]; rows[len(rows)-tc.want].Pivot != slots-tc.want {
				t.Errorf("%v at %g: head %d does not keep its last %d slots: %s", tc.slots, tc.budget, h, tc.want, show(rows))
			}
		}
	}
}

func TestSnapKVRefusesWrongSignals(t *testing.T) {
	for _, tc := range []struct {
		window func(int) ([][]float32, error)
		want   string
	}{
		{nil, "snapkv: signals do not know the prompt's last queries"},
		{func(int) ([][]float32, error) { return nil, fmt.Errorf("device lost") },
			"snapkv: attention of the last 2 queries: device lost"},
		{func(int) ([][]float32, error) { return nil, nil },
			"snapkv: attention of the last 2 queries for 0 heads, want 1"},
		{func(int) ([][]float32, error) { return make([][]float32, 1), nil },
			"snapkv: layer 0 head 0 has 0 values of the last 2 queries' attention, want one per slot = 8"},
	} {
		f := line(8)
		f.Window = tc.window
		if _, err := newMethod(t, "snapkv", 0.5).Plan(&f.Signals); err == nil || err.Error() != tc.want {
			t.Errorf("error %v\nwant  %s", err, tc.want)
		}
	}
}
