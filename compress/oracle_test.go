//go:build !js

package compress

import (
	"fmt"
	"slices"
	"testing"
)

func TestOracle(t *testing.T) {
	f := line(6, 6)
	f.Heads[0].Future = []float32{0.1, 3, 0.2, 2, 0.1, 0}
	f.Heads[1].Future = []float32{0, 0, 0, 0, 1, 2} // the newest stays as it is
	if got, want := showPlan(plan(t, newMethod(t, "oracle", 0.5), &f.Signals)), "1 3 5 | 0 4 5"; got != want {
		t.Errorf("kept %s, want %s", got, want)
	}
}

// On its own measure, at equal size per head, oracle is never worse than any
// method that only keeps and drops.
func TestOracleIsNeverWorse(t *testing.T) {
	compared, better := 0, 0
	for _, settings := range every {
		m, err := New(settings)
		if err != nil {
			t.Fatal(err)
		}
		for seed := range uint64(4) {
			f := randomFixture(seed, 120, seed%2 == 1)
			p, err := m.Plan(&f.Signals)
			if err != nil {
				continue
			}
			for h, rows := range p.Heads {
				held := func(rows []Row) (sum float64) { // attention to come
					for _, row := range rows {
						sum += float64(f.Heads[h].Future[row.Pivot])
					}
					return sum
				}
				if slices.ContainsFunc(rows, func(row Row) bool { return row.Rule != Keep }) {
					continue
				}
				share := float64(len(rows)) / float64(f.Heads[h].Slots())
				best := plan(t, newMethod(t, "oracle", share), &f.Signals).Heads[h]
				if len(best) != len(rows) {
					t.Fatalf("%s, seed %d, head %d: oracle keeps %d slots, want %d", fmt.Sprint(settings), seed, h, len(best), len(rows))
				}
				ours, theirs := held(best), held(rows)
				compared++
				if ours > theirs+1e-12 {
					better++
				}
				if ours < theirs-1e-12 {
					t.Errorf("%s, seed %d, head %d: %d slots of oracle hold %g of the attention to come, those of %s %g",
						fmt.Sprint(settings), seed, h, len(rows), ours, m.Name(), theirs)
				}
			}
		}
	}
	if compared < 200 || better < compared/2 {
		t.Errorf("oracle was better in %d of %d heads, the test proves little", better, compared)
	}
}
