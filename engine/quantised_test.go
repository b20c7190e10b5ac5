//go:build !js

package engine

import (
	"context"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"keyfold/compress"
	"keyfold/engine/checkpoint"
	"keyfold/layout"
	"keyfold/models"
)

var quantisedTypes = []layout.CacheType{layout.CacheQ8_0, layout.CacheQ4_0}

// A row that goes into a quantised cache comes back as the checkpoint's
// quantiser, which shares no code with it and is held to ggml's blocks, has it.
func TestQuantisedRowsAreGGMLs(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 0))
	for kv, ct := range map[layout.CacheType]checkpoint.Type{layout.CacheQ8_0: checkpoint.Q8_0, layout.CacheQ4_0: checkpoint.Q4_0} {
		for _, headDim := range []int{32, 64, 96, 128} {
			const slots = 200
			rows := layout.NewRows(kv, headDim, slots)
			for slot := range slots {
				src, got, want := make([]float32, headDim), make([]float32, headDim), make([]float32, headDim)
				for i := range src {
					src[i] = float32(r.NormFloat64() * math.Pow(10, float64(slot%9-4)))
					if slot%5 == 0 { // few different numbers, so that some are ties
						src[i] = float32(r.IntN(17) - 8)
					}
				}
				data := make([]byte, ct.RowBytes(headDim))
				checkpoint.Quantize(ct, data, src)
				ct.Dequantize(want, data)
				rows.Put(slot, src)
				rows.Get(got, slot)
				if d, at := worst(got, want); d != 0 {
					t.Fatalf("%v, head_dim %d, row %d: element %d is %g, want %g", kv, headDim, slot, at, got[at], want[at])
				}
			}
		}
	}
}

// The kernels of a quantised type are tested before its first cache, and one that
// fails is named. Caches of other types go on.
func TestWrongKernelsOfQuantisedCaches(t *testing.T) {
	for _, tc := range []struct {
		file, old, new, want string
	}{
		{"cache_q8_0", "i4 / 8u % 2u", "0u", "kernels attention q8_0 (1 token) and attention q8_0 (5 tokens) failed on "},
		{"cache_write_q4_0", "x + 8.5", "x + 8.0", "kernel cache_write q4_0 failed on "},
	} {
		c := models.FixtureConfig
		c.HeadDim = 64
		data, err := models.Fixture(c, checkpoint.F16, 1)
		if err != nil {
			t.Fatal(err)
		}
		e, err := openWith(context.Background(), openBytes(t, data), nil, GPU, sabotaged(t, tc.file, tc.old, tc.new))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(e.Close)
		for _, kv := range layout.CacheTypes {
			cache, err := e.NewCache(kv)
			if wrong := strings.HasSuffix(tc.file, kv.String()); !wrong {
				if err != nil {
					t.Fatalf("%s: %v", tc.file, err)
				}
				cache.Free()
			} else if err == nil || !strings.HasPrefix(err.Error(), tc.want) {
				t.Errorf("%s: %v, want an error with %q", tc.file, err, tc.want)
			}
		}
	}
}

// Heads that are no multiple of 32 are refused, in words.
func TestQuantisedCachesNeedWholeBlocks(t *testing.T) {
	e := openFixture(t, CPU, checkpoint.F16) // head_dim 16
	for _, kv := range quantisedTypes {
		_, err := e.Prefill(context.Background(), someTokens(10), Settings{KV: kv})
		want := "a cache of type " + kv.String() + " needs a head_dim that is a multiple of 32, and this model's is 16"
		if err == nil || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("%v: %v, want %q", kv, err, want)
		}
	}
}

