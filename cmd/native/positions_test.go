//go:build !js

package main

import (
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"testing"

	"keyfold/engine/checkpoint"
)

// loadOwn fills the cache of a float64 forward with a plan's rows, whose keys it
// turns from the pivots' positions in the text to those that the rows have in
// their heads, from 0 on: it takes the rotation off and puts another one on.
func (m *forward64) loadOwn(t testing.TB, dir string, p planFile) {
	m.load(t, dir, p)
	m.own = true
	for _, head := range p.Heads {
		keys := m.k[head.Layer*m.c.NKVHeads+head.Head]
		for j, row := range head.Rows {
			keys[j] = m.rotate(m.rotate(slices.Clone(keys[j]), -row.Pivot), j)
		}
	}
}

// With -positions cache logits after compression are those of a float64 forward
// in which every head counts its own slots: keys at 0, 1, ..., the query and the
// new key behind them. Four faults are put in, to see that each would be noticed.
func TestLogitsWithPositionsInTheCache(t *testing.T) {
	const bound = 2e-3
	check := func(t *testing.T, model, device string, tokens []int, prefill int, method ...string) {
		dir := t.TempDir()
		common := append([]string{"-model", model, "-device", device, "-kv", "f32"}, method...)
		mustRun(t, append([]string{"plan", "-tokens", idList(tokens[:prefill]), "-o", dir}, common...)...)
		file := filepath.Join(dir, "logits.f32")
		mustRun(t, append([]string{"logits", "-positions", "cache", "-tokens", idList(tokens), "-prefill", fmt.Sprint(prefill), "-o", file}, common...)...)
		plan, got := readPlan(t, dir), readFloats(t, file)
		longest, ragged := 0, false
		for _, head := range plan.Heads {
			longest = max(longest, len(head.Rows))
			ragged = ragged || len(head.Rows) != len(plan.Heads[0].Rows)
		}
		if !ragged {
			t.Error("every head keeps as many slots: this test needs ragged heads")
		}
		differs := func(prepare func(m *forward64), start int) float64 {
			m := newForward64(t, model)
			prepare(m)
			most := 0.0
			for i, token := range tokens[prefill:] {
				for j, x := range m.feed(token, start+i) {
					most = math.Max(most, math.Abs(x-got[(prefill+i)*m.c.VocabSize+j]))
				}
			}
			return most
		}
		own := func(m *forward64) { m.loadOwn(t, dir, plan) }
		if d := differs(own, 0); d > bound {
			t.Errorf("logits differ by %g from the float64 forward, want at most %g", d, bound)
		}
		for what, fault := range map[string]func(m *forward64){
			"positions in the text": func(m *forward64) { m.load(t, dir, plan) },
			"the wrong direction": func(m *forward64) {
				m.load(t, dir, plan)
				m.own = true
				for _, head := range plan.Heads {
					keys := m.k[head.Layer*m.c.NKVHeads+head.Head]
					for j, row := range head.Rows {
						keys[j] = m.rotate(slices.Clone(keys[j]), row.Pivot-j)
					}
				}
			},
			"keys one position off": func(m *forward64) {
				own(m)
				for _, keys := range m.k {
					for j := range keys {
						m.rotate(keys[j], 1)
					}
				}
			},
			"queries of all heads behind the longest": func(m *forward64) {
				own(m)
				m.own = false
			},
		} {
			start := longest
			if what == "positions in the text" {
				start = prefill
			}
			if d := differs(fault, start); d < 2*bound {
				t.Errorf("%s: logits change by %g only, which would not be noticed", what, d)
			}
		}

		// What plan writes as k_out are the same rows, turned to end where the longest head does.
		turned := t.TempDir()
		mustRun(t, append([]string{"plan", "-positions", "cache", "-tokens", idList(tokens[:prefill]), "-o", turned}, common...)...)
		p, m := readPlan(t, turned), newForward64(t, model)
		m.loadOwn(t, dir, plan)
		keys, at := readFloats(t, filepath.Join(turned, "k_out.f32")), 0
		for i, head := range p.Heads {
			for j := range head.Rows {
				want := m.rotate(slices.Clone(m.k[i][j]), longest-len(head.Rows))
				for d, x := range want {
					if math.Abs(keys[at]-x) > 1e-4 {
						t.Fatalf("plan: head %d row %d: element %d of the key is %g, want %g", i, j, d, keys[at], x)
					}
					at++
				}
			}
		}
		if p.Positions != "cache" || plan.Positions != "text" {
			t.Errorf("plan.json says positions %q and %q", p.Positions, plan.Positions)
		}
	}
	methods := map[string][]string{
		"kvmerger": {"-method", "kvmerger", "-opt", "eps=0.3"},
		"derotate": {"-method", "kvmerger", "-opt", "eps=0.3", "-opt", "derotate=true"},
		"ada:h2o":  {"-method", "ada:h2o", "-budget", "0.4"},
		"gvote":    {"-method", "gvote", "-opt", "p_nuc=0.7", "-opt", "samples=3"},
	}
	fixture := fixtureModel(t, checkpoint.F16)
	for _, device := range devices(t) {
		for _, name := range []string{"llama3", "qwen2", "qwen3"} {
			t.Run(name+" "+device+" derotate", func(t *testing.T) {
				check(t, relative(t, name), device, sampleIDs(170, 320), 140, methods["derotate"]...)
			})
		}
		for name, method := range methods {
			t.Run("fixture "+device+" "+name, func(t *testing.T) {
				check(t, fixture, device, sampleIDs(170, 320), 140, method...)
			})
			t.Run("stories260K "+device+" "+name, func(t *testing.T) {
				check(t, sharedData(t, "stories260K/stories260K.gguf"), device, sampleIDs(170, 512), 140, method...)
			})
		}
	}
}

