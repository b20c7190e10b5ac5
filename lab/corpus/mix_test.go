package corpus

import (
	"math"
	"testing"
)

func TestMix(t *testing.T) {
	known := map[string]bool{}
	for _, name := range taskNames() {
		known[name] = true
	}
	sum := uint64(0)
	share := map[string]float64{}
	for _, m := range mix {
		sum += m.share
		share[m.task] += float64(m.share) / 100
		if !known[m.task] {
			t.Errorf("the mix has an unknown task %q", m.task)
		}
	}
	if sum != 100 {
		t.Fatalf("the mix sums to %d", sum)
	}
	const n = 4000
	got := map[string]float64{}
	for seed := range uint64(n) {
		d, err := Mixed(seed, Size{Tokens: 192})
		if err != nil {
			t.Fatal(err)
		}
		got[d.Task] += 1. / n
	}
	for task, want := range share {
		if math.Abs(got[task]-want) > 4*math.Sqrt(want/n) {
			t.Errorf("%.3f of the documents are of %s, want %.2f", got[task], task, want)
		}
	}
}
