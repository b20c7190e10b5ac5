//go:build !js

package engine

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"keyfold/compress"
	"keyfold/cpu"
	"keyfold/engine/checkpoint"
	"keyfold/gpu"
	"keyfold/layout"
)

// The signals of the GPU are those of the CPU, and so are the plans, except
// where a decision stands closer to its threshold than f32 can tell.
func TestDevicesDecideAlike(t *testing.T) {
	check := func(t *testing.T, cpu, gpu *Engine, tokens []int, m compress.Method) {
		a, b := prefill(t, cpu, tokens, layout.CacheF32, m.Needs()), prefill(t, gpu, tokens, layout.CacheF32, m.Needs())
		planA, signalsA, ballotsA := decide(t, a, m)
		planB, signalsB, ballotsB := decide(t, b, m)
		for i := range signalsA.Heads {
			x, y := signalsA.Heads[i], signalsB.Heads[i]
			if d, at := worst(y.Mass, x.Mass); d > 1e-3 {
				t.Errorf("head %d: mass differs by %g at slot %d", i, d, at)
			}
			if d, at := worst(y.Cosine, x.Cosine); d > 1e-4 {
				t.Errorf("head %d: cosine differs by %g at slot %d", i, d, at)
			}
			for a := range x.Expected {
				if d, at := worst(y.Expected[a], x.Expected[a]); d > 2e-3 {
					t.Errorf("head %d: expected logit of query head %d differs by %g at slot %d", i, a, d, at)
				}
			}
			if d, at := worst(y.Reread, x.Reread); d > 1e-4 {
				t.Errorf("head %d: the most attention when read again differs by %g at slot %d", i, d, at)
			}
		}
		if ballotsA != nil {
			for name, pair := range map[string][2][]float32{
				"mu": {ballotsB.Mu, ballotsA.Mu}, "sd": {ballotsB.SD, ballotsA.SD}, "h": {ballotsB.Hidden, ballotsA.Hidden},
				"q": {ballotsB.SampledQueries, ballotsA.SampledQueries}, "q_last": {ballotsB.LastQueries, ballotsA.LastQueries},
			} {
				if d, at := worst(pair[0], pair[1]); d > 1e-3 {
					t.Errorf("%s differs by %g at %d", name, d, at)
				}
			}
		}
		differ, rows := 0, 0
		for i := range planA.Heads {
			if !slices.EqualFunc(planA.Heads[i], planB.Heads[i], func(x, y compress.Row) bool { return slices.Equal(x.Slots, y.Slots) }) {
				differ++
			}
			rows += len(planA.Heads[i])
		}
		// At most one head in ten, or one, may have a near tie.
		if differ > max(1, len(planA.Heads)/10) {
			t.Errorf("%d of %d heads keep other slots", differ, len(planA.Heads))
		}
		if got := planB.Rows(); math.Abs(float64(got-rows)) > 0.005*float64(rows) {
			t.Errorf("the GPU's plan has %d rows, the CPU's %d", got, rows)
		}
	}
	methods := map[string]compress.Method{
		"kvmerger":        newMethod(t, "kvmerger", 0, "eps", "0.3"),
		"kvmerger last":   newMethod(t, "kvmerger", 0, "mass", "last:32", "eps", "0.3"),
		"kvmerger budget": newMethod(t, "kvmerger", 0.5),
		"gvote":           newMethod(t, "gvote", 0),
		"gvote spread":    newMethod(t, "gvote", 0, "positions", "spread", "p_nuc", "0.8", "samples", "5"),
		"snapkv":          newMethod(t, "snapkv", 0.35),
		"expected":        newMethod(t, "expected", 0.35),
		"kvzip":           newMethod(t, "kvzip", 0.35),
		"votefold":        newMethod(t, "votefold", 0, "p_nuc", "0.7"),
		"ada:h2o":         newMethod(t, "ada:h2o", 0.35),
		"cam":             newMethod(t, "cam", 0.35),
		"pivot":           newMethod(t, "pivot", 0, "eps", "0.3"),
	}
	for name, m := range methods {
		t.Run("stories260K "+name, func(t *testing.T) {
			path := sharedData(t, "stories260K/stories260K.gguf")
			r := loadReference(t, "s260k_prompt64")
			check(t, open(t, path, CPU), open(t, path, GPU), r.Input, m)
		})
	}
	eachArchitecture(t, func(t *testing.T, f *checkpoint.File) {
		cpu, gpu := openFile(t, f, CPU), openFile(t, f, GPU)
		for name, m := range methods {
			t.Run(name, func(t *testing.T) { check(t, cpu, gpu, someTokens(150), m) })
		}
	})
}

