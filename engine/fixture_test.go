//go:build !js

package engine

import (
	"bytes"
	"context"
	"math/rand/v2"
	"testing"

	"keyfold/compress"
	"keyfold/engine/checkpoint"
	"keyfold/layout"
	"keyfold/models"
)

// openFixture loads the project's own fixture with matrices of type t.
func openFixture(t testing.TB, kind DeviceKind, wt checkpoint.Type) *Engine {
	t.Helper()
	return openFile(t, fixtureFile(t, wt), kind)
}

// openFixtureFor loads the fixture in a shape whose heads can have caches of
// type kv: quantised ones need a head_dim of 32 at least.
func openFixtureFor(t testing.TB, kind DeviceKind, wt checkpoint.Type, kv layout.CacheType) *Engine {
	t.Helper()
	if !kv.Quantised() {
		return openFixture(t, kind, wt)
	}
	c := models.FixtureConfig
	c.HeadDim = 32
	data, err := models.Fixture(c, wt, 1)
	if err != nil {
		t.Fatal(err)
	}
	return openFile(t, openBytes(t, data), kind)
}

// eachArchitecture runs a test on the fixture and on its relatives, which have what
// other architectures have beside a Llama's parts.
func eachArchitecture(t *testing.T, test func(t *testing.T, f *checkpoint.File)) {
	for _, s := range models.FixtureShapes() {
		t.Run(s.Name, func(t *testing.T) {
			data, err := models.Fixture(s.Config, checkpoint.F16, 1)
			if err != nil {
				t.Fatal(err)
			}
			test(t, openBytes(t, data))
		})
	}
}

func fixtureFile(t testing.TB, wt checkpoint.Type) *checkpoint.File {
	t.Helper()
	data, err := models.Fixture(models.FixtureConfigOf(wt), wt, 1)
	if err != nil {
		t.Fatal(err)
	}
	return openBytes(t, data)
}

func openBytes(t testing.TB, data []byte) *checkpoint.File {
	t.Helper()
	f, err := checkpoint.OpenGGUF(bytes.NewReader(data), int64(len(data)), "fixture")
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// someTokens returns n ids without special tokens. Stretches repeat, as words
// of a text do.
func someTokens(n int) []int {
	r := rand.New(rand.NewPCG(3, 0))
	ids := []int{1}
	for len(ids) < n {
		if len(ids) > 20 && r.IntN(4) == 0 {
			from := r.IntN(len(ids) - 8)
			ids = append(ids, ids[from:from+8]...)
			continue
		}
		ids = append(ids, 3+r.IntN(317))
	}
	return ids[:n]
}

func newMethod(t testing.TB, name string, budget float64, options ...string) compress.Method {
	t.Helper()
	s := compress.Settings{Name: name, Budget: budget, Options: map[string]string{}, Seed: 1}
	for i := 0; i < len(options); i += 2 {
		s.Options[options[i]] = options[i+1]
	}
	m, err := compress.New(s)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func prefill(t testing.TB, e *Engine, tokens []int, kv layout.CacheType, needs compress.Needs) *Prompt {
	t.Helper()
	p, err := e.Prefill(context.Background(), tokens, Settings{KV: kv, Chunk: 100, Needs: needs})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Free)
	return p
}

func decide(t testing.TB, p *Prompt, m compress.Method) (*compress.Plan, *compress.Signals, *Ballots) {
	t.Helper()
	plan, signals, err := p.Decide(m)
	if err != nil {
		t.Fatal(err)
	}
	return plan, signals, p.Ballots()
}

// decideFull returns the plan that keeps all, and its signals.
func decideFull(t testing.TB, p *Prompt) (*compress.Plan, *compress.Signals) {
	t.Helper()
	plan, signals, _ := decide(t, p, newMethod(t, "full", 0))
	return plan, signals
}

func fork(t testing.TB, c *Cache) *Cache {
	t.Helper()
	f, err := c.Fork()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.Free)
	return f
}

// forkText returns a copy of a text.
func forkText(t testing.TB, text *Text) *Text {
	t.Helper()
	f, err := text.Fork()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.Free)
	return f
}

func apply(t testing.TB, c *Cache, plan *compress.Plan) {
	t.Helper()
	if err := c.Apply(plan); err != nil {
		t.Fatal(err)
	}
}

func rowsOf(t testing.TB, c *Cache) (k, v [][]float32) {
	t.Helper()
	k, v, err := c.Rows()
	if err != nil {
		t.Fatal(err)
	}
	return k, v
}

// greedy takes the likeliest token, always.
var greedy = Sampler{RepeatPenalty: 1, TopP: 1}

// continuation decodes n tokens greedily and returns their ids.
func continuation(t testing.TB, e *Engine, c *Cache, logits []float32, n int) []int {
	t.Helper()
	var ids []int
	text := Text{Cache: c, Logits: logits, e: e}
	err := text.Generate(context.Background(), Generation{N: n, Sampler: greedy, Emit: func(tok Token) error {
		ids = append(ids, tok.ID)
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	return ids
}

// compressing are the methods with options that the cache tests go through.
func compressing(t testing.TB) map[string]compress.Method {
	methods := map[string]compress.Method{
		"full":       newMethod(t, "full", 0),
		"window":     newMethod(t, "window", 0.3),
		"kvmerger":   newMethod(t, "kvmerger", 0, "eps", "0.2"),
		"kvmerger R": newMethod(t, "kvmerger", 0.5),
		"gvote":      newMethod(t, "gvote", 0),
	}
	for _, values := range []string{"effective", "convex", "paper"} {
		methods["kvmerger "+values] = newMethod(t, "kvmerger", 0, "eps", "0.2", "values", values, "sigma", "meandist")
	}
	return methods
}
