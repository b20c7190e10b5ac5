package corpus

import (
	"math"
	"strings"
	"testing"
)

// However small a document shall be, there is one that fits or an error.
func TestSmallDocuments(t *testing.T) {
	written := 0
	for _, task := range Tasks() {
		for tokens := 1; tokens <= 64; tokens++ {
			for seed := range uint64(5) {
				d, err := New(task.Name, seed, Size{Tokens: tokens})
				switch {
				case err == nil && estimate(d.Text()) > tokens:
					t.Errorf("%s of seed %d takes %d of %d tokens", task.Name, seed, estimate(d.Text()), tokens)
				case err == nil:
					written++
				case !strings.Contains(err.Error(), "room"):
					t.Errorf("%s of seed %d in %d tokens: %v", task.Name, seed, tokens, err)
				}
			}
		}
	}
	if written == 0 {
		t.Error("no document fits 64 tokens")
	}
}

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