// equalRuns overwrites a cache so that it has runs to merge without loss: three
// runs of equal keys and values among single slots.
func equalRuns(c *Cache, k, v [][]float32, headDim int) {
	for h := range k {
		for _, run := range [][2]int{{10, 4}, {20, 7}, {40, 2}} {
			for i := 1; i < run[1]; i++ {
				from, to := run[0]*headDim, (run[0]+i)*headDim
				copy(k[h][to:to+headDim], k[h][from:from+headDim])
				copy(v[h][to:to+headDim], v[h][from:from+headDim])
			}
		}
	}
	putRows(c, k, v, headDim)
}

// putRows overwrites an f32 cache's rows: (n_layers * n_kv_heads)(slots, head_dim).
func putRows(c *Cache, k, v [][]float32, headDim int) {
	kvHeads := len(c.layers[0].heads)
	for i := range k {
		l := c.layers[i/kvHeads]
		offset := l.heads[i%kvHeads].Offset
		if l.gpu.K != nil {
			if err := l.gpu.K.UploadFloats(4*offset*headDim, k[i]); err != nil {
				panic(err)
			}
			if err := l.gpu.V.UploadFloats(4*offset*headDim, v[i]); err != nil {
				panic(err)
			}
			continue
		}
		copy(l.cpu.K.Words[offset*headDim:], layout.FloatWords(k[i]))
		copy(l.cpu.V.Words[offset*headDim:], layout.FloatWords(v[i]))
	}
}

// attendAll returns the attention output over layer 0 of a cache for one query
// per head: (n_heads, head_dim).
func attendAll(t *testing.T, e *Engine, c *Cache, q []float32) []float32 {
	t.Helper()
	cfg := e.Config
	out, lse := make([]float32, cfg.QDim()), make([]float32, cfg.NHeads)
	if r, ok := e.r.(*gpuRunner); ok {
		buffers := map[string]int{"q": cfg.QDim(), "out": cfg.QDim(), "lse": cfg.NHeads}
		qBuf, err := r.d.NewBuffer("q", 4*buffers["q"])
		if err != nil {
			t.Fatal(err)
		}
		defer qBuf.Destroy()
		outBuf, err := r.d.NewBuffer("out", 4*buffers["out"])
		if err != nil {
			t.Fatal(err)
		}
		defer outBuf.Destroy()
		lseBuf, err := r.d.NewBuffer("lse", 4*buffers["lse"])
		if err != nil {
			t.Fatal(err)
		}
		defer lseBuf.Destroy()
		if err := qBuf.UploadFloats(0, q); err != nil {
			t.Fatal(err)
		}
		parts, err := r.d.NewParts(cfg.NHeads, cfg.NKVHeads, cfg.HeadDim)
		if err != nil {
			t.Fatal(err)
		}
		defer parts.Destroy()
		p := r.d.Begin()
		p.Attention(c.onGPU(0, 0), gpu.Queries{Buf: qBuf, N: 1, Stride: cfg.QDim(), Heads: cfg.NHeads, Scale: attentionScale(cfg)}, outBuf, lseBuf, parts)
		read := p.Read(outBuf, 0, outBuf.Size())
		if err := p.Submit(); err != nil {
			t.Fatal(err)
		}
		return read.Floats()
	}
	cpu.Attention(c.onCPU(0, 0), layout.Queries{Buf: q, N: 1, Stride: cfg.QDim(), Heads: cfg.NHeads, Scale: attentionScale(cfg)}, out, lse)
	return out
}

