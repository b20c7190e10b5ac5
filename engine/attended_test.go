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

// What the last queries of a prompt paid, measured afterwards, is what a prefill
// that counts them alone collects: also in a copy of the cache, and when the
// window lies in two chunks.
func TestWindowIsTheMassOfTheLastQueries(t *testing.T) {
	eachDevice(t, func(t *testing.T, kind DeviceKind) {
		e := openFixture(t, kind, checkpoint.F16)
		for _, tokens := range []int{1, 5, 120, 230} { // chunks of 100
			for _, w := range []int{1, 5, 30, 64} {
				if w > tokens {
					continue
				}
				needs := compress.Needs{Mass: true, MassLast: w, LastQueries: 64}
				p := prefill(t, e, someTokens(tokens), layout.CacheF16, needs)
				for _, what := range []string{"the cache of the prefill", "a copy"} {
					signals, err := p.Measure(needs)
					if err != nil {
						t.Fatal(err)
					}
					got, err := signals.Window(w)
					if err != nil {
						t.Fatal(err)
					}
					for h := range got {
						// w shares of at most 1, each off by the float32 rounding of its exponent; 1e-6 in all on lavapipe.
						if d, at := worst(got[h], signals.Heads[h].Mass); d > 2e-6*float64(w) {
							t.Errorf("%d tokens, %s: head %d: attention of the last %d queries to slot %d differs by %g", tokens, what, h, w, at, d)
						}
					}
					t.Cleanup(p.Cache.Free)
					p.Cache = fork(t, p.Cache)
				}
			}
		}
	})
}

// Expected attention against its definition, from the queries themselves.
func TestExpectedAttention(t *testing.T) {
	const tokens, skip, horizon = 150, 4, 512
	eachDevice(t, func(t *testing.T, kind DeviceKind) {
		e, needs := openFixture(t, kind, checkpoint.F16), newMethod(t, "expected", 0.5).Needs()
		p := prefill(t, e, someTokens(tokens), layout.CacheF32, needs)
		signals, err := p.Measure(needs)
		if err != nil {
			t.Fatal(err)
		}
		k, v := rowsOf(t, p.Cache)

		// The queries of all tokens, as they were before RoPE.
		cpu := openFixture(t, CPU, checkpoint.F16)
		all := prefill(t, cpu, someTokens(tokens), layout.CacheF32, compress.Needs{LastQueries: tokens})
		cfg, hd := e.Config, e.Config.HeadDim
		row := cfg.QDim() + 2*cfg.KVDim()
		turn := func(pos, i int) (cos, sin float64) {
			s, c := math.Sincos(float64(pos) * math.Pow(cfg.RopeBase, -2*float64(i)/float64(hd)))
			return c, s
		}
		r := make([][]float64, hd) // the mean of the rotations ahead, as a matrix
		for i := range r {
			r[i] = make([]float64, hd)
		}
		for pos := tokens; pos < tokens+horizon; pos++ {
			for i := range hd / 2 {
				c, s := turn(pos, i)
				r[2*i][2*i] += c / horizon
				r[2*i+1][2*i+1] += c / horizon
				r[2*i][2*i+1] -= s / horizon
				r[2*i+1][2*i] += s / horizon
			}
		}
		rows := find[*lastQueries](all).rows.cpu
		for l := range cfg.NLayers {
			for a := range cfg.NHeads {
				mean, cov := make([]float64, hd), make([]float64, hd*hd)
				var queries [][]float64
				for pos := skip; pos < tokens; pos++ {
					q := make([]float64, hd)
					for i := range hd / 2 {
						c, s := turn(pos, i)
						x := float64(rows[l][pos*row+a*hd+2*i])
						y := float64(rows[l][pos*row+a*hd+2*i+1])
						q[2*i], q[2*i+1] = x*c+y*s, y*c-x*s
					}
					queries = append(queries, q)
					for i := range hd {
						mean[i] += q[i] / (tokens - skip)
					}
				}
				for _, q := range queries {
					for i := range hd {
						for j := range hd {
							cov[i*hd+j] += (q[i] - mean[i]) * (q[j] - mean[j]) / (tokens - skip)
						}
					}
				}
				h := l*cfg.NKVHeads + a/cfg.GroupSize()
				for j := range tokens {
					turned := make([]float64, hd) // Rᵀ k
					for i := range hd {
						for m := range hd {
							turned[i] += r[m][i] * float64(k[h][j*hd+m])
						}
					}
					var z, square float64
					for i := range hd {
						z += turned[i] * mean[i] / math.Sqrt(float64(hd))
						for m := range hd {
							z += turned[i] * cov[i*hd+m] * turned[m] / float64(2*hd)
						}
						square += float64(v[h][j*hd+i]) * float64(v[h][j*hd+i])
					}
					// On a device the queries come out of float32 layers, and their products are summed in float32.
					if got := float64(signals.Heads[h].Expected[a%cfg.GroupSize()][j]); !(math.Abs(got-z) <= 1e-4*math.Max(1, math.Abs(z))) {
						t.Fatalf("layer %d query head %d slot %d: expected logit %g, want %g", l, a, j, got, z)
					}
					// A float32 sum of head_dim squares, and a root.
					if got := float64(signals.Heads[h].ValueNorm[j]); !(math.Abs(got-math.Sqrt(square)) <= 1e-5*math.Sqrt(square)) {
						t.Fatalf("layer %d head %d slot %d: the value is %g long, want %g", l, h, j, got, math.Sqrt(square))
					}
				}
			}
		}
	})
}

