//go:build !js

package engine

import (
	"math"
	"slices"
	"testing"

	"keyfold/compress"
	"keyfold/engine/checkpoint"
	"keyfold/layout"
)

// applied checks every row of a cache that a plan was applied to, against the
// sums of definition over the rows before: in float64, with distances computed
// here. Rotated rows are not its business.
func applied(t *testing.T, before, after *Cache, plan *compress.Plan) (merged int) {
	t.Helper()
	hd := before.r.config().HeadDim
	k, v := rowsOf(t, before)
	kOut, vOut := rowsOf(t, after)
	for i, rows := range plan.Heads {
		layer, head := i/before.r.config().NKVHeads, i%before.r.config().NKVHeads
		for j, row := range rows {
			key, value := make([]float32, hd), make([]float32, hd)
			add := func(to, from []float32, slot int, w float64) {
				for c := range to {
					to[c] += float32(w * float64(from[slot*hd+c]))
				}
			}
			switch row.Rule {
			case compress.Keep:
				add(key, k[i], row.Pivot, 1)
				add(value, v[i], row.Pivot, 1)
			case compress.Explicit:
				merged++
				for _, w := range row.KeyWeights {
					add(key, k[i], w.Slot, float64(w.Weight))
				}
				for _, w := range row.ValueWeights {
					add(value, v[i], w.Slot, float64(w.Weight))
				}
			case compress.Gaussian:
				merged++
				total, share := 0.0, map[int]float64{}
				for _, slot := range row.Slots {
					square := 0.0
					for c := range hd {
						d := float64(k[i][slot*hd+c]) - float64(k[i][row.Pivot*hd+c])
						square += d * d
					}
					share[slot] = float64(before.Slot(layer, head, slot).N) * math.Exp(-square/2/float64(row.Sigma)/float64(row.Sigma))
					total += share[slot]
				}
				for _, slot := range row.Slots {
					w, scale := share[slot]/total, float64(row.ValueScale)
					if row.PerToken {
						scale /= float64(before.Slot(layer, head, slot).N)
					}
					add(key, k[i], slot, w)
					add(value, v[i], slot, w*scale)
				}
			}
			// Blends of size up to 9 whose weights carry the float32 rounding of a distance; 2e-6 on lavapipe.
			if d, _ := worst(kOut[i][j*hd:(j+1)*hd], key); d > 1e-4 {
				t.Errorf("%s: head %d row %d: key is off by %g", plan.Method, i, j, d)
			}
			if d, _ := worst(vOut[i][j*hd:(j+1)*hd], value); d > 1e-4 {
				t.Errorf("%s: head %d row %d: value is off by %g", plan.Method, i, j, d)
			}
			slot := after.Slot(layer, head, j)
			if int(slot.N) != row.N || slot.Bias != row.Bias || slot.Pos != before.Slot(layer, head, row.Pivot).Pos {
				t.Errorf("%s: head %d row %d: slot %+v, the plan says %+v", plan.Method, i, j, slot, row)
			}
		}
	}
	return merged
}

// Rows of every rule are made as their formulas say, and made again out of what
// the first plan left: n, biases and values of merged slots go on into the
// second merge.
func TestApplyTwice(t *testing.T) {
	eachDevice(t, func(t *testing.T, kind DeviceKind) {
		e := openFixture(t, kind, checkpoint.F16)
		for _, method := range []compress.Method{
			newMethod(t, "h2o", 0.6),
			newMethod(t, "ada:h2o", 0.6),
			newMethod(t, "random", 0.6),
			newMethod(t, "cam", 0.6),
			newMethod(t, "kvmerger", 0, "eps", "0.2"),
			newMethod(t, "kvmerger", 0, "eps", "0.2", "values", "paper"),
			newMethod(t, "pivot", 0, "eps", "0.2"),
			newMethod(t, "pivot", 0, "eps", "0.2", "values", "paper"),
			newMethod(t, "randomsets", 0, "eps", "0.2"),
			newMethod(t, "votefold", 0, "eps", "0", "p_nuc", "0.5"),
		} {
			p := prefill(t, e, someTokens(100), layout.CacheF32, method.Needs())
			before := fork(t, p.Cache)
			for round := range 2 {
				plan, err := method.Plan(signalsOf(t, p, before, method))
				if err != nil {
					t.Fatal(err)
				}
				after := fork(t, before)
				if err := after.Apply(plan); err != nil {
					t.Fatal(err)
				}
				merged := applied(t, before, after, plan)
				if dropping := slices.Contains([]string{"h2o", "ada:h2o", "random"}, method.Name()); !dropping && merged < 5 {
					t.Errorf("%s, round %d: only %d rows are merged", method.Name(), round, merged)
				}
				before = after
			}
		}
	})
}

