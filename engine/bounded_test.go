//go:build !js

package engine

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"keyfold/compress"
	"keyfold/engine/checkpoint"
	"keyfold/layout"
	"keyfold/models"
)

// bounded reads a text with at most maxSlots slots in a head.
func bounded(t testing.TB, e *Engine, tokens []int, m compress.Method, maxSlots, chunk int) *Prompt {
	t.Helper()
	o := Settings{KV: layout.CacheF32, Chunk: chunk, MaxSlots: maxSlots, Method: m, Pins: [][2]int{{10, 12}}}
	p, err := e.Prefill(context.Background(), tokens, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Free)
	return p
}

// However long the text, no head has more slots than asked for and the cache
// never takes more memory; positions go on, and pinned slots stay.
func TestBoundedReading(t *testing.T) {
	eachDevice(t, func(t *testing.T, kind DeviceKind) {
		const maxSlots = 96
		e := openFixture(t, kind, checkpoint.F16)
		for name, m := range map[string]compress.Method{
			"window":   newMethod(t, "window", 0.5),
			"kvmerger": newMethod(t, "kvmerger", 0, "eps", "-0.5"),
		} {
			for _, tokens := range []int{97, 250, 700} {
				p := bounded(t, e, someTokens(tokens), m, maxSlots, 0)
				c := p.Cache
				// Room for the bound, what a full head grows by, alignment; twice for the layer that is rebuilt.
				heads := e.Config.NKVHeads * (maxSlots + growSlots + slotAlign) * c.RowBytes()
				if tables := 8 * e.Config.NKVHeads; c.Peak() > (e.Config.NLayers+1)*(heads+tables) {
					t.Errorf("%s, %d tokens: %d bytes at the peak, want at most %d", name, tokens, c.Peak(), (e.Config.NLayers+1)*(heads+tables))
				}
				if c.Next() != tokens || c.longest() > maxSlots {
					t.Errorf("%s, %d tokens: position %d, %d slots in a head", name, tokens, c.Next(), c.longest())
				}
				signals, err := p.Measure(m.Needs())
				if err != nil {
					t.Fatal(err)
				}
				for h, head := range signals.Heads {
					pinned := 0
					for slot, pos := range head.Pos {
						if head.Pinned[slot] {
							pinned++
							if pos < 10 || pos > 11 || head.N[slot] != 1 {
								t.Errorf("head %d: slot %d of position %d is pinned", h, slot, pos)
							}
						}
					}
					if pinned != 2 || head.Pos[head.Slots()-1] != tokens-1 {
						t.Errorf("head %d has %d of 2 pinned slots and ends at position %d", h, pinned, head.Pos[head.Slots()-1])
					}
					if name != "kvmerger" {
						continue
					}
					n, mass := 0, 0.0 // as in TestFoldingKeepsCount
					for slot := range head.N {
						n += head.N[slot]
						mass += float64(head.Mass[slot])
					}
					if n != tokens || !(math.Abs(mass-float64(tokens)) <= 0.02) {
						t.Errorf("head %d stands for %d tokens and received %g, want %d", h, n, mass, tokens)
					}
				}
			}
		}
	})
}

// A text that fits is read as without a bound, and the chunks by which a longer
// one is read change nothing.
func TestBoundAndChunks(t *testing.T) {
	e := openFixture(t, CPU, checkpoint.F16)
	m := newMethod(t, "h2o", 0.5)
	full := prefill(t, e, someTokens(90), layout.CacheF32, m.Needs())
	fits := bounded(t, e, someTokens(90), m, 90, 0)
	if d, _ := worst(fits.Logits, full.Logits); d > 1e-4 || fits.Cache.Slots() != full.Cache.Slots() {
		t.Errorf("a text that fits: logits differ by %g, %d slots", d, fits.Cache.Slots())
	}
	want := bounded(t, e, someTokens(400), m, 90, 0)
	got := bounded(t, e, someTokens(400), m, 90, 7)
	if d, _ := worst(got.Logits, want.Logits); d > 1e-3 {
		t.Errorf("read in chunks of 7, logits differ by %g", d)
	}
	for l := range want.Cache.layers {
		for h := range e.Config.NKVHeads {
			if !slices.Equal(got.Cache.headSlots(l, h), want.Cache.headSlots(l, h)) {
				t.Errorf("layer %d head %d keeps other slots when read in chunks of 7", l, h)
			}
		}
	}
}

