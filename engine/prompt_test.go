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
)

// prefillToCompress reads a prompt to be compressed by a method again and again.
func prefillToCompress(t testing.TB, e *Engine, tokens []int, kv layout.CacheType, m compress.Method, every int) *Prompt {
	t.Helper()
	p, err := e.Prefill(context.Background(), tokens, Settings{KV: kv, Chunk: 100, Method: m, Every: every})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Free)
	return p
}

func compressPrompt(t testing.TB, p *Prompt) {
	t.Helper()
	if _, _, err := p.Compress(); err != nil {
		t.Fatal(err)
	}
}

// decodeGiven feeds tokens one by one, as Generate does. Before each compression
// it calls before.
func decodeGiven(t testing.TB, p *Prompt, tokens []int, before func()) {
	t.Helper()
	err := p.Decode(context.Background(), tokens, func([]float32) error {
		if p.decoded+1 == p.o.Every {
			before()
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Where nothing is lost on the way, what is measured after two rounds of decoding
// is what one reading of the whole text measures.
func TestSignalsGoOnWhileDecoding(t *testing.T) {
	const every, prompt = 20, 60
	text := someTokens(prompt + 3*every)
	eachDevice(t, func(t *testing.T, kind DeviceKind) {
		e := openFixture(t, kind, checkpoint.F16)
		for name, m := range map[string]compress.Method{
			"mass":         newMethod(t, "h2o", 1),
			"mass of last": newMethod(t, "kvmerger", 0, "eps", "2", "mass", "last:15"),
			"votes":        newMethod(t, "gvote", 0, "p_nuc", "1"),
			"expected":     newMethod(t, "expected", 1),
		} {
			t.Run(name, func(t *testing.T) {
				p := prefillToCompress(t, e, text[:prompt], layout.CacheF32, m, every)
				compressPrompt(t, p)
				rounds := 0
				decodeGiven(t, p, text[prompt:], func() {
					rounds++
					whole := prefill(t, e, text[:prompt+rounds*every], layout.CacheF32, m.Needs())
					want, err := whole.Measure(m.Needs())
					if err != nil {
						t.Fatal(err)
					}
					got, err := p.Measure(m.Needs())
					if err != nil {
						t.Fatal(err)
					}
					wantBallots, ballots := whole.Ballots(), p.Ballots()
					// Tokens one by one are summed in another order than chunks, in float32: up to 4e-6 of sums of 8
					// (mass) and of logits of 14 (expected attention) on lavapipe, and other adapters take exp otherwise.
					for h := range want.Heads {
						x, y := want.Heads[h], got.Heads[h]
						if d, at := worst(y.Mass, x.Mass); d > 1e-4 || len(y.Mass) != len(x.Mass) {
							t.Fatalf("round %d head %d: mass differs by %g at slot %d", rounds, h, d, at)
						}
						if d, at := worst(y.ValueNorm, x.ValueNorm); d > 1e-4 {
							t.Fatalf("round %d head %d: length of values differs by %g at slot %d", rounds, h, d, at)
						}
						for a := range x.Expected {
							if d, at := worst(y.Expected[a], x.Expected[a]); d > 1e-3 {
								t.Fatalf("round %d head %d: expected attention differs by %g at slot %d", rounds, h, d, at)
							}
						}
					}
					if wantBallots == nil {
						return
					}
					for what, pair := range map[string][2][]float32{
						"mu": {ballots.Mu, wantBallots.Mu}, "sd": {ballots.SD, wantBallots.SD},
						"last queries": {ballots.LastQueries, wantBallots.LastQueries},
					} {
						if d, at := worst(pair[0], pair[1]); d > 1e-3 || len(pair[0]) != len(pair[1]) {
							t.Fatalf("round %d: %s differs by %g at %d", rounds, what, d, at)
						}
					}
				})
				if rounds != 3 || p.Compressions() != 4 {
					t.Fatalf("%d rounds, compressed %d times, want 3 and 4", rounds, p.Compressions())
				}
			})
		}
	})
}

// The window's queries are those of the last tokens, whatever happened to the cache.
func TestWindowWhileDecoding(t *testing.T) {
	const every, prompt = 64, 70
	text := someTokens(prompt + 2*every)
	e := openFixture(t, CPU, checkpoint.F16)
	m := newMethod(t, "snapkv", 1)
	p := prefillToCompress(t, e, text[:prompt], layout.CacheF32, m, every)
	compressPrompt(t, p)
	rounds := 0
	decodeGiven(t, p, text[prompt:], func() {
		rounds++
		whole := prefill(t, e, text[:prompt+rounds*every], layout.CacheF32, m.Needs())
		for _, w := range []int{1, 64} {
			var rows [2][][]float32
			for i, q := range []*Prompt{p, whole} {
				signals, err := q.Measure(m.Needs())
				if err != nil {
					t.Fatal(err)
				}
				if rows[i], err = signals.Window(w); err != nil {
					t.Fatal(err)
				}
			}
			for h := range rows[0] {
				if d, at := worst(rows[0][h], rows[1][h]); d > 1e-4 {
					t.Fatalf("round %d, window %d, head %d: attention differs by %g at slot %d", rounds, w, h, d, at)
				}
			}
		}
	})
}

// A method that folds and drops nothing loses neither tokens nor attention: n of
// a head's slots sums to the tokens of the text, and so does what they received,
// one for each query.
func TestFoldingKeepsCount(t *testing.T) {
	eachDevice(t, func(t *testing.T, kind DeviceKind) {
		e := openFixture(t, kind, checkpoint.F16)
		const every, prompt = 15, 80
		text := someTokens(prompt + 3*every)
		m := newMethod(t, "kvmerger", 0.6)
		p := prefillToCompress(t, e, text[:prompt], layout.CacheF16, m, every)
		merged := 0
		compressPrompt(t, p)
		decodeGiven(t, p, text[prompt:], func() {
			signals, err := p.Measure(m.Needs())
			if err != nil {
				t.Fatal(err)
			}
			for h, head := range signals.Heads {
				n, mass := 0, 0.0
				for slot := range head.N {
					n += head.N[slot]
					mass += float64(head.Mass[slot])
					if head.N[slot] > 1 && head.Bias[slot] != float32(math.Log(float64(head.N[slot]))) {
						t.Errorf("head %d slot %d stands for %d tokens with bias %g", h, slot, head.N[slot], head.Bias[slot])
					}
				}
				if n != p.Cache.Next() || !(math.Abs(mass-float64(n)) <= 0.01) {
					t.Fatalf("head %d of a text of %d tokens stands for %d, and received %g", h, p.Cache.Next(), n, mass)
				}
				merged += n - head.Slots()
			}
		})
		if merged < 100 {
			t.Errorf("only %d slots were merged away", merged)
		}
	})
}

func TestReceivedAttentionOfRows(t *testing.T) {
	s := &compress.Signals{Heads: []compress.Head{{Mass: []float32{1, 2, 4, 8, 16}}}}
	plan := &compress.Plan{Heads: [][]compress.Row{{{Pivot: 1, Slots: []int{0, 1}}, {Pivot: 3, Slots: []int{3}}, {Pivot: 4, Slots: []int{4}}}}}
	got := received(plan, s)
	if want := []float32{3, 8, 16}; !slices.Equal(got[0], want) {
		t.Errorf("rows received %v, want %v", got[0], want)
	}
	m := &mass{}
	if m.compressed(&Prompt{has: compress.Needs{Mass: true}}, plan, s); !slices.Equal(m.before[0], got[0]) {
		t.Errorf("rows received %v before the compression, want %v", m.before, got)
	}
	if m.compressed(&Prompt{has: compress.Needs{Mass: true, MassLast: 8}}, plan, s); m.before != nil {
		t.Error("attention of the last queries was carried on")
	}
}

// The bytes of every token are those of the cache it was chosen from, positions
// and pins hold, and the shadow stays the full cache.
func TestGenerateCompressingAgain(t *testing.T) {
	eachDevice(t, func(t *testing.T, kind DeviceKind) {
		e := openFixture(t, kind, checkpoint.F16)
		e.Tokenizer = nil // so that no token ends the text
		const n, every = 35, 10
		tokens := someTokens(100)
		m := newMethod(t, "window", 0.5)
		p := prefillToCompress(t, e, tokens, layout.CacheF32, m, every)
		if err := p.Pin(20, 23); err != nil {
			t.Fatal(err)
		}
		shadow := NewShadow(forkText(t, &p.Text), true)
		t.Cleanup(func() {
			if shadow.free != nil {
				shadow.free.Free()
			}
		})
		compressPrompt(t, p)
		slots := 50 // of each head: half of 100, then 1 more per token and half of that after every 10
		var ids []int
		var full [][]Likely
		err := p.Generate(context.Background(), Generation{N: n, Sampler: greedy, Shadow: shadow, Likeliest: 10, Emit: func(tok Token) error {
			if want := slots * len(p.Cache.layers) * e.Config.NKVHeads * p.Cache.RowBytes(); tok.KVBytes != want {
				t.Errorf("token %d: %d bytes in use, want %d", len(ids), tok.KVBytes, want)
			}
			ids, full = append(ids, tok.ID), append(full, tok.FullLikeliest)
			if slots++; len(ids)%every == 0 {
				slots /= 2
			}
			return nil
		}})
		if err != nil {
			t.Fatal(err)
		}
		if p.Compressions() != 1+(n-1)/every || p.Cache.Next() != 100+n-1 {
			t.Errorf("compressed %d times, at position %d", p.Compressions(), p.Cache.Next())
		}
		for l := range p.Cache.layers {
			for h := range e.Config.NKVHeads {
				pinned := 0
				for _, slot := range p.Cache.headSlots(l, h) {
					if slot.Pos >= 20 && slot.Pos < 23 {
						pinned++
					}
				}
				if pinned != 3 {
					t.Errorf("layer %d head %d has %d of 3 pinned slots left", l, h, pinned)
				}
			}
		}
		want := e.allLogits(t, slices.Concat(tokens, ids), DefaultChunk, nil, 0)
		for i := range full {
			row := want[(99+i)*e.Config.VocabSize:][:e.Config.VocabSize]
			for k, c := range full[i] {
				if d := c.Logprob - LogProb(row, c.ID); len(full[i]) != 10 || !(math.Abs(d) <= 1e-2) {
					t.Fatalf("token %d: number %d of the %d likeliest of the full cache is off by %g", i, k, len(full[i]), d)
				}
			}
		}
	})
}

func TestWhatCannotBeRepeated(t *testing.T) {
	for _, tc := range []struct {
		m    compress.Method
		n    int
		want string // "" if it can
	}{
		{newMethod(t, "kvzip", 0.5), 100, "reads the text again"},
		{newMethod(t, "oracle", 0.5), 100, "the tokens that follow"},
		{newMethod(t, "snapkv", 0.5), 63, "at least 64 lie between"},
		{newMethod(t, "snapkv", 0.5), 64, ""},
		{newMethod(t, "kvmerger", 0, "mass", "last:9"), 8, "at least 9 lie between"},
		{newMethod(t, "kvmerger", 0, "mass", "last:9"), 9, ""},
		{newMethod(t, "gvote", 0), 1, ""},
	} {
		err := CanRepeat(tc.m, tc.n)
		if tc.want == "" && err != nil || tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)) {
			t.Errorf("%s every %d: %v, want %q", tc.m.Name(), tc.n, err, tc.want)
		}
	}
}

// What texts behind the prompt paid was paid to slots that are no more.
func TestCompressedCacheForgetsWhatWasPaidBehind(t *testing.T) {
	e := openFixture(t, CPU, checkpoint.F16)
	text := someTokens(70)
	p, err := e.Prefill(context.Background(), text[:50],
		Settings{Method: newMethod(t, "oracle", 0.5), Needs: compress.Needs{Reread: true}, Future: text[50:]})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Free)
	for _, needs := range []compress.Needs{{Reread: true}, {Future: true}} {
		if _, err := p.Measure(needs); err != nil {
			t.Errorf("before the compression: %v", err)
		}
	}
	compressPrompt(t, p)
	for want, needs := range map[string]compress.Needs{
		"the prompt was not read a second time":           {Reread: true},
		"the tokens that follow the prompt are not known": {Future: true},
	} {
		if _, err := p.Measure(needs); err == nil || err.Error() != want {
			t.Errorf("after it: error %v\nwant  %s", err, want)
		}
	}
}
