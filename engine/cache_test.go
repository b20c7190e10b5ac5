//go:build !js

package engine

import (
	"context"
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"testing"

	"keyfold/compress"
	"keyfold/engine/checkpoint"
	"keyfold/layout"
)

// Right after Apply the buffers are as small as promised: at most 16 slots more than are occupied, per head.
func TestApplyFreesMemory(t *testing.T) {
	eachDevice(t, func(t *testing.T, kind DeviceKind) {
		for _, kv := range layout.CacheTypes {
			e := openFixtureFor(t, kind, checkpoint.F16, kv)
			for name, m := range compressing(t) {
				p := prefill(t, e, someTokens(200), kv, m.Needs())
				plan, signals, _ := decide(t, p, m)
				c := fork(t, p.Cache)
				full := c.Allocated()
				before := liveBytes(e)
				apply(t, c, plan)
				bound := 0
				for l := range c.layers {
					for h := range c.layers[l].heads {
						if got, want := c.Len(l, h), len(plan.Heads[l*e.Config.NKVHeads+h]); got != want {
							t.Fatalf("%s: layer %d head %d has %d slots, the plan %d", name, l, h, got, want)
						}
						bound += (c.Len(l, h) + 16) * c.RowBytes()
					}
				}
				if c.Allocated() > bound {
					t.Errorf("%v %s: %d bytes allocated, want at most %d", kv, name, c.Allocated(), bound)
				}
				if c.Occupied() != plan.Rows()*c.RowBytes() {
					t.Errorf("%v %s: %d bytes occupied, want %d rows of %d", kv, name, c.Occupied(), plan.Rows(), c.RowBytes())
				}
				if plan.Ratio(signals) < 0.8 && c.Allocated() >= full {
					t.Errorf("%v %s: %d bytes allocated at ratio %.2f, the full cache has %d", kv, name, c.Allocated(), plan.Ratio(signals), full)
				}
				// What the cache says it gave back is what the device has back.
				if kind == GPU && before-liveBytes(e) != full-c.Allocated() {
					t.Errorf("%v %s: live buffers shrank by %d bytes, the cache by %d", kv, name, before-liveBytes(e), full-c.Allocated())
				}
				if c.Peak() < full {
					t.Errorf("%v %s: peak of %d bytes is below the full cache's %d", kv, name, c.Peak(), full)
				}
			}
		}
	})
}

func liveBytes(e *Engine) int {
	if r, ok := e.r.(*gpuRunner); ok {
		return r.d.LiveBytes()
	}
	return 0
}

// Nothing stays behind on the device when a prompt is freed.
func TestNothingLeaks(t *testing.T) {
	e := openFixture(t, GPU, checkpoint.F16)
	m := newMethod(t, "kvmerger", 0.5)
	cycle := func() {
		p, err := e.Prefill(context.Background(), someTokens(150), Settings{KV: layout.CacheF16, Chunk: 64, Needs: m.Needs()})
		if err != nil {
			t.Fatal(err)
		}
		defer p.Free()
		plan, _, _ := decide(t, p, m)
		shadow := NewShadow(forkText(t, &p.Text), true)
		defer shadow.Free()
		apply(t, p.Cache, plan)
		err = p.Generate(context.Background(), Generation{N: 90, Sampler: Sampler{RepeatPenalty: 1, TopP: 1, Temperature: 1, Seed: 3},
			Shadow: shadow, Emit: func(Token) error { return nil }})
		if err != nil {
			t.Fatal(err)
		}
	}
	cycle()
	once := liveBytes(e)
	for range 3 {
		cycle()
	}
	if liveBytes(e) != once {
		t.Errorf("%d bytes live after four cycles, %d after one", liveBytes(e), once)
	}
}