// The last queries are there at the end, however little of the text is left
// after the last compression: each of them pays 1 in all.
func TestBoundedReadingKeepsLastQueries(t *testing.T) {
	e := openFixture(t, CPU, checkpoint.F16)
	m := newMethod(t, "snapkv", 0.1)
	for _, tokens := range []int{150, 151, 214, 215, 290, 350} {
		p := bounded(t, e, someTokens(tokens), m, 150, 0)
		signals, err := p.Measure(m.Needs())
		if err != nil {
			t.Fatal(err)
		}
		paid, err := signals.Window(64)
		if err != nil {
			t.Fatal(err)
		}
		for h := range paid {
			sum := 0.0
			for _, x := range paid[h] {
				sum += float64(x)
			}
			if !(math.Abs(sum-64) <= 0.01) {
				t.Errorf("%d tokens, head %d: 64 queries paid %g", tokens, h, sum)
			}
		}
		if fed := len(p.Cache.appended); tokens > 150 && fed < 64 {
			t.Errorf("%d tokens: %d were read since the last compression", tokens, fed)
		}
	}

	// 151 tokens are read in two pieces, 87 and the last 64. The first is compressed as if it were all.
	p, first := bounded(t, e, someTokens(151), m, 150, 0), prefill(t, e, someTokens(87), layout.CacheF32, m.Needs())
	if err := first.Pin(10, 12); err != nil {
		t.Fatal(err)
	}
	plan, _, _ := decide(t, first, m)
	for h, rows := range plan.Heads {
		slots := p.Cache.headSlots(h/e.Config.NKVHeads, h%e.Config.NKVHeads)
		for j, row := range rows {
			if len(slots) != len(rows)+64 || int(slots[j].Pos) != row.Pivot {
				t.Fatalf("head %d: %d slots, slot %d of position %d; want %d and %d", h, len(slots), j, slots[j].Pos, len(rows)+64, row.Pivot)
			}
		}
	}
}

// stubborn is a method that does not mind how much it may keep.
type stubborn struct{}

func (stubborn) Name() string          { return "stubborn" }
func (stubborn) Needs() compress.Needs { return compress.Needs{} }
func (stubborn) Plan(s *compress.Signals) (*compress.Plan, error) {
	free := *s
	free.Most = 0
	full, err := compress.New(compress.Settings{Name: "full"})
	if err != nil {
		return nil, err
	}
	return full.Plan(&free)
}

func TestBoundsThatAreTooLow(t *testing.T) {
	e := openFixture(t, CPU, checkpoint.F16)
	for _, tc := range []struct {
		m     compress.Method
		slots int
		want  string
	}{
		{newMethod(t, "window", 0.5), 16, "-max-slots 16 is too small: window keeps 1 slot and needs room for 16 more"},
		{newMethod(t, "snapkv", 0.5), 128, "-max-slots 128 is too small: snapkv keeps 1 slot and needs room for 128 more"},
		{newMethod(t, "kvzip", 0.5), 100, "-max-slots: kvzip reads the text again"},
		{newMethod(t, "full", 0), 40, "-max-slots is 40 and the text has 300 tokens, all of which full keeps; choose another -method"},
		{newMethod(t, "gvote", 0, "n_s", "30"), 40, "-max-slots 40 is too small: gvote keeps 31 slots and needs room for 16 more"},
		{newMethod(t, "h2o", 0.1), 50, "-max-slots is 50, want more than the 50 tokens that -every lets pass"},
		{newMethod(t, "h2o", 0.1), 52, "-max-slots 52 is too small: h2o keeps 3 slots and needs room for 50 more"},
		{stubborn{}, 60, "-max-slots 60 is too small: stubborn keeps 60 slots and needs room for 16 more"},
	} {
		o := Settings{MaxSlots: tc.slots, Method: tc.m, Pins: [][2]int{{40, 42}}}
		if tc.m.Name() == "h2o" {
			o.Every = 50
		}
		p, err := e.Prefill(context.Background(), someTokens(300), o)
		if err == nil && o.Every > 0 { // what decoding needs turns out when the prompt is compressed
			_, _, err = p.Compress()
			p.Free()
			p = nil
		}
		if err == nil || p != nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s in %d slots: %v, want %q", tc.m.Name(), tc.slots, err, tc.want)
		}
	}
}

// The least bound that is accepted can work: a method that leaves one slot reads
// a text of any length in it.
func TestTheLeastBoundWorks(t *testing.T) {
	e := openFixture(t, CPU, checkpoint.F16)
	for _, tc := range []struct {
		m    compress.Method
		most int
	}{
		{newMethod(t, "window", 0.05), leastPiece + 1},
		{newMethod(t, "snapkv", 0.007), 2*64 + 1},
	} {
		if err := CanBound(tc.m, tc.most-1); err == nil {
			t.Errorf("%s: %d slots were accepted", tc.m.Name(), tc.most-1)
		}
		p, err := e.Prefill(context.Background(), someTokens(300), Settings{MaxSlots: tc.most, Method: tc.m})
		if err != nil {
			t.Errorf("%s in %d slots: %v", tc.m.Name(), tc.most, err)
			continue
		}
		p.Free()
	}
}