// signalsOf returns what a method reads, for a cache that a prompt's was
// compressed to: slots as they are, the prompt's signals at the slots' positions.
func signalsOf(t *testing.T, p *Prompt, c *Cache, m compress.Method) *compress.Signals {
	t.Helper()
	full, err := p.Measure(m.Needs())
	if err != nil {
		t.Fatal(err)
	}
	s := &compress.Signals{NLayers: full.NLayers, NKVHeads: full.NKVHeads}
	for i, of := range full.Heads {
		var h compress.Head
		for _, slot := range c.headSlots(i/s.NKVHeads, i%s.NKVHeads) {
			h.Pos, h.N, h.Bias = append(h.Pos, int(slot.Pos)), append(h.N, int(slot.N)), append(h.Bias, slot.Bias)
			if of.Mass != nil {
				h.Mass = append(h.Mass, of.Mass[slot.Pos])
			}
			if of.Votes != nil {
				h.Votes = append(h.Votes, of.Votes[slot.Pos])
			}
		}
		s.Heads = append(s.Heads, h)
	}
	if m.Needs().Cosine {
		cosine, err := c.r.(comparer).cosine(c)
		if err != nil {
			t.Fatal(err)
		}
		for i := range s.Heads {
			s.Heads[i].Cosine = cosine[i]
		}
	}
	s.Distance = func(pivots [][]int, aligned bool) ([][]float32, error) {
		return c.r.(comparer).distance(c, pivots, aligned)
	}
	return s
}

// A token repeated has the same key in layer 0 but for its rotation: derotate
// finds no distance, folds all into one key that is the pivot's own, and
// without it the keys are averaged on the circle and lose length.
func TestDerotateIsExactForEqualContent(t *testing.T) {
	eachDevice(t, func(t *testing.T, kind DeviceKind) {
		e := openFixture(t, kind, checkpoint.F16)
		hd := e.Config.HeadDim
		p := prefill(t, e, slices.Repeat([]int{7}, 60), layout.CacheF32, compress.Needs{Mass: true, Cosine: true})
		k, _ := rowsOf(t, p.Cache)
		for _, tc := range []struct{ derotate, sigma string }{
			{"true", "headdist"}, // finds no distance
			{"true", "5"},        // blends in earnest: all weights are about equal
			{"false", "5"},
		} {
			derotate := tc.derotate
			m := newMethod(t, "kvmerger", 0, "eps", "-1", "max_set", "8", "recent", "0", "top", "0",
				"derotate", derotate, "sigma", tc.sigma)
			plan, _, _ := decide(t, p, m)
			c := fork(t, p.Cache)
			if err := c.Apply(plan); err != nil {
				t.Fatal(err)
			}
			kOut, _ := rowsOf(t, c)
			off, merged := 0.0, 0
			for h := range e.Config.NKVHeads { // layer 0
				for j, row := range plan.Heads[h] {
					if row.Rule == compress.Gaussian {
						merged++
						d, _ := worst(kOut[h][j*hd:(j+1)*hd], k[h][row.Pivot*hd:(row.Pivot+1)*hd])
						off = max(off, d)
						if tc.sigma == "headdist" && row.Sigma > 1e-4 {
							t.Errorf("head %d row %d: sigma %g of keys at distance 0", h, j, row.Sigma)
						}
					}
				}
			}
			if merged < 8 || derotate == "true" && off > 1e-4 || derotate == "false" && off < 1e-2 {
				t.Errorf("%+v: %d merged keys are up to %g off their pivots", tc, merged, off)
			}
		}
	})
}
