//go:build !js

package main

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"keyfold/engine/checkpoint"
)

// readPlan reads what the plan command wrote.
func readPlan(t testing.TB, dir string) planFile {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, "plan.json"))
	if err != nil {
		t.Fatal(err)
	}
	var p planFile
	if err := json.Unmarshal(data, &p); err != nil {
		t.Fatal(err)
	}
	return p
}

// load fills the cache of a float64 forward with a plan's rows.
func (m *forward64) load(t testing.TB, dir string, p planFile) {
	t.Helper()
	k, v := readFloats(t, filepath.Join(dir, "k_out.f32")), readFloats(t, filepath.Join(dir, "v_out.f32"))
	at, hd := 0, m.c.HeadDim
	for _, head := range p.Heads {
		i := head.Layer*m.c.NKVHeads + head.Head
		for _, row := range head.Rows {
			m.k[i] = append(m.k[i], k[at:at+hd])
			m.v[i] = append(m.v[i], v[at:at+hd])
			m.bias[i] = append(m.bias[i], float64(row.Bias))
			at += hd
		}
	}
	if at != len(k) || at != len(v) {
		t.Fatalf("the plan has %d rows, k_out %d and v_out %d", at/hd, len(k)/hd, len(v)/hd)
	}
}

// Logits after compression agree with a float64 forward that reads only the
// plan's k_out, v_out and biases. Three faults are put in, to see that each
// would be noticed.
func TestLogitsAfterCompression(t *testing.T) {
	check := func(t *testing.T, model, device string, tokens []int, prefill int, method ...string) {
		dir := t.TempDir()
		common := append([]string{"-model", model, "-device", device, "-kv", "f32"}, method...)
		mustRun(t, append([]string{"plan", "-tokens", idList(tokens[:prefill]), "-o", dir}, common...)...)
		file := filepath.Join(dir, "logits.f32")
		mustRun(t, append([]string{"logits", "-tokens", idList(tokens), "-prefill", fmt.Sprint(prefill), "-o", file}, common...)...)
		plan := readPlan(t, dir)
		got := readFloats(t, file)

		// differs returns how far the float64 forward is from the command, with a fault put in or none.
		differs := func(fault func(m *forward64), start int) float64 {
			m := newForward64(t, model)
			m.load(t, dir, plan)
			if fault != nil {
				fault(m)
			}
			most := 0.0
			for i, token := range tokens[prefill:] {
				for j, x := range m.feed(token, start+i) {
					most = math.Max(most, math.Abs(x-got[(prefill+i)*m.c.VocabSize+j]))
				}
			}
			return most
		}
		const bound = 2e-3
		if d := differs(nil, prefill); d > bound {
			t.Errorf("logits differ by %g from the float64 forward, want at most %g", d, bound)
		}
		biased := slices.ContainsFunc(plan.Heads, func(h planHead) bool {
			return slices.ContainsFunc(h.Rows, func(r planRow) bool { return r.Bias != 0 })
		})
		ragged := slices.ContainsFunc(plan.Heads, func(h planHead) bool { return len(h.Rows) != len(plan.Heads[0].Rows) })
		if !ragged {
			t.Error("every head keeps as many slots: this test needs ragged heads")
		}
		if biased { // gvote keeps rows as they are, and paper mode has no bias
			if d := differs(func(m *forward64) {
				for h := range m.bias {
					clear(m.bias[h])
				}
			}, prefill); d < bound {
				t.Errorf("leaving the bias out changes the logits by %g only, which would not be noticed", d)
			}
		}
		if d := differs(nil, len(plan.Heads[0].Rows)); d < bound {
			t.Errorf("restarting the position changes the logits by %g only, which would not be noticed", d)
		}
		if d := differs(func(m *forward64) {
			n := len(m.k[0])
			for h := range m.k {
				n = min(n, len(m.k[h]))
			}
			for h := range m.k {
				m.k[h], m.v[h], m.bias[h] = m.k[h][:n], m.v[h][:n], m.bias[h][:n]
			}
		}, prefill); d < bound {
			t.Errorf("using one head's length for all changes the logits by %g only, which would not be noticed", d)
		}
	}
	methods := map[string][]string{
		"kvmerger":       {"-method", "kvmerger", "-opt", "eps=0.3"},
		"kvmerger paper": {"-method", "kvmerger", "-opt", "eps=0.3", "-opt", "values=paper", "-opt", "sigma=meandist"},
		"pivot":          {"-method", "pivot", "-opt", "eps=0.3"},
		"ada:h2o":        {"-method", "ada:h2o", "-budget", "0.4"},
		"votefold":       {"-method", "votefold", "-opt", "p_nuc=0.7"},
		"gvote":          {"-method", "gvote", "-opt", "p_nuc=0.7", "-opt", "samples=3"},
	}
	fixture := fixtureModel(t, checkpoint.F16)
	for _, device := range devices(t) {
		for _, name := range []string{"llama3", "qwen2", "qwen3"} {
			t.Run(name+" "+device+" kvmerger", func(t *testing.T) {
				check(t, relative(t, name), device, sampleIDs(170, 320), 140, methods["kvmerger"]...)
			})
		}
		for name, method := range methods {
			t.Run("fixture "+device+" "+name, func(t *testing.T) {
				check(t, fixture, device, sampleIDs(170, 320), 140, method...)
			})
			t.Run("stories260K "+device+" "+name, func(t *testing.T) {
				model := sharedData(t, "stories260K/stories260K.gguf")
				check(t, model, device, sampleIDs(170, 512), 140, method...)
			})
		}
	}
}