// A text of any length is read in the same memory, but for its cache, whose bytes
// are those of the formula, and the table of rotations.
func TestLongTextsTakeNoMoreScratch(t *testing.T) {
	e := openFixture(t, GPU, checkpoint.F16)
	r, c := e.r.(*gpuRunner), e.Config
	rest := func(tokens int) int {
		p, err := e.Prefill(context.Background(), someTokens(tokens), Settings{KV: layout.CacheF16, Chunk: 32})
		if err != nil {
			t.Fatal(err)
		}
		defer p.Free()
		want := c.NLayers * c.NKVHeads * (tokens*(2*2*c.HeadDim+12) + 8) // tokens is a multiple of what heads are rounded up to
		if p.Cache.Allocated() != want {
			t.Errorf("%d tokens: the cache takes %d bytes, want %d", tokens, p.Cache.Allocated(), want)
		}
		return liveBytes(e) - p.Cache.Allocated() - r.table.Size()
	}
	if short, long := rest(64), rest(1024); long != short {
		t.Errorf("besides the cache 64 tokens take %d bytes, 1,024 take %d", short, long)
	}
}

// A long cache grows by an eighth, but no further than the context goes.
func TestLongCachesGrowByAnEighth(t *testing.T) {
	e := openFixture(t, CPU, checkpoint.F16)
	context := e.Config.SeqLen
	for _, n := range []int{100, 800, context - 100, context - 20} {
		p := prefill(t, e, someTokens(n), layout.CacheF16, compress.Needs{})
		if err := p.Cache.reserve(p.Cache.free() + 1); err != nil {
			t.Fatal(err)
		}
		want := max(growSlots, min(n/growShare, context-n))
		if free := p.Cache.free(); free < want || free >= want+slotAlign {
			t.Errorf("behind %d tokens there is room for %d, want %d", n, free, want)
		}
		p.Free()
	}
}

// The cache grows in pieces: not with every token, and at most once per 64.
func TestGrowthIsRare(t *testing.T) {
	eachDevice(t, func(t *testing.T, kind DeviceKind) {
		e := openFixture(t, kind, checkpoint.F16)
		p := prefill(t, e, someTokens(100), layout.CacheF16, compress.Needs{})
		plan, _, _ := decide(t, p, newMethod(t, "window", 0.4))
		apply(t, p.Cache, plan)
		last, changes := p.Cache.Allocated(), 0
		for i := range 200 {
			if _, err := feedOne(lane{cache: p.Cache, tokens: []uint32{uint32(3 + i)}}); err != nil {
				t.Fatal(err)
			}
			if p.Cache.Allocated() != last {
				last, changes = p.Cache.Allocated(), changes+1
			}
		}
		if changes < 3 || changes > 4 {
			t.Errorf("200 tokens re-allocated %d times, want 3 or 4", changes)
		}
		if p.Cache.Next() != 300 {
			t.Errorf("next position is %d, want 300", p.Cache.Next())
		}
	})
}

// Method full, and a plan that keeps everything, change nothing at all.
func TestKeepingEverythingIsExact(t *testing.T) {
	eachDevice(t, func(t *testing.T, kind DeviceKind) {
		for _, kv := range layout.CacheTypes {
			e := openFixtureFor(t, kind, checkpoint.Q8_0, kv)
			tokens := someTokens(120)
			p := prefill(t, e, tokens, kv, newMethod(t, "kvmerger", 0).Needs())
			k, v := rowsOf(t, p.Cache)
			want := continuation(t, e, fork(t, p.Cache), p.Logits, 80)
			for name, m := range map[string]compress.Method{
				"full":               newMethod(t, "full", 0),
				"nothing is similar": newMethod(t, "kvmerger", 0, "eps", "2"),
				"all protected":      newMethod(t, "kvmerger", 0, "eps", "-1", "recent", "1"),
				"budget 1":           newMethod(t, "window", 1),
			} {
				plan, signals, _ := decide(t, p, m)
				if plan.Ratio(signals) != 1 {
					t.Fatalf("%s keeps %g, want everything", name, plan.Ratio(signals))
				}
				for _, inCache := range []bool{false, true} {
					c := fork(t, p.Cache)
					c.InCache = inCache
					apply(t, c, plan)
					kNow, vNow := rowsOf(t, c)
					for i := range k {
						if !sameBits(k[i], kNow[i]) || !sameBits(v[i], vNow[i]) {
							t.Fatalf("%v %s, InCache %v: head %d changed", kv, name, inCache, i)
						}
					}
					if got := continuation(t, e, c, p.Logits, 80); !slices.Equal(got, want) {
						t.Errorf("%v %s, InCache %v: tokens %v, want %v", kv, name, inCache, got, want)
					}
				}
			}
		}
	})
}

