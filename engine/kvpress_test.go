//go:build !js

package engine

import (
	"context"
	"encoding/json"
	"math"
	"os"
	"slices"
	"testing"

	"keyfold/compress"
	"keyfold/layout"
)

// On stories260K the signals are what NVIDIA's kvpress computes from the same
// model (compress/testdata/kvpress/run.py), and the same slots are kept but for
// one rule that kvpress does not have: the newest slot of every head stays, in
// place of the one with the lowest score.
func TestSignalsAndPlansAgreeWithKvpress(t *testing.T) {
	data, err := os.ReadFile("../compress/testdata/kvpress/stories260K.json")
	if err != nil {
		t.Fatal(err)
	}
	var g struct {
		Tokens    []int
		Budget    float64
		Size      int         `json:"window_size"`
		Window    [][]float64 // (heads)(slots)
		Expected  [][]float64 // (query heads)(slots)
		ValueNorm [][]float64 `json:"value_norm"`
		Scores    map[string][][]*float64
		Kept      map[string][][]int
	}
	if err := json.Unmarshal(data, &g); err != nil {
		t.Fatal(err)
	}
	eachDevice(t, func(t *testing.T, kind DeviceKind) {
		e := open(t, sharedData(t, "stories260K/stories260K.gguf"), kind)
		newest := len(g.Tokens) - 1
		near := func(what string, h, slot int, got float32, want, bound float64) {
			if !(math.Abs(float64(got)-want) <= bound*(1+math.Abs(want))) {
				t.Errorf("%s: head %d slot %d is %g, kvpress has %g", what, h, slot, got, want)
			}
		}
		needs := compress.Needs{Mass: true, LastQueries: 64, Expected: &compress.ExpectedOptions{NSkip: 4, Horizon: 512}}
		p, err := e.Prefill(context.Background(), g.Tokens, Settings{KV: layout.CacheF32, Needs: needs})
		if err != nil {
			t.Fatal(err)
		}
		defer p.Free()
		signals, err := p.Measure(needs)
		if err != nil {
			t.Fatal(err)
		}
		window, err := signals.Window(g.Size)
		if err != nil {
			t.Fatal(err)
		}
		for h := range signals.Heads {
			head := &signals.Heads[h]
			for slot := range g.Tokens {
				if slot <= newest-g.Size { // kvpress leaves the window's own slots out
					near("window", h, slot, window[h][slot], g.Window[h][slot], 2e-5)
				}
				for a, z := range head.Expected {
					near("expected", h, slot, z[slot], g.Expected[h*len(head.Expected)+a][slot], 1e-4)
				}
				near("value_norm", h, slot, head.ValueNorm[slot], g.ValueNorm[h][slot], 1e-5)
				near("observed", h, slot, head.Mass[slot]/float32(newest+1-slot), *g.Scores["observed"][h][slot], 1e-5)
			}
		}

		for name, m := range map[string]compress.Method{
			"window":       newMethod(t, "window", g.Budget),
			"snapkv":       newMethod(t, "snapkv", g.Budget),
			"expected":     newMethod(t, "expected", g.Budget),
			"ada:snapkv":   newMethod(t, "ada:snapkv", g.Budget),
			"ada:expected": newMethod(t, "ada:expected", g.Budget, "eps", "0.01"),
		} {
			plan, err := m.Plan(signals)
			if err != nil {
				t.Fatal(err)
			}
			forced, total := 0, 0 // newest slots that kvpress drops, and slots that it keeps
			var dropped []int
			for h, rows := range plan.Heads {
				theirs := g.Kept[name][h]
				ours := make([]int, len(rows))
				for i, row := range rows {
					ours[i] = row.Pivot
				}
				for _, slot := range ours {
					if !slices.Contains(theirs, slot) {
						if slot != newest {
							t.Errorf("%s: head %d keeps slot %d, kvpress does not", name, h, slot)
						}
						forced++
					}
				}
				for _, slot := range theirs {
					if slices.Contains(ours, slot) {
						continue
					}
					dropped = append(dropped, slot)
					for _, other := range theirs { // ada: compares with other heads too
						if scores := g.Scores[name]; scores != nil && scores[h][other] != nil && *scores[h][other] < *scores[h][slot] {
							t.Errorf("%s: head %d drops slot %d of score %g before slot %d of %g",
								name, h, slot, *scores[h][slot], other, *scores[h][other])
						}
					}
				}
				total += len(theirs)
			}
			if len(dropped) != forced {
				t.Errorf("%s: %d slots are kept that kvpress drops, and %d dropped that it keeps", name, forced, len(dropped))
			}
			t.Logf("%s: %d of %d slots differ, the newest of %d heads", name, len(dropped), total, forced)
		}
	})
}