// The rows that plan writes are the sums that its weights say, over k and v:
// whoever has plan.json can make them.
func TestPlanWeights(t *testing.T) {
	model := fixtureModel(t, checkpoint.F16)
	for _, device := range devices(t) {
		for _, method := range [][]string{
			{"cam", "-budget", "0.4"},
			{"pivot", "-opt", "eps=0.3", "-opt", "values=paper"},
			{"kvmerger", "-opt", "eps=0.3", "-opt", "values=paper"},
			{"randomsets", "-opt", "eps=0.3"},
			{"votefold", "-opt", "p_nuc=0.5"},
		} {
			dir := t.TempDir()
			mustRun(t, append([]string{"plan", "-model", model, "-device", device, "-tokens", idList(sampleIDs(90, 320)),
				"-o", dir, "-method"}, method...)...)
			p := readPlan(t, dir)
			read := func(name string) []float64 { return readFloats(t, filepath.Join(dir, name)) }
			slots, sums, at := p.Shapes["k.f32"][2], 0, 0
			for _, side := range []struct {
				before, after []float64
				weights       func(planRow) []float32
			}{
				{read("k.f32"), read("k_out.f32"), func(r planRow) []float32 { return r.Weights }},
				{read("v.f32"), read("v_out.f32"), func(r planRow) []float32 {
					if r.ValueWeights != nil {
						return r.ValueWeights
					}
					return r.Weights
				}},
			} {
				at = 0
				for i, head := range p.Heads {
					for j, row := range head.Rows {
						if len(row.Slots) > 1 {
							sums++
						}
						for c := range p.HeadDim {
							want := 0.0
							for m, w := range side.weights(row) {
								want += float64(w) * side.before[(i*slots+row.Slots[m])*p.HeadDim+c]
							}
							if got := side.after[at*p.HeadDim+c]; !(math.Abs(got-want) <= 1e-4) {
								t.Fatalf("%s %v: head %d row %d: element %d is %g, the weights give %g", device, method, i, j, c, got, want)
							}
						}
						at++
					}
				}
			}
			if sums < 20 || at != p.Shapes["k_out.f32"][0] {
				t.Errorf("%s %v: %d sums in %d rows, want 20 sums or more in %d", device, method, sums, at, p.Shapes["k_out.f32"][0])
			}
		}
	}
}