// On runs of identical keys and values `count` equals attention over the full
// cache; `convex` gives merged tokens too little; and `paper` is `count` times
// Σ n e^s / Σ e^s, an identity that holds on any cache.
func TestValueModesOnIdenticalRuns(t *testing.T) {
	eachDevice(t, func(t *testing.T, kind DeviceKind) {
		e := openFixture(t, kind, checkpoint.F16)
		cfg := e.Config
		p := prefill(t, e, someTokens(60), layout.CacheF32, newMethod(t, "kvmerger", 0).Needs())
		k, v := rowsOf(t, p.Cache)
		equalRuns(p.Cache, k, v, cfg.HeadDim)
		_, _, ballots := decide(t, prefill(t, e, someTokens(60), layout.CacheF32, newMethod(t, "gvote", 0).Needs()), newMethod(t, "gvote", 0))
		q := ballots.LastQueries[:cfg.QDim()] // of layer 0
		full := attendAll(t, e, p.Cache, q)

		out, caches := map[string][]float32{}, map[string]*Cache{}
		for _, values := range []string{"count", "convex", "paper", "effective"} {
			// Only identical neighbours have a cosine above 0.99999.
			plan, signals, _ := decide(t, p, newMethod(t, "kvmerger", 0, "eps", "0.99999", "recent", "0.1", "top", "0", "values", values))
			if merged := signals.Total() - plan.Rows(); merged < 8*len(plan.Heads) {
				t.Fatalf("%s: only %d slots were merged away", values, merged)
			}
			caches[values] = fork(t, p.Cache)
			apply(t, caches[values], plan)
			out[values] = attendAll(t, e, caches[values], q)
		}
		bound := map[DeviceKind]float64{CPU: 1e-5, GPU: 1e-4}[kind]
		for _, values := range []string{"count", "effective"} {
			if d := relative(out[values], full); d > bound {
				t.Errorf("%s differs from full attention by %g relative, want at most %g", values, d, bound)
			}
		}
		if d := relative(out["convex"], full); d < 100*bound {
			t.Errorf("convex differs from full attention by %g relative only: no sag to be seen", d)
		}

		// o_paper = o_count * sum(n e^s) / sum(e^s), per head, s without bias.
		kOut, _ := rowsOf(t, caches["count"])
		for h := range cfg.NHeads {
			kvHead := h / cfg.GroupSize()
			var weighted, plain float64
			for i := range caches["count"].Len(0, kvHead) {
				var s float64
				for d := range cfg.HeadDim {
					s += float64(q[h*cfg.HeadDim+d]) * float64(kOut[kvHead][i*cfg.HeadDim+d])
				}
				exp := math.Exp(s * float64(attentionScale(cfg)))
				weighted += float64(caches["count"].Slot(0, kvHead, i).N) * exp
				plain += exp
			}
			want := make([]float32, cfg.HeadDim)
			for d := range want {
				want[d] = float32(float64(out["count"][h*cfg.HeadDim+d]) * weighted / plain)
			}
			if d := relative(out["paper"][h*cfg.HeadDim:(h+1)*cfg.HeadDim], want); d > 10*bound {
				t.Errorf("head %d: paper differs from count * sum(n e^s)/sum(e^s) by %g relative", h, d)
			}
		}
	})
}

// relative returns ‖a − b‖ / ‖b‖.
func relative(a, b []float32) float64 {
	var diff, norm float64
	for i := range b {
		d := float64(a[i]) - float64(b[i])
		diff += d * d
		norm += float64(b[i]) * float64(b[i])
	}
	return math.Sqrt(diff / norm)
}

// The weights of every merged row sum to 1, the pivot has the largest, and the
// merged key is their sum.
func TestMergedRows(t *testing.T) {
	check := func(t *testing.T, e *Engine) {
		hd := e.Config.HeadDim
		p := prefill(t, e, someTokens(120), layout.CacheF32, newMethod(t, "kvmerger", 0).Needs())
		k, v := rowsOf(t, p.Cache)
		for _, values := range []string{"count", "paper"} {
			plan, _, _ := decide(t, p, newMethod(t, "kvmerger", 0, "eps", "0", "values", values))
			c := fork(t, p.Cache)
			weights, err := c.ApplyWeights(plan)
			if err != nil {
				t.Fatal(err)
			}
			kOut, vOut := rowsOf(t, c)
			merged := 0
			for i, rows := range plan.Heads {
				for j, row := range rows {
					if row.Rule == compress.Keep {
						continue
					}
					merged++
					var sum float64
					wantK, wantV := make([]float32, hd), make([]float32, hd)
					for m, slot := range row.Slots {
						w := float64(weights[i][j][m])
						sum += w
						if slot != row.Pivot && weights[i][j][m] > weights[i][j][slices.Index(row.Slots, row.Pivot)] {
							t.Errorf("head %d row %d: slot %d weighs more than the pivot %d", i, j, slot, row.Pivot)
						}
						for d := range hd {
							wantK[d] += float32(w * float64(k[i][slot*hd+d]))
							wantV[d] += float32(w * float64(v[i][slot*hd+d]) * float64(row.ValueScale))
						}
					}
					if !(math.Abs(sum-1) <= 1e-5) {
						t.Errorf("head %d row %d: weights sum to %g", i, j, sum)
					}
					if d, _ := worst(kOut[i][j*hd:(j+1)*hd], wantK); d > 1e-4 {
						t.Errorf("head %d row %d: key differs from the weighted sum by %g", i, j, d)
					}
					if d, _ := worst(vOut[i][j*hd:(j+1)*hd], wantV); d > 1e-4 {
						t.Errorf("head %d row %d: value differs from the weighted sum by %g", i, j, d)
					}
				}
			}
			if merged < 20 {
				t.Errorf("%s: only %d rows were merged", values, merged)
			}
		}
	}
	eachDevice(t, func(t *testing.T, kind DeviceKind) {
		eachArchitecture(t, func(t *testing.T, f *checkpoint.File) { check(t, openFile(t, f, kind)) })
	})
}