// What tokens behind the prompt pay is what a prefill of the whole counts for
// them, and two texts behind one prompt add up.
func TestFuture(t *testing.T) {
	const tokens, behind = 130, 20
	eachDevice(t, func(t *testing.T, kind DeviceKind) {
		e, text := openFixture(t, kind, checkpoint.F16), someTokens(tokens+behind)
		whole := prefill(t, e, text, layout.CacheF32, compress.Needs{Mass: true, MassLast: behind})
		want, err := whole.Measure(compress.Needs{Mass: true, MassLast: behind})
		if err != nil {
			t.Fatal(err)
		}
		p := prefill(t, e, text[:tokens], layout.CacheF32, compress.Needs{})
		for times := 1; times <= 2; times++ {
			if err := p.Future(context.Background(), text[tokens:]); err != nil {
				t.Fatal(err)
			}
			got, err := p.Measure(compress.Needs{Future: true})
			if err != nil {
				t.Fatal(err)
			}
			for h := range got.Heads {
				if n := len(got.Heads[h].Future); n != tokens {
					t.Fatalf("head %d: attention to %d slots, want %d", h, n, tokens)
				}
				// Sums of 20 shares each, whose float32 exponents come out of chunks of other sizes.
				for j, paid := range got.Heads[h].Future {
					if w := float32(times) * want.Heads[h].Mass[j]; !(math.Abs(float64(paid-w)) <= 1e-4) {
						t.Fatalf("%d times, head %d slot %d: paid %g, want %g", times, h, j, paid, w)
					}
				}
			}
		}
		if p.Cache.Next() != tokens {
			t.Errorf("the cache holds %d tokens after it was read behind, want %d", p.Cache.Next(), tokens)
		}
	})
}

// Logits tells oracle the tokens behind the prefill, and says so where there are none.
func TestLogitsOfAMethodThatKnowsTheFuture(t *testing.T) {
	const tokens, behind = 80, 6
	e, text, m := openFixture(t, CPU, checkpoint.F16), someTokens(tokens+behind), newMethod(t, "oracle", 0.3)
	p := prefill(t, e, text[:tokens], layout.CacheF32, compress.Needs{})
	if err := p.Future(context.Background(), text[tokens:]); err != nil {
		t.Fatal(err)
	}
	plan, _, _ := decide(t, p, m)
	apply(t, p.Cache, plan)
	err := p.Read(context.Background(), text[tokens:])
	if err != nil {
		t.Fatal(err)
	}
	got := e.allLogits(t, text, DefaultChunk, m, tokens)
	// One by one and as a chunk: float32 products that may be summed in another order.
	if d, at := worst(got[len(got)-e.Config.VocabSize:], p.Logits); d > 1e-3 {
		t.Errorf("the last logits differ by %g at %d from those behind oracle's plan", d, at)
	}
	_, err = e.Prefill(context.Background(), text, Settings{Method: m, Future: text[len(text):]})
	if err == nil || !strings.Contains(err.Error(), "no token follows the prompt") {
		t.Errorf("without tokens behind the prefill: error %v", err)
	}
}

