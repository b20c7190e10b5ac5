package compress

import "testing"

func TestFullKeepsEverything(t *testing.T) {
	f := line(3, 1, 0)
	f.Heads[0].N = []int{1, 3, 1}
	f.Heads[0].Bias = []float32{0, 1.0986, 0}
	f.Heads[0].Pos = []int{0, 2, 4}
	p := plan(t, newMethod(t, "full", 0), &f.Signals) // Check: n and bias are copied
	if got, want := showPlan(p), "0 1 2 | 0 | "; got != want {
		t.Errorf("plan %q, want %q", got, want)
	}
}

func TestWindowGolden(t *testing.T) {
	// n_keep = max(1, floor(R*L)), n_sink = min(4, n_keep-1)
	for _, tc := range []struct {
		name   string
		budget float64
		slots  []int
		want   string
	}{
		{"default 0.5: 12 -> 6 = 4 sinks + 2", 0, []int{12}, "0 1 2 3 10 11"},
		{"each head by its own length", 0.5, []int{12, 5, 1, 0}, "0 1 2 3 10 11 | 0 4 | 0 | "},
		{"at most 4 sinks: 20 -> 18", 0.9, []int{20}, "0 1 2 3 6 7 8 9 10 11 12 13 14 15 16 17 18 19"},
		{"n_keep 5 = 4 + 1", 0.5, []int{10}, "0 1 2 3 9"},
		{"n_keep 4 = 3 + 1", 0.5, []int{8}, "0 1 2 7"},
		{"n_keep 1: the newest, no sink", 0.2, []int{5}, "4"},
		{"never less than one", 0.01, []int{7}, "6"},
		{"0.29*100 is 29 in spite of rounding", 0.29, []int{100},
			"0 1 2 3 75 76 77 78 79 80 81 82 83 84 85 86 87 88 89 90 91 92 93 94 95 96 97 98 99"},
		{"1 keeps everything", 1, []int{6}, "0 1 2 3 4 5"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := plan(t, newMethod(t, "window", tc.budget), &line(tc.slots...).Signals)
			if got := showPlan(p); got != tc.want {
				t.Errorf("plan %q, want %q", got, tc.want)
			}
		})
	}
}
