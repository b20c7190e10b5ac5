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

func TestBoundsThatAreTooLow(t *testing.T) {
	e := openFixture(t, CPU, checkpoint.F16)
	for _, tc := range []struct {
		m     compress.Method
		slots int
		want  string
	}{
		{newMethod(t, "window", 0.5), 16, "a bound of 16 slots per head is too low for window, want at least 17"},
		{newMethod(t, "snapkv", 0.5), 128, "a bound of 128 slots per head is too low for snapkv, want at least 129"},
		{newMethod(t, "kvzip", 0.5), 100, "reads the text again"},
		{newMethod(t, "full", 0), 40, "a bound of 40 slots per head is too small: after 40 tokens full keeps 40 and needs room for 16 more"},
		{newMethod(t, "window", 0.8), 64, "after 64 tokens window keeps 51 and needs room for"},
	} {
		p, err := e.Prefill(context.Background(), someTokens(300), Settings{MaxSlots: tc.slots, Method: tc.m})
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
