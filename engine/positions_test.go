//go:build !js

package engine

import (
	"context"
	"math"
	"slices"
	"strings"
	"testing"

	"keyfold/compress"
	"keyfold/engine/checkpoint"
	"keyfold/layout"
	"keyfold/models"
)

// rotated64 returns keys (slots, head_dim), each turned by so many positions, from the formula.
func rotated64(keys []float32, headDim int, base float64, by func(slot int) int) []float32 {
	out := make([]float32, len(keys))
	for at := 0; at < len(keys); at += 2 {
		angle := float64(by(at/headDim)) * math.Pow(base, -float64(at%headDim)/float64(headDim))
		sin, cos := math.Sincos(angle)
		a, b := float64(keys[at]), float64(keys[at+1])
		out[at], out[at+1] = float32(a*cos-b*sin), float32(a*sin+b*cos)
	}
	return out
}

// A plan makes the same cache, wherever positions count, but for the turn of
// each key: to the place before the next token that it has in its own head. So
// it is behind tokens that were appended, and when it is compressed again.
func TestKeysTurnToPositionsInTheCache(t *testing.T) {
	eachDevice(t, func(t *testing.T, kind DeviceKind) {
		for _, kv := range []layout.CacheType{layout.CacheF32, layout.CacheF16} {
			e := openFixture(t, kind, checkpoint.F16)
			cfg := e.Config
			bound := map[layout.CacheType]float64{layout.CacheF32: 1e-5, layout.CacheF16: 4e-3}[kv] // keys are up to 4
			for name, m := range map[string]compress.Method{
				"window":   newMethod(t, "window", 0.5),
				"ada:h2o":  newMethod(t, "ada:h2o", 0.4),
				"kvmerger": newMethod(t, "kvmerger", 0, "eps", "0.3"),
				"derotate": newMethod(t, "kvmerger", 0, "eps", "0.3", "derotate", "true"),
				"cam":      newMethod(t, "cam", 0.4),
				"gvote":    newMethod(t, "gvote", 0, "p_nuc", "0.6"),
			} {
				p := prefill(t, e, someTokens(120), kv, m.Needs())
				c := fork(t, p.Cache)
				c.InCache = true
				for round := range 2 {
					plan, err := m.Plan(signalsOf(t, p, c, m))
					if err != nil {
						t.Fatal(err)
					}
					// The same plan without turning: what keys were rotated by, they still are.
					before, plain := c.ropePos, fork(t, c)
					was := make([]int, len(plan.Heads)) // what slot 0 of each head was rotated by
					for i := range was {
						was[i] = before - c.Len(i/cfg.NKVHeads, i%cfg.NKVHeads)
					}
					plain.InCache = false
					apply(t, plain, plan)
					apply(t, c, plan)
					longest := 0
					for _, rows := range plan.Heads {
						longest = max(longest, len(rows))
					}
					if c.Used() != longest || c.Next() != plain.Next() {
						t.Fatalf("%s: goes on at %d and %d in the text, want %d and %d", name, c.Used(), c.Next(), longest, plain.Next())
					}
					k, v := rowsOf(t, plain)
					kOut, vOut := rowsOf(t, c)
					for i, rows := range plan.Heads {
						want := rotated64(k[i], cfg.HeadDim, cfg.RopeBase, func(slot int) int {
							return longest - len(rows) + slot - (was[i] + rows[slot].Pivot)
						})
						if d, at := worst(kOut[i], want); d > bound {
							t.Fatalf("%v %s, round %d, head %d: key of slot %d is off by %g", kv, name, round, i, at/cfg.HeadDim, d)
						}
						if !sameBits(vOut[i], v[i]) {
							t.Fatalf("%v %s, round %d, head %d: values changed", kv, name, round, i)
						}
						layer, head := i/cfg.NKVHeads, i%cfg.NKVHeads
						if !slices.Equal(c.headSlots(layer, head), plain.headSlots(layer, head)) {
							t.Fatalf("%v %s, round %d, head %d: slots have other positions in the text", kv, name, round, i)
						}
					}
					if name == "window" { // the others' signals are of the prompt alone
						if err := (&Text{Cache: c, e: e}).Read(context.Background(), []int{5, 6, 7, 8, 9}); err != nil {
							t.Fatal(err)
						}
					}
				}
			}
		}
	})
}

// Both devices feed a text of three times the context to the same bounded cache
// and get the same logits, also where heads have different lengths; with
// positions in the text it ends at the context.
func TestTextBeyondTheContext(t *testing.T) {
	const context_, every, n = 64, 16, 190
	cfg := models.FixtureConfig
	cfg.SeqLen = context_
	data, err := models.Fixture(cfg, checkpoint.F16, 1)
	if err != nil {
		t.Fatal(err)
	}
	tokens := someTokens(40 + n)
	for name, m := range map[string]compress.Method{
		"window":   newMethod(t, "window", 0.6),
		"kvmerger": newMethod(t, "kvmerger", 0, "eps", "-0.5", "recent", "0.3"),
	} {
		var want []float32
		for _, kind := range []DeviceKind{CPU, GPU} {
			e := openFile(t, openBytes(t, data), kind)
			run := func(inCache bool) (*Prompt, []float32, error) {
				p, err := e.Prefill(context.Background(), tokens[:40], Settings{KV: layout.CacheF32, InCache: inCache, Method: m, Every: every})
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(p.Free)
				var logits []float32
				compressPrompt(t, p)
				err = p.Decode(context.Background(), tokens[40:], func(row []float32) error {
					logits = append(logits, row...)
					return nil
				})
				return p, logits, err
			}
			p, got, err := run(true)
			if err != nil {
				t.Fatalf("%s on the %s: %v", name, kind, err)
			}
			c := p.Cache
			if c.Next() != len(tokens) || c.Used() != c.longest() || c.Used() > context_ {
				t.Errorf("%s on the %s: %d tokens, position %d, %d slots", name, kind, c.Next(), c.Used(), c.longest())
			}
			last := c.Slot(0, 0, c.Len(0, 0)-1)
			if int(last.Pos) != len(tokens)-1 {
				t.Errorf("%s on the %s: the last token is at %d in the text, want %d", name, kind, last.Pos, len(tokens)-1)
			}
			if kind == CPU {
				want = got
			} else if d, at := worst(got, want); d > 2e-3 {
				t.Errorf("%s: logits of token %d differ by %g between the devices", name, at/cfg.VocabSize, d)
			}
			if _, _, err := run(false); err == nil || !strings.Contains(err.Error(), "1 tokens behind a text of 64 are more than the context of 64") {
				t.Errorf("%s on the %s, positions in the text: %v", name, kind, err)
			}
		}
	}
}