// GVote's keep-set grows with the samples and with the nucleus, is bounded by
// the ballots, contains the last query's own nucleus, and is everything at p_nuc 1.
func TestGVoteKeepSets(t *testing.T) {
	eachDevice(t, func(t *testing.T, kind DeviceKind) {
		e := openFixture(t, kind, checkpoint.F16)
		p := prefill(t, e, someTokens(200), layout.CacheF32, newMethod(t, "gvote", 0).Needs())
		kept := func(options ...string) ([]map[int]bool, *compress.Signals) {
			plan, signals, _ := decide(t, p, newMethod(t, "gvote", 0, options...))
			var sets []map[int]bool
			for _, rows := range plan.Heads {
				set := map[int]bool{}
				for _, row := range rows {
					set[row.Pivot] = true
				}
				sets = append(sets, set)
			}
			return sets, signals
		}
		contains := func(what string, larger, smaller []map[int]bool) {
			for h := range smaller {
				for slot := range smaller[h] {
					if !larger[h][slot] {
						t.Errorf("%s: head %d lost slot %d", what, h, slot)
					}
				}
			}
		}
		var last []map[int]bool
		for _, samples := range []int{1, 2, 5, 8, 16} {
			sets, signals := kept("samples", fmt.Sprint(samples))
			if last != nil {
				contains(fmt.Sprintf("%d samples", samples), sets, last)
			}
			last = sets
			for h := range sets {
				bound := 4 + 1
				for _, b := range signals.Heads[h].BStep {
					bound += (samples + 1) * b
				}
				if len(sets[h]) > bound {
					t.Errorf("%d samples: head %d keeps %d slots, the ballots allow %d", samples, h, len(sets[h]), bound)
				}
			}
		}
		last = nil
		for _, pNuc := range []string{"0.5", "0.8", "0.95", "0.99"} {
			sets, _ := kept("p_nuc", pNuc)
			if last != nil {
				contains("p_nuc "+pNuc, sets, last)
			}
			last = sets
		}
		all, _ := kept("p_nuc", "1")
		for h := range all {
			if len(all[h]) != 200 {
				t.Errorf("p_nuc 1: head %d keeps %d of 200 slots", h, len(all[h]))
			}
		}
		// C_0 alone: what a run with it keeps beyond a run without it is C_0.
		with, _ := kept()
		without, signals := kept("include_c0", "false")
		contains("include_c0", with, without)
		for h := range with {
			most := 0
			for _, b := range signals.Heads[h].BStep {
				most += b
			}
			if extra := len(with[h]) - len(without[h]); extra > most {
				t.Errorf("head %d: C_0 added %d slots, it has at most %d", h, extra, most)
			}
		}
		// Another seed draws other queries.
		other, err := compress.New(compress.Settings{Name: "gvote", Seed: 2})
		if err != nil {
			t.Fatal(err)
		}
		_, _, a := decide(t, p, newMethod(t, "gvote", 0))
		_, _, b := decide(t, p, other)
		if d, _ := worst(a.Hidden, b.Hidden); d < 0.1 {
			t.Error("two seeds draw the same hidden states")
		}
	})
}

// With rounded cache elements two honest implementations may round a key
// differently, so logits agree less well; they may not differ by more than that.
// A quantised element that falls on the other side of a tie is a whole step off,
// up to 1/127 and 1/8 of its block's largest, but only one in thousands does.
func TestDevicesAgreeWithRoundedCaches(t *testing.T) {
	check := func(t *testing.T, cpu, gpu *Engine, tokens []int, kv layout.CacheType) {
		want, got := logitsWith(t, cpu, tokens, kv), logitsWith(t, gpu, tokens, kv)
		d, at := worst(got, want)
		kl := meanKL(cpu, want, got)
		t.Logf("logits differ by %g, mean KL %g", d, kl)
		if bound := map[layout.CacheType]float64{layout.CacheF16: 0.1, layout.CacheQ8_0: 0.1, layout.CacheQ4_0: 1}[kv]; d > bound {
			t.Errorf("logits differ by %g at %d, want at most %g", d, at, bound)
		}
		if kl > 1e-4 {
			t.Errorf("mean KL is %g nats, want at most 1e-4", kl)
		}
	}
	for _, kv := range []layout.CacheType{layout.CacheF16, layout.CacheQ8_0, layout.CacheQ4_0} {
		t.Run("fixture "+kv.String(), func(t *testing.T) {
			check(t, openFixtureFor(t, CPU, checkpoint.F16, kv), openFixtureFor(t, GPU, checkpoint.F16, kv), someTokens(150), kv)
		})
	}
	t.Run("stories260K", func(t *testing.T) {
		path := sharedData(t, "stories260K/stories260K.gguf")
		check(t, open(t, path, CPU), open(t, path, GPU), loadReference(t, "s260k_prompt64").Input, layout.CacheF16)
	})
}
