//go:build !js

package compress

import (
	"fmt"
	"testing"
)

func TestOracle(t *testing.T) {
	f := line(6, 6)
	f.Heads[0].Future = []float32{0.1, 3, 0.2, 2, 0.1, 0}
	f.Heads[1].Future = []float32{0, 0, 0, 0, 1, 2} // the newest has a seat as it is
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
			scores, err := oracle{}.scores(&f.Signals, nil)
			if err != nil {
				t.Fatal(err)
			}
			for h, rows := range p.Heads {
				theirs, keepsOnly := 0.0, true
				for _, row := range rows {
					keepsOnly = keepsOnly && row.Rule == Keep
					theirs += scores[h][row.Pivot]
				}
				if !keepsOnly {
					continue
				}
				ours := 0.0
				for slot, kept := range topSlots(&f.Heads[h], scores[h], len(rows)) {
					if kept {
						ours += scores[h][slot]
					}
				}
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