func sameBits(a, b []float32) bool {
	return slices.EqualFunc(a, b, func(x, y float32) bool { return math.Float32bits(x) == math.Float32bits(y) })
}

// Twenty plans on forks of one prefill equal twenty separate runs.
func TestForksEqualSeparateRuns(t *testing.T) {
	eachDevice(t, func(t *testing.T, kind DeviceKind) {
		e := openFixture(t, kind, checkpoint.F16)
		tokens := someTokens(150)
		var methods []compress.Method
		for i := range 10 {
			methods = append(methods, newMethod(t, "kvmerger", 0, "eps", fmt.Sprint(-0.5+0.1*float64(i))))
			methods = append(methods, newMethod(t, "gvote", 0, "samples", fmt.Sprint(1+i)))
		}
		needs := methods[0].Needs()
		needs.Votes = methods[1].Needs().Votes
		shared := prefill(t, e, tokens, layout.CacheF16, needs)
		kFull, _ := rowsOf(t, shared.Cache)
		for i, m := range methods {
			plan, _, _ := decide(t, shared, m)
			c := fork(t, shared.Cache)
			apply(t, c, plan)

			alone := prefill(t, e, tokens, layout.CacheF16, m.Needs())
			planAlone, _, _ := decide(t, alone, m)
			apply(t, alone.Cache, planAlone)

			k, v := rowsOf(t, c)
			kAlone, vAlone := rowsOf(t, alone.Cache)
			for h := range k {
				if !sameBits(k[h], kAlone[h]) || !sameBits(v[h], vAlone[h]) {
					t.Fatalf("plan %d (%s): head %d differs from the separate run's", i, m.Name(), h)
				}
			}
			got, want := continuation(t, e, c, shared.Logits, 12), continuation(t, e, alone.Cache, alone.Logits, 12)
			if !slices.Equal(got, want) {
				t.Errorf("plan %d (%s): tokens %v, want %v", i, m.Name(), got, want)
			}
		}
		kNow, _ := rowsOf(t, shared.Cache)
		for h := range kFull {
			if !sameBits(kFull[h], kNow[h]) {
				t.Fatalf("the full cache changed in head %d", h)
			}
		}
	})
}

// Positions go on where the text was, and a merged slot has its pivot's.
func TestSlotIsNotPosition(t *testing.T) {
	e := openFixture(t, CPU, checkpoint.F16)
	p := prefill(t, e, someTokens(90), layout.CacheF32, newMethod(t, "kvmerger", 0).Needs())
	plan, _, _ := decide(t, p, newMethod(t, "kvmerger", 0, "eps", "0"))
	apply(t, p.Cache, plan)
	if p.Cache.Next() != 90 {
		t.Fatalf("next position is %d, want 90", p.Cache.Next())
	}
	if next := fork(t, p.Cache).Next(); next != 90 {
		t.Fatalf("a fork goes on at position %d, want 90", next)
	}
	continuation(t, e, p.Cache, p.Logits, 3)
	for l := range e.Config.NLayers {
		for h := range e.Config.NKVHeads {
			rows := plan.Heads[l*e.Config.NKVHeads+h]
			n := 0
			for i, row := range rows {
				slot := p.Cache.Slot(l, h, i)
				if slot.Pos != uint32(row.Pivot) || slot.N != uint32(row.N) || slot.Bias != row.Bias {
					t.Fatalf("layer %d head %d slot %d is %+v, its row %+v", l, h, i, slot, row)
				}
				n += row.N
			}
			if n != 90 {
				t.Errorf("layer %d head %d stands for %d tokens, want 90", l, h, n)
			}
			for i := range 2 {
				if slot := p.Cache.Slot(l, h, len(rows)+i); slot != (layout.Slot{Pos: uint32(90 + i), N: 1}) {
					t.Errorf("layer %d head %d: decoded token %d has slot %+v", l, h, i, slot)
				}
			}
		}
	}
}