// What a quantised cache weighs: blocks of 34 and of 18 bytes, rows in whole
// words, 12 bytes beside them.
func TestQuantisedCacheBytes(t *testing.T) {
	eachDevice(t, func(t *testing.T, kind DeviceKind) {
		for kv, row := range map[layout.CacheType]int{layout.CacheQ8_0: 2*(34+2) + 12, layout.CacheQ4_0: 2*(18+2) + 12} {
			e := openFixtureFor(t, kind, checkpoint.F16, kv)
			p := prefill(t, e, someTokens(100), kv, compress.Needs{})
			before := liveBytes(e)
			c := fork(t, p.Cache)
			r := c.Describe(decideFull(t, p))
			heads := e.Config.NLayers * e.Config.NKVHeads
			if want := heads * 100 * row; r.BytesFull != want || r.BytesOccupied != want {
				t.Errorf("%v: %d bytes full and %d occupied, want %d", kv, r.BytesFull, r.BytesOccupied, want)
			}
			// Room for 112 slots in every head, and on the GPU a table of two words per head.
			want := heads * 112 * row
			if kind == GPU {
				want += heads * 8
				if live := liveBytes(e) - before; live != r.BytesAllocated {
					t.Errorf("%v: the device has %d bytes more, the cache says %d", kv, live, r.BytesAllocated)
				}
			}
			if r.BytesAllocated != want {
				t.Errorf("%v: %d bytes allocated, want %d", kv, r.BytesAllocated, want)
			}
		}
	})
}

// Every method plans on a quantised cache, its plan is carried out, kept rows
// keep their bits, and the text goes on.
func TestEveryMethodOnQuantisedCaches(t *testing.T) {
	eachDevice(t, func(t *testing.T, kind DeviceKind) {
		for _, kv := range quantisedTypes {
			e := openFixtureFor(t, kind, checkpoint.F16, kv)
			for _, name := range compress.Names() {
				budget := 0.0
				if compress.TakesBudget(name) {
					budget = 0.5
				}
				m := newMethod(t, name, budget)
				p := prefill(t, e, someTokens(150), kv, m.Needs())
				if m.Needs().Future {
					if err := p.Future(context.Background(), someTokens(40)); err != nil {
						t.Fatal(err)
					}
				}
				k, v := rowsOf(t, p.Cache)
				plan, signals, _ := decide(t, p, m)
				if budget > 0 && plan.Ratio(signals) > 0.51 {
					t.Errorf("%v %s: kept %g of the slots, want 0.5", kv, name, plan.Ratio(signals))
				}
				c := fork(t, p.Cache)
				apply(t, c, plan)
				if c.Occupied() != plan.Rows()*c.RowBytes() {
					t.Errorf("%v %s: %d bytes occupied, want %d rows of %d", kv, name, c.Occupied(), plan.Rows(), c.RowBytes())
				}
				kOut, vOut := rowsOf(t, c)
				hd := e.Config.HeadDim
				for i, rows := range plan.Heads {
					for j, row := range rows {
						from, to := row.Pivot*hd, j*hd
						if row.Rule == compress.Keep &&
							(!sameBits(k[i][from:from+hd], kOut[i][to:to+hd]) || !sameBits(v[i][from:from+hd], vOut[i][to:to+hd])) {
							t.Fatalf("%v %s: head %d row %d is not slot %d's", kv, name, i, j, row.Pivot)
						}
					}
				}
				continuation(t, e, c, p.Logits, 10)
			}
		}
	})
}