// Reading again keeps the most that one query pays: of all prefixes of the text
// read behind the prompt, the largest step. With a group of one the mean over
// the group is the most of it.
func TestReread(t *testing.T) {
	const tokens = 12
	shape := models.FixtureConfig
	shape.NKVHeads = shape.NHeads
	data, err := models.Fixture(shape, checkpoint.F16, 1)
	if err != nil {
		t.Fatal(err)
	}
	eachDevice(t, func(t *testing.T, kind DeviceKind) {
		e, text := openFile(t, openBytes(t, data), kind), someTokens(tokens)
		e.Tokenizer = nil // no lead-in
		p := prefill(t, e, text, layout.CacheF32, compress.Needs{Reread: true})
		got, err := p.Measure(compress.Needs{Reread: true})
		if err != nil {
			t.Fatal(err)
		}
		most, before := make([][]float64, len(got.Heads)), make([][]float32, len(got.Heads))
		for n := 1; n <= tokens; n++ {
			find[*future](p).paid = nil
			if err := p.Future(context.Background(), text[:n]); err != nil {
				t.Fatal(err)
			}
			for h, sum := range find[*future](p).paid {
				if n == 1 {
					most[h], before[h] = make([]float64, tokens), make([]float32, tokens)
				}
				for j := range sum {
					most[h][j] = math.Max(most[h][j], float64(sum[j]-before[h][j]))
				}
				before[h] = sum
			}
		}
		for h := range most {
			for j, want := range most[h] {
				// want is the difference of two float32 sums of up to 12 shares.
				if paid := float64(got.Heads[h].Reread[j]); !(math.Abs(paid-want) <= 1e-4) {
					t.Errorf("head %d slot %d: the most paid is %g, want %g", h, j, paid, want)
				}
			}
		}
	})
}

// Where the context has no room for all of the text, it is read in pieces, and
// with a tokenizer behind a lead-in.
func TestRereadInPieces(t *testing.T) {
	shape := models.FixtureConfig
	shape.SeqLen = 200
	data, err := models.Fixture(shape, checkpoint.F16, 1)
	if err != nil {
		t.Fatal(err)
	}
	e := openFile(t, openBytes(t, data), CPU)
	e.Tokenizer = nil
	text := someTokens(180)
	p := prefill(t, e, text, layout.CacheF32, compress.Needs{Reread: true})
	want, err := p.attentionBehind(context.Background(), slices.Collect(slices.Chunk(text, 20)), true)
	if err != nil {
		t.Fatal(err)
	}
	for h := range want {
		if d, at := worst(find[*reread](p).paid[h], want[h]); d > 0 {
			t.Errorf("head %d: slot %d differs by %g from that of pieces of 20", h, at, d)
		}
	}

	e = openFile(t, openBytes(t, data), CPU)
	first, err := e.Tokenizer.Encode(rereadFirst, false)
	if err != nil {
		t.Fatal(err)
	}
	rest, err := e.Tokenizer.Encode(rereadRest, false)
	if err != nil {
		t.Fatal(err)
	}
	text = someTokens(100)
	a := 200 - 100 - len(first) // tokens of the first piece
	if a <= rereadOverlap || a+200-100-len(rest)-rereadOverlap < 100 {
		t.Fatalf("lead-ins of %d and %d tokens: choose another context", len(first), len(rest))
	}
	p = prefill(t, e, text, layout.CacheF32, compress.Needs{Reread: true})
	want, err = p.attentionBehind(context.Background(),
		[][]int{slices.Concat(first, text[:a]), slices.Concat(rest, text[a-rereadOverlap:])}, true)
	if err != nil {
		t.Fatal(err)
	}
	for h := range want {
		if d, at := worst(find[*reread](p).paid[h], want[h]); d > 0 {
			t.Errorf("with lead-ins, head %d: slot %d differs by %g", h, at, d)
		}
	}
	e.Tokenizer = nil
	_, err = e.Prefill(context.Background(), someTokens(200), Settings{Needs: compress.Needs{Reread: true}})
	if err == nil || !strings.Contains(err.Error(), "a prompt of 200 tokens and a lead-in of 0 leave no room in the context of 200") {
		t.Errorf("a full context: error %v", err)
	}
}