func TestLimitsOfTheContext(t *testing.T) {
	e := openFixture(t, CPU, checkpoint.F16)
	ctx := context.Background()
	long := make([]int, e.Config.SeqLen+1)
	if _, err := e.Prefill(ctx, long, Settings{KV: layout.CacheF16, Chunk: 256}); err == nil {
		t.Error("a prompt longer than the context was read")
	}
	if _, err := e.Prefill(ctx, []int{1, 320}, Settings{KV: layout.CacheF16, Chunk: 256}); err == nil {
		t.Error("a token that the model does not have was read")
	}
	if _, err := e.Prefill(ctx, nil, Settings{KV: layout.CacheF16, Chunk: 256}); err == nil {
		t.Error("an empty prompt was read")
	}
	p := prefill(t, e, someTokens(50), layout.CacheF16, compress.Needs{})
	// The last token is not fed, so it needs no room.
	if err := forkText(t, &p.Text).Generate(ctx, Generation{N: e.Config.SeqLen - 50 + 2, Sampler: greedy}); err == nil {
		t.Error("more tokens than the context leaves were promised")
	}
	stopped, cancel := context.WithCancel(ctx)
	n := 0
	err := p.Generate(stopped, Generation{N: 50, Sampler: greedy, Emit: func(Token) error {
		if n++; n == 5 {
			cancel()
		}
		return nil
	}})
	if !errors.Is(err, context.Canceled) || n != 5 {
		t.Errorf("cancelled after %d tokens with %v, want 5 and context.Canceled", n, err)
	}
	if _, err := e.Prefill(stopped, someTokens(50), Settings{KV: layout.CacheF16, Chunk: 256}); !errors.Is(err, context.Canceled) {
		t.Errorf("prefill with a cancelled context: %v", err)
	}
}

// Tokens fed ahead are those that would have been chosen one by one, and the
// cache has only those that were noted.
func TestFeedAhead(t *testing.T) {
	e := openFixture(t, GPU, checkpoint.Q8_0)
	for _, draw := range []layout.Draw{{}, {Seed: 3, Temperature: 1.2, TopP: 0.8}} {
		p := prefill(t, e, someTokens(70), layout.CacheF16, compress.Needs{})
		plan, _, _ := decide(t, p, newMethod(t, "window", 0.5))
		apply(t, p.Cache, plan)
		ahead, single := fork(t, p.Cache), fork(t, p.Cache)
		token := uint32(7)
		for burst := 0; ahead.textPos < 70+40; burst++ {
			results, err := feed(e.r, &step{lanes: []*lane{{cache: ahead, tokens: []uint32{token}, choose: &draw}}, ahead: 9})
			if err != nil {
				t.Fatal(err)
			}
			taken := min(len(results[0].chosen), 1+burst*3%8) // not all of them
			ahead.note(taken - 1)
			for _, c := range results[0].chosen[:taken] {
				one, err := feedOne(lane{cache: single, tokens: []uint32{token}, choose: &draw})
				if err != nil {
					t.Fatal(err)
				}
				if len(one.chosen) != 1 || one.chosen[0] != c {
					t.Fatalf("%+v, position %d: ahead %v, one by one %v", draw, single.textPos, c, one.chosen)
				}
				token = uint32(c.id)
			}
			if ahead.textPos != single.textPos || ahead.Slots() != single.Slots() || ahead.Allocated() != single.Allocated() {
				t.Fatalf("ahead: next %d, %d slots, %d bytes; one by one %d, %d, %d", ahead.textPos, ahead.Slots(), ahead.Allocated(),
					single.textPos, single.Slots(), single.Allocated())
			}
		}
		k, v := rowsOf(t, ahead)
		wantK, wantV := rowsOf(t, single)
		if !reflect.DeepEqual(k, wantK) || !reflect.DeepEqual(v, wantV) {
			t.Errorf("%+v: rows differ", draw)
		}
		if !reflect.DeepEqual(ahead.headSlots(1, 0), single.headSlots(1, 0)) {
			t.Errorf("%+v: slots differ", draw)
		}
	}
}

// closing is a runner that counts how often it is closed.
type closing struct {
	runner
	times int
}

func (r *closing) close() { r.times++ }

// What a GPU has is freed once: to free it again ends the process.
func TestCloseTwice(t *testing.T) {
	e := openFixture(t, CPU, checkpoint.F32)
	r := &closing{runner: e.r}
	e.r = r
	e.Close()
	e.Close()
	if r.times != 1 {
		t.Errorf("closed %d times, want once", r.times)
	}
}
