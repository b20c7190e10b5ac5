//go:build !js

package compress

import "testing"

func TestKVZip(t *testing.T) {
	// Two layers of one head. Six of 8 slots each are 12 slots to keep; the first 4 positions and the newest slots
	// take 10, and the largest of both heads' slots 4 to 6 the rest.
	for _, tc := range []struct {
		first, second []float32 // of slots 4 to 6
		want          string
	}{
		{[]float32{0.9, 0.8, 0.1}, []float32{0.3, 0.2, 0.7}, "0 1 2 3 4 5 7 | 0 1 2 3 7"},
		{[]float32{0.1, 0.5, 0.5}, []float32{0.5, 0.1, 0.1}, "0 1 2 3 5 7 | 0 1 2 3 4 7"}, // the lower slots of a tie
		{[]float32{0.5, 0.5, 0.5}, []float32{0.1, 0.5, 0.1}, "0 1 2 3 4 5 7 | 0 1 2 3 7"}, // and the lower head
	} {
		f := line(8, 8)
		f.NLayers, f.NKVHeads = 2, 1
		copy(f.Heads[0].Reread[4:], tc.first)
		copy(f.Heads[1].Reread[4:], tc.second)
		if got := showPlan(plan(t, newMethod(t, "kvzip", 0.75), &f.Signals)); got != tc.want {
			t.Errorf("%v, %v: kept %s, want %s", tc.first, tc.second, got, tc.want)
		}
	}
}