// What was not collected is refused, and not answered with zeros.
func TestSignalsThatWereNotCollected(t *testing.T) {
	e := openFixture(t, CPU, checkpoint.F16)
	p := prefill(t, e, someTokens(20), layout.CacheF16, compress.Needs{})
	const noMass = "engine: the prompt was read without counting the attention that its slots receive"
	for method, want := range map[string]string{
		"h2o":      noMass,
		"kvmerger": noMass,
		"cam":      noMass,
		"snapkv":   "engine: the prompt was read with the queries of its last 0 tokens kept, want 64",
		"expected": "engine: the prompt was read without the statistics of its queries behind the first 4 tokens",
		"kvzip":    "engine: the prompt was not read a second time",
		"oracle":   "engine: the tokens that follow the prompt are not known",
	} {
		if _, _, err := p.Decide(newMethod(t, method, 0.5)); err == nil || err.Error() != want {
			t.Errorf("%s: error %v\nwant  %s", method, err, want)
		}
	}
	if err := p.Future(context.Background(), nil); err == nil {
		t.Error("a future without tokens was accepted")
	}
	p = prefill(t, e, someTokens(20), layout.CacheF16, compress.Needs{Expected: &compress.ExpectedOptions{NSkip: 3, Horizon: 512}})
	if _, _, err := p.Decide(newMethod(t, "expected", 0.5)); err == nil || !strings.Contains(err.Error(), "behind the first 4 tokens") {
		t.Errorf("statistics behind the first 3 tokens instead of 4: error %v", err)
	}
	for _, tc := range []struct {
		collected compress.Needs
		m         compress.Method
		want      string
	}{
		{compress.Needs{Mass: true, MassLast: 8}, newMethod(t, "h2o", 0.5),
			"engine: the prompt was read counting the attention paid by the last 8 tokens, want that by all tokens"},
		{compress.Needs{Mass: true}, newMethod(t, "kvmerger", 0, "mass", "last:8"),
			"engine: the prompt was read counting the attention paid by all tokens, want that by the last 8 tokens"},
		{compress.Needs{Mass: true}, newMethod(t, "gvote", 0),
			"engine: the prompt was read without the statistics of its hidden states behind the first 4 tokens"},
		{newMethod(t, "gvote", 0).Needs(), newMethod(t, "gvote", 0, "n_s", "0"),
			"engine: the prompt was read without the statistics of its hidden states behind the first 0 tokens"},
	} {
		p = prefill(t, e, someTokens(40), layout.CacheF16, tc.collected)
		if _, _, err := p.Decide(tc.m); err == nil || err.Error() != tc.want {
			t.Errorf("%s: error %v\nwant  %s", tc.m.Name(), err, tc.want)
		}
	}
	p = prefill(t, e, someTokens(20), layout.CacheF16, compress.Needs{LastQueries: 64})
	signals, err := p.Measure(compress.Needs{LastQueries: 64})
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range []int{0, 21} {
		if _, err := signals.Window(w); err == nil {
			t.Errorf("a window of %d queries of a prompt of 20 tokens was accepted", w)
		}
	}
}

// Signals of another text than the cache's are refused: after tokens that left
// none, and after they were given back.
func TestSignalsOfAnotherText(t *testing.T) {
	e, text := openFixture(t, CPU, checkpoint.F16), someTokens(60)
	for _, m := range []compress.Method{newMethod(t, "h2o", 0.5), newMethod(t, "snapkv", 0.5),
		newMethod(t, "gvote", 0), newMethod(t, "expected", 0.5)} {
		p := prefill(t, e, text[:40], layout.CacheF16, m.Needs())
		if err := p.Read(context.Background(), text[40:]); err != nil {
			t.Fatal(err)
		}
		want := "engine: the signals are those of a text of 40 tokens, the cache holds 60"
		if _, _, err := p.Decide(m); err == nil || err.Error() != want {
			t.Errorf("%s after tokens that nobody traced: error %v\nwant  %s", m.Name(), err, want)
		}
	}
	p := prefillToCompress(t, e, text, layout.CacheF16, newMethod(t, "h2o", 0.5), 0)
	compressPrompt(t, p)
	want := "engine: the prompt has no signals, or they were given back after its only compression"
	if _, _, err := p.Compress(); err == nil || err.Error() != want {
		t.Errorf("compressed a second time: error %v\nwant  %s", err, want)
	}
}