// A window that is cut again and again while a text of three times the context
// is read, against a float64 forward that cuts its own lists and rotates keys,
// kept unrotated, anew for every token.
func TestLogitsBeyondTheContext(t *testing.T) {
	const prefill, every, n, budget = 40, 30, 1536, 0.75
	model := sharedData(t, "stories260K/stories260K.gguf") // context 512
	tokens := sampleIDs(n, 512)
	m := newForward64(t, model)
	m.own = true
	var want [][]float64
	cut := func() {
		for h := range m.k {
			slots := len(m.k[h])
			keep := int(budget * float64(slots))
			var k, v [][]float64
			for j := range slots {
				if j < 4 || j >= slots-(keep-4) {
					k = append(k, m.rotate(m.rotate(slices.Clone(m.k[h][j]), -j), len(k)))
					v = append(v, m.v[h][j])
				}
			}
			m.k[h], m.v[h], m.bias[h] = k, v, m.bias[h][:keep]
		}
	}
	for i, token := range tokens {
		want = append(want, m.feed(token, 0))
		if i+1 >= prefill && (i+1-prefill)%every == 0 {
			cut()
		}
	}
	for _, device := range devices(t) {
		for kv, bound := range map[string]float64{"f32": 2e-3, "f16": 0.1} {
			file := filepath.Join(t.TempDir(), "logits.f32")
			mustRun(t, "logits", "-model", model, "-device", device, "-kv", kv, "-method", "window", "-budget", fmt.Sprint(budget),
				"-prefill", fmt.Sprint(prefill), "-every", fmt.Sprint(every), "-positions", "cache", "-tokens", idList(tokens), "-o", file)
			got := readFloats(t, file)
			most, at := 0.0, 0
			for i := range want {
				for j, x := range want[i] {
					if d := math.Abs(x - got[i*512+j]); !(d <= most) {
						most, at = d, i
					}
				}
			}
			t.Logf("%s, %s: logits differ by up to %.2g, at token %d", device, kv, most, at)
			if most > bound {
				t.Errorf("%s, %s: logits of token %d differ by %g from the float64 forward, want at most %g", device, kv, at, most, bound)
			}
		}
	}
}