// The signals that plan writes are what a float64 forward over the same tokens
// gives: attention received, similarity of neighbours, statistics of the
// attention input, and the sampled queries from the sampled hidden states.
func TestPlanSignals(t *testing.T) {
	near := func(t *testing.T, what string, got, want []float64, bound float64) {
		t.Helper()
		if len(got) != len(want) {
			t.Fatalf("%s: %d values, want %d", what, len(got), len(want))
		}
		for i := range want {
			if !(math.Abs(got[i]-want[i]) <= bound*(1+math.Abs(want[i]))) {
				t.Fatalf("%s: value %d is %g, want %g", what, i, got[i], want[i])
			}
		}
	}
	check := func(t *testing.T, model, device string, tokens []int) {
		const nSkip = 4
		const last = 37
		m := newForward64(t, model)
		c := m.c
		m.observe(len(tokens))
		window := min(64, len(tokens)/2/2) // of snapkv at half
		var beforeLast, beforeWindow []float64
		for pos, token := range tokens {
			if pos == len(tokens)-last {
				beforeLast = join(m.mass)
			}
			if pos == len(tokens)-window {
				beforeWindow = join(m.mass)
			}
			m.feed(token, pos)
		}
		merging, lastMass, voting := t.TempDir(), t.TempDir(), t.TempDir()
		mustRun(t, "plan", "-model", model, "-device", device, "-tokens", idList(tokens), "-method", "kvmerger",
			"-opt", fmt.Sprintf("mass=last:%d", last), "-o", lastMass)
		received := join(m.mass)
		for i := range received {
			received[i] -= beforeLast[i]
		}
		near(t, "mass of the last queries", readFloats(t, filepath.Join(lastMass, "mass.f32")), received, 1e-3)

		snap, knowing := t.TempDir(), t.TempDir()
		mustRun(t, "plan", "-model", model, "-device", device, "-tokens", idList(tokens), "-method", "snapkv", "-budget", "0.5", "-o", snap)
		paid := join(m.mass)
		for i := range paid {
			paid[i] -= beforeWindow[i]
		}
		near(t, "attention of the window", readFloats(t, filepath.Join(snap, "window.f32")), paid, 1e-3)
		prompt := len(tokens) - last
		mustRun(t, "plan", "-model", model, "-device", device, "-tokens", idList(tokens), "-prefill", fmt.Sprint(prompt),
			"-method", "oracle", "-o", knowing)
		var future []float64
		for head := range slices.Chunk(received, len(tokens)) {
			future = append(future, head[:prompt]...)
		}
		near(t, "attention of the tokens behind the prompt", readFloats(t, filepath.Join(knowing, "future.f32")), future, 1e-3)
		mustRun(t, "plan", "-model", model, "-device", device, "-tokens", idList(tokens), "-method", "kvmerger", "-o", merging)
		near(t, "mass", readFloats(t, filepath.Join(merging, "mass.f32")), join(m.mass), 1e-3)
		var cosine, keys []float64
		for _, k := range m.k {
			for i, key := range k {
				keys = append(keys, key...)
				if i == 0 {
					cosine = append(cosine, 0)
					continue
				}
				cosine = append(cosine, dot64(key, k[i-1])/math.Sqrt(dot64(key, key)*dot64(k[i-1], k[i-1])))
			}
		}
		near(t, "k", readFloats(t, filepath.Join(merging, "k.f32")), keys, 1e-4)
		near(t, "cosine", readFloats(t, filepath.Join(merging, "cosine.f32")), cosine, 1e-4)

		mustRun(t, "plan", "-model", model, "-device", device, "-tokens", idList(tokens), "-method", "gvote", "-o", voting)
		plan := readPlan(t, voting)
		var mu, sd []float64
		for _, rows := range m.inputs {
			for i := range c.Dim {
				var sum, squares float64
				n := float64(len(rows) - nSkip)
				for _, row := range rows[nSkip:] {
					sum += row[i]
				}
				for _, row := range rows[nSkip:] {
					squares += (row[i] - sum/n) * (row[i] - sum/n)
				}
				mu, sd = append(mu, sum/n), append(sd, math.Sqrt(squares/n))
			}
		}
		near(t, "gvote_mu", readFloats(t, filepath.Join(voting, "gvote_mu.f32")), mu, 1e-4)
		near(t, "gvote_sd", readFloats(t, filepath.Join(voting, "gvote_sd.f32")), sd, 1e-4)
		h := readFloats(t, filepath.Join(voting, "gvote_h.f32"))
		samples := plan.Shapes["gvote_h.f32"][1]
		var queries []float64
		for l := range c.NLayers {
			for s := range samples {
				at := (l*samples + s) * c.Dim
				queries = append(queries, m.rotate(m.project(l, "attn_q", h[at:at+c.Dim]), len(tokens)+s)...)
			}
		}
		near(t, "gvote_q", readFloats(t, filepath.Join(voting, "gvote_q.f32")), queries, 1e-3)
		near(t, "q_last", readFloats(t, filepath.Join(voting, "q_last.f32")), join(m.lastQueries), 1e-3)

		// The budget of each query head is the size of the nucleus of q_last.
		for _, head := range plan.Heads {
			i := head.Layer*c.NKVHeads + head.Head
			for g, b := range head.BStep {
				a := head.Head*c.GroupSize() + g
				q := m.lastQueries[head.Layer][a*c.HeadDim : (a+1)*c.HeadDim]
				if want := nucleus(m.k[i], q, 0.95); math.Abs(float64(b-want)) > 1 {
					t.Errorf("layer %d query head %d: b_step %d, want %d", head.Layer, a, b, want)
				}
			}
		}
	}
	fixture := fixtureModel(t, checkpoint.F16)
	for _, device := range devices(t) {
		t.Run("fixture "+device, func(t *testing.T) { check(t, fixture, device, sampleIDs(300, 320)) })
		for _, name := range []string{"llama3", "qwen2", "qwen3"} {
			t.Run(name+" "+device, func(t *testing.T) { check(t, relative(t, name), device, sampleIDs(120, 320)) })
		}
		t.Run("stories260K "+device, func(t *testing.T) {
			check(t, sharedData(t, "stories260K/stories260K.gguf"), device, sampleIDs(120, 512))
		})
	}
}

// nucleus returns the size of the smallest set of keys whose softmax weights for q reach mass.
func nucleus(k [][]float64, q []float64, mass float64) int {
	var weights []float64
	var total float64
	for _, key := range k {
		w := math.Exp(dot64(q, key) / math.Sqrt(float64(len(q))))
		weights, total = append(weights, w), total+w
	}
	slices.Sort(weights)
	slices.Reverse(weights)
	sum := 0.0
	for i, w := range weights {
		if sum += w / total; sum >= mass {
			return i + 1
		}
	}
	return len(weights)
}

func dot64(a, b []float64) float64 {
	var sum float64
	for i := range a {
		sum += a[i] * b[i]
	}
	return sum
}