// Every method reads a text of any length below any bound that has room for what it
// cannot give up, and goes on below it: no head is ever longer, the newest token is
// always there, and what the bound took from the method is said.
func TestEveryMethodBelowEveryBound(t *testing.T) {
	e := openFixture(t, CPU, checkpoint.F16)
	r := rand.New(rand.NewPCG(7, 0))
	tightened := 0
	for _, name := range compress.Names() {
		for _, budget := range []float64{0, 0.1, 0.35, 0.5, 0.875, 1} {
			if budget > 0 && !compress.TakesBudget(name) {
				continue
			}
			m := newMethod(t, name, budget)
			if needs := m.Needs(); needs.Reread || needs.Future || compress.KeepsAll(m) {
				continue
			}
			least := leastRead(m.Needs())
			for _, maxSlots := range []int{least + 8, least + 20 + r.IntN(150)} {
				every := max(m.Needs().Last(), 1+r.IntN(maxSlots-8)) // 8: gvote's first positions, pins and the newest
				o := Settings{KV: layout.CacheF32, Chunk: 32, MaxSlots: maxSlots, Method: m, Every: every, InCache: r.IntN(2) == 0, Pins: [][2]int{{10, 12}}}
				tokens := someTokens(maxSlots + 1 + r.IntN(400))
				at := fmt.Sprintf("%s, budget %g, %d slots, every %d, %d tokens", name, budget, maxSlots, every, len(tokens))
				if p := readBelow(t, e, at, tokens, o); p.Tightened() != nil {
					tightened++
				}
			}
		}
	}
	if tightened < 50 {
		t.Errorf("the bound was in the way %d times, the test proves little", tightened)
	}
}

// readBelow reads a text with settings, and decodes a few tokens more than fit.
func readBelow(t *testing.T, e *Engine, at string, tokens []int, o Settings) *Prompt {
	t.Helper()
	p, err := e.newPrompt(tokens, o)
	if err != nil {
		t.Fatalf("%s: %v", at, err)
	}
	t.Cleanup(p.Free)
	check := func(n int) error {
		c := p.Cache
		if c.longest() > o.MaxSlots || c.Next() != n {
			t.Fatalf("%s: position %d of %d, %d slots in a head", at, c.Next(), n, c.longest())
		}
		for l := range c.layers {
			for h := range c.layers[l].heads {
				if last := c.Slot(l, h, c.Len(l, h)-1); int(last.Pos) != n-1 {
					t.Fatalf("%s: head %d.%d ends at position %d of %d", at, l, h, last.Pos, n)
				}
			}
		}
		return nil
	}
	p.o.Read = check
	if err := o.Check(len(tokens), e.Config.SeqLen); err != nil {
		t.Fatalf("%s: %v", at, err)
	}
	if err := p.readPrompt(context.Background(), 0); err != nil {
		t.Fatalf("%s: %v", at, err)
	}
	if _, _, err := p.Compress(); err != nil {
		t.Fatalf("%s: %v", at, err)
	}
	n := len(tokens)
	err = p.Decode(context.Background(), someTokens(o.MaxSlots+5), func([]float32) error { n++; return check(n) })
	if err != nil {
		t.Fatalf("%s: %v", at, err)
	}
	if w := p.Tightened(); w != nil && (w.Bound != o.MaxSlots || w.Wanted > o.MaxSlots || w.Heads < 1 || w.Compressions < 1) {
		t.Errorf("%s: %+v", at, *w)
	}
	return p
}

// With positions in the cache a text goes on for ever at any budget: the context is
// the bound.
func TestTheContextIsABound(t *testing.T) {
	cfg := models.FixtureConfig
	cfg.SeqLen = 64
	data, err := models.Fixture(cfg, checkpoint.F16, 1)
	if err != nil {
		t.Fatal(err)
	}
	e := openFile(t, openBytes(t, data), CPU)
	for _, name := range []string{"window", "kvmerger", "ada:h2o", "cam"} {
		m := newMethod(t, name, 0.95)
		p, err := e.Prefill(context.Background(), someTokens(60), Settings{KV: layout.CacheF32, InCache: true, Method: m, Every: 20})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(p.Free)
		compressPrompt(t, p)
		if err := p.Decode(context.Background(), someTokens(300), func([]float32) error { return nil }); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if w := p.Tightened(); w == nil || w.Bound != 64 {
			t.Errorf("%s: the context was no bound: %+v", name, w)
		}
	}
}