// A text longer than the context is read in pieces, and what is drawn behind it
// depends on the place in the text, not on that in the cache.
func TestReadingAndDrawingBeyondTheContext(t *testing.T) {
	cfg := models.FixtureConfig
	cfg.SeqLen = 64
	data, err := models.Fixture(cfg, checkpoint.F16, 1)
	if err != nil {
		t.Fatal(err)
	}
	eachDevice(t, func(t *testing.T, kind DeviceKind) {
		e := openFile(t, openBytes(t, data), kind)
		e.Tokenizer = nil // so that no token ends the text
		m := newMethod(t, "window", 0.5)
		tokens := someTokens(150)
		o := Settings{KV: layout.CacheF32, InCache: true, MaxSlots: 64, Method: m, Every: 10}
		p, err := e.Prefill(context.Background(), tokens, o)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(p.Free)
		compressPrompt(t, p)
		s := Sampler{RepeatPenalty: 1, TopP: 1, Temperature: 50} // the noise decides
		var ids []int
		if err := p.Generate(context.Background(), Generation{N: 60, Sampler: s, Emit: func(tok Token) error {
			ids = append(ids, tok.ID)
			return nil
		}}); err != nil {
			t.Fatal(err)
		}
		if p.Cache.Next() != 209 || p.Cache.Used() > 64 {
			t.Errorf("%d tokens, position %d", p.Cache.Next(), p.Cache.Used())
		}
		if slices.Equal(ids[20:30], ids[30:40]) {
			t.Errorf("the same tokens after every compression: %v", ids)
		}

		o.MaxSlots = 65
		if _, err := e.Prefill(context.Background(), tokens, o); err == nil || !strings.Contains(err.Error(), "a bound of 65 slots per head is more than the context of 64") {
			t.Errorf("a bound above the context: %v", err)
		}
		o.MaxSlots = 0
		if _, err := e.Prefill(context.Background(), tokens, o); err == nil || !strings.Contains(err.Error(), "the prompt has 150 tokens, the context 64") {
			t.Errorf("no bound: %v", err)
		}
		none := func(Token) error { return nil }
		p.o.Every = 0
		compressPrompt(t, p)
		p.Logits = make([]float32, cfg.VocabSize) // the device did not read any back
		if err := p.Generate(context.Background(), Generation{N: 60, Sampler: s, Emit: none}); err == nil ||
			!strings.Contains(err.Error(), "slots in use are more than the context of 64") {
			t.Errorf("without compressing again: %v", err)
		}
		shadow := NewShadow(forkText(t, &p.Text), true)
		if err := p.Generate(context.Background(), Generation{N: 2, Sampler: s, Shadow: shadow, Emit: none}); err == nil ||
			!strings.Contains(err.Error(), "attention-output errors") {
			t.Errorf("attention-output errors: %v", err)
		}
	})
}

// GVote's sampled queries and the mean of those expected ahead stand behind the
// slots in use.
func TestQueriesAheadStandBehindTheCache(t *testing.T) {
	eachDevice(t, func(t *testing.T, kind DeviceKind) {
		e := openFixture(t, kind, checkpoint.F16)
		cfg := e.Config
		votes, ahead := newMethod(t, "gvote", 0), newMethod(t, "expected", 0.5)
		needs := votes.Needs()
		needs.Expected = ahead.Needs().Expected
		var queries [2][]float32
		var expected [2][][][]float32
		var used [2]int
		for i, inCache := range []bool{false, true} {
			p := prefill(t, e, someTokens(100), layout.CacheF32, needs)
			p.Cache.InCache = inCache
			plan, _, _ := decide(t, p, newMethod(t, "window", 0.4))
			apply(t, p.Cache, plan)
			signals, err := p.Measure(needs)
			if err != nil {
				t.Fatal(err)
			}
			queries[i], used[i] = p.Ballots().SampledQueries, p.Cache.Used()
			for _, h := range signals.Heads {
				expected[i] = append(expected[i], h.Expected)
			}
		}
		want := rotated64(queries[0], cfg.HeadDim, cfg.RopeBase, func(int) int { return used[1] - used[0] })
		if d, at := worst(queries[1], want); d > 1e-4 || used != [2]int{100, 40} {
			t.Errorf("positions %v: sampled queries differ by %g at %d", used, d, at)
		}
		// The window's recent slots keep their distance from the queries, the first four come nearer.
		for h := range expected[0] {
			for a := range expected[0][h] {
				text, cache := expected[0][h][a], expected[1][h][a]
				recent, _ := worst(cache[4:], text[4:])
				sinks, _ := worst(cache[:4], text[:4])
				if recent > 1e-3 || sinks < 1e-3 {
					t.Errorf("head %d: expected logits differ by %g for recent slots and %g for the first", h, recent, sinks)
				}
			}
		}
	})
}