// A merged row is the weighted sum of the dequantised rows, quantised once: at
// most half a step of its block off, or a whole one for what Q4_0 has no step for.
func TestMergingOnQuantisedCaches(t *testing.T) {
	eachDevice(t, func(t *testing.T, kind DeviceKind) {
		for _, kv := range quantisedTypes {
			e := openFixtureFor(t, kind, checkpoint.F16, kv)
			hd := e.Config.HeadDim
			p := prefill(t, e, someTokens(120), kv, compress.Needs{Mass: true, Cosine: true})
			k, v := rowsOf(t, p.Cache)
			check := func(what string, got, rows []float32, slots []int, w []float32, scale float64) {
				sum, top := make([]float64, hd), 0.0
				for m, slot := range slots {
					for d := range hd {
						sum[d] += scale * float64(w[m]) * float64(rows[slot*hd+d])
					}
				}
				for _, x := range sum {
					top = max(top, math.Abs(x))
				}
				for d, x := range sum {
					// The stored scale is within 2^-11 of the one that the steps were counted in.
					bound := 1e-4 + math.Abs(x)/2048
					switch {
					case kv == layout.CacheQ8_0:
						bound += top / 127 / 2
					case math.Abs(x) > 7.4/8*top:
						bound += top / 8
					default:
						bound += top / 8 / 2
					}
					if !(math.Abs(float64(got[d])-x) <= bound) {
						t.Fatalf("%v %s: element %d is %g, want %g give or take %g", kv, what, d, got[d], x, bound)
					}
				}
			}
			for _, m := range []compress.Method{newMethod(t, "kvmerger", 0, "eps", "0"), newMethod(t, "cam", 0.5)} {
				plan, _, _ := decide(t, p, m)
				c := fork(t, p.Cache)
				weights, err := c.ApplyWeights(plan)
				if err != nil {
					t.Fatal(err)
				}
				kOut, vOut := rowsOf(t, c)
				merged := 0
				for i, rows := range plan.Heads {
					for j, row := range rows {
						slots, keys, values := row.Slots, weights[i][j], weights[i][j]
						scale := float64(row.ValueScale)
						switch row.Rule {
						case compress.Keep:
							continue
						case compress.Explicit:
							slots, keys, values = row.Explicit()
							scale = 1
						}
						merged++
						check(m.Name()+": key", kOut[i][j*hd:(j+1)*hd], k[i], slots, keys, 1)
						check(m.Name()+": value", vOut[i][j*hd:(j+1)*hd], v[i], slots, values, scale)
					}
				}
				if merged < 20 {
					t.Errorf("%v: only %d rows were merged by %s", kv, merged, m.Name())
				}
			}
		}
	})
}

// What a cache type costs by itself, against f32 and without compression. The
// fixture's attention is sharp and its weights are noise, so this is far more
// than a trained model shows. Errors grow with the step, and KL with its square:
// an element of size 1 is about 1e-4 off as a half, 5e-3 as q8_0 and 8e-2 as q4_0.
func TestQuantisedCachesAgainstF32(t *testing.T) {
	eachDevice(t, func(t *testing.T, kind DeviceKind) {
		e := openFixtureFor(t, kind, checkpoint.F16, layout.CacheQ8_0)
		tokens := someTokens(150)
		want := logitsWith(t, e, tokens, layout.CacheF32)
		var kls []float64
		for _, kv := range []layout.CacheType{layout.CacheF16, layout.CacheQ8_0, layout.CacheQ4_0} {
			kls = append(kls, meanKL(e, want, logitsWith(t, e, tokens, kv)))
		}
		t.Logf("mean KL of f16, q8_0, q4_0 against f32: %.2g nats", kls)
		for i, within := range [][2]float64{{1e-6, 2e-5}, {1e-3, 1e-2}, {0.2, 1.5}} {
			if !(kls[i] >= within[0] && kls[i] <= within[1]) {
				t.Errorf("KL %g nats, want %g to %g", kls[i], within[0], within[1])
			}
		}
	})
}

// logitsWith returns the logits of every token, (n, vocab), read in chunks.
func logitsWith(t testing.TB, e *Engine, tokens []int, kv layout.CacheType) (all []float32) {
	t.Helper()
	p, err := e.Prefill(context.Background(), tokens, Settings{KV: kv, Chunk: 64, Logits: func(rows []float32) error {
		all = append(all, rows...)
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	p.Free()
	return all
}

// meanKL returns the mean of KL(want || got) over the rows of (n, vocab), in nats.
func meanKL(e *Engine, want, got []float32) float64 {
	var sum float64
	vocab := e.Config.VocabSize
	for at := 0; at < len(want); at += vocab {
		sum += Compare(want[at:at+vocab], got[at:at+vocab], 0).KL
	}
	return sum * float64(vocab) / float64(len(want))
}
