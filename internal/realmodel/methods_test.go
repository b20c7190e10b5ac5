//go:build !js

package realmodel

import (
	"context"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"keyfold/compress"
	"keyfold/engine"
	"keyfold/layout"
)

const (
	prefillTokens = 300
	futureTokens  = 32
)

// pins are slots that no method may touch.
var pins = [][2]int{{3, 9}, {100, 104}}

// opticks returns the tokens of a real text that every machine with Go has.
func opticks(t *testing.T, e *engine.Engine, n int) []int {
	t.Helper()
	goroot, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(goroot)), "src", "testdata", "Isaac.Newton-Opticks.txt"))
	if err != nil {
		t.Fatal(err)
	}
	_, text, ok := strings.Cut(string(data), "_PROP._ I. THEOR. I.")
	if !ok {
		t.Fatal("Opticks has no first proposition")
	}
	ids, err := e.Tokenizer.Encode(text[:8*n], false)
	if err != nil || len(ids) < n {
		t.Fatalf("%d tokens (%v), want %d", len(ids), err, n)
	}
	return ids[:n]
}

// budgets are what methods that take one run with, 0 for none.
var budgets = []float64{0, 0.35}

// everyMethod returns the registry's methods, with their default options, at every budget.
func everyMethod(t *testing.T) (all []compress.Settings) {
	t.Helper()
	for _, name := range compress.Names() {
		for _, budget := range budgets {
			if budget > 0 && !compress.TakesBudget(name) {
				continue
			}
			all = append(all, compress.Settings{Name: name, Budget: budget, Seed: 7})
		}
	}
	return all
}

// On a real text of a real model, with the text read once for each kind of signal: every method's plan
// is valid, leaves pinned slots, meets its budget, is decided again the same, and gives a cache that
// predicts what follows with finite KL.
func TestRealMethods(t *testing.T) {
	e := realEngine(t, engine.CPU)
	ids := opticks(t, e, prefillTokens+futureTokens)
	prompt, behind := ids[:prefillTokens], ids[prefillTokens:]
	for _, r := range readings(t, everyMethod(t)) {
		first, second := readPrompt(t, e, prompt, behind, r.needs), readPrompt(t, e, prompt, behind, r.needs)
		full := scoreBehind(t, e, first, nil, behind)
		for _, s := range r.methods {
			t.Run(fmt.Sprintf("%s at %g", s.Name, s.Budget), func(t *testing.T) {
				plan := checkPlan(t, first, s)
				again, _ := decide(t, second, s)
				if !reflect.DeepEqual(again.Heads, plan.Heads) {
					t.Error("the same text read again gives another plan")
				}
				checkQuality(t, e, plan, full, scoreBehind(t, e, first, plan, behind), behind)
			})
		}
		first.Free()
		second.Free()
	}
}

// A reading is one prefill with the signals of several methods.
type reading struct {
	needs   compress.Needs
	methods []compress.Settings
}

// readings sorts methods by what one prefill can collect.
func readings(t *testing.T, methods []compress.Settings) []*reading {
	t.Helper()
	var all []*reading
	for _, s := range methods {
		needs := method(t, s).Needs()
		at := slices.IndexFunc(all, func(r *reading) bool { _, ok := r.needs.Union(needs); return ok })
		if at < 0 {
			at, all = len(all), append(all, &reading{needs: needs})
		}
		all[at].needs, _ = all[at].needs.Union(needs)
		all[at].methods = append(all[at].methods, s)
	}
	return all
}

func method(t *testing.T, s compress.Settings) compress.Method {
	t.Helper()
	m, err := compress.New(s)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func readPrompt(t *testing.T, e *engine.Engine, prompt, behind []int, needs compress.Needs) *engine.Prompt {
	t.Helper()
	o := engine.Settings{KV: layout.CacheF32, Needs: needs, Pins: pins}
	if needs.Future {
		o.Future = behind
	}
	p, err := e.Prefill(context.Background(), prompt, o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func decide(t *testing.T, p *engine.Prompt, s compress.Settings) (*compress.Plan, *compress.Signals) {
	t.Helper()
	plan, signals, err := p.Decide(method(t, s))
	if err != nil {
		t.Fatal(err)
	}
	return plan, signals
}

// checkPlan returns a method's plan, which has to be valid and of the size that was asked for.
func checkPlan(t *testing.T, p *engine.Prompt, s compress.Settings) *compress.Plan {
	t.Helper()
	plan, signals := decide(t, p, s)
	if err := plan.Check(signals); err != nil { // pins, slots, the newest one, what rows stand for
		t.Error(err)
	}
	ratio := plan.Ratio(signals)
	switch {
	case s.Name == "full" && ratio != 1:
		t.Errorf("kept %g, want all", ratio)
	case s.Budget > 0 && ratio > s.Budget+1e-9:
		t.Errorf("kept %g, want at most %g", ratio, s.Budget)
	case s.Budget > 0 && ratio < s.Budget-0.05:
		t.Errorf("kept %g, want about %g", ratio, s.Budget)
	}
	for h, rows := range plan.Heads {
		kept := map[int]bool{} // as they are
		for _, row := range rows {
			kept[row.Pivot] = row.Rule == compress.Keep
			if math.IsNaN(float64(row.Bias)) || math.IsInf(float64(row.Bias), 0) {
				t.Errorf("head %d: bias %g", h, row.Bias)
			}
		}
		for _, pin := range pins {
			for slot := pin[0]; slot < pin[1]; slot++ {
				if !kept[slot] {
					t.Errorf("head %d: the pinned slot %d is not kept as it is", h, slot)
				}
			}
		}
	}
	return plan
}

// scoreBehind returns the logits before each token of what follows, with the cache that a plan makes,
// or the full one.
func scoreBehind(t *testing.T, e *engine.Engine, p *engine.Prompt, plan *compress.Plan, behind []int) [][]float32 {
	t.Helper()
	text, err := p.Fork()
	if err != nil {
		t.Fatal(err)
	}
	defer text.Free()
	if plan != nil {
		if err := text.Cache.Apply(plan); err != nil {
			t.Fatal(err)
		}
		for h, rows := range plan.Heads {
			layer, head := h/e.Config.NKVHeads, h%e.Config.NKVHeads
			if got := text.Cache.Len(layer, head); got != len(rows) || got > prefillTokens {
				t.Errorf("layer %d head %d has %d slots, want %d", layer, head, got, len(rows))
			}
		}
	}
	logits, err := text.Score(context.Background(), behind)
	if err != nil {
		t.Fatal(err)
	}
	return logits
}

// checkQuality compares logits with the full cache's: KL is a number and not below 0, and 0 where the
// plan keeps everything.
func checkQuality(t *testing.T, e *engine.Engine, plan *compress.Plan, full, got [][]float32, behind []int) {
	t.Helper()
	total := 0.0
	for i, id := range behind {
		q := engine.Compare(full[i], got[i], id)
		if !(q.KL >= -1e-6 && q.KL < 100) || math.IsNaN(q.DeltaNLL) || math.IsInf(q.DeltaNLL, 0) {
			t.Errorf("token %d: KL %g, delta NLL %g", i, q.KL, q.DeltaNLL)
		}
		total += q.KL / float64(len(behind))
	}
	kept := float64(plan.Rows()) / float64(e.Config.NLayers*e.Config.NKVHeads*prefillTokens)
	t.Logf("kept %.3f, KL %.4f", kept, total)
	if kept == 1 && total > 1e-6 {
		t.Errorf("KL %g with all slots kept, want 0", total)
	}
}
