//go:build !js

package engine

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"keyfold/compress"
	"keyfold/engine/checkpoint"
	"keyfold/layout"
	"keyfold/models"
)

// edited returns the fixture in F32 with a tensor changed.
func edited(t testing.TB, cfg checkpoint.Config, name string, change func(x []float32)) *checkpoint.File {
	t.Helper()
	data, err := models.Fixture(cfg, checkpoint.F32, 1)
	if err != nil {
		t.Fatal(err)
	}
	f := openBytes(t, data)
	tensor, ok := f.Tensor(name)
	if !ok {
		t.Fatalf("no tensor %s", name)
	}
	raw := make([]byte, tensor.Bytes())
	if err := f.ReadRows(tensor, 0, tensor.Rows, raw); err != nil {
		t.Fatal(err)
	}
	at := bytes.Index(data, raw)
	x := make([]float32, tensor.Rows*tensor.Cols)
	checkpoint.F32.Dequantize(x, raw)
	change(x)
	checkpoint.Quantize(checkpoint.F32, data[at:at+len(raw)], x)
	return openBytes(t, data)
}

// A weight that is no number is found while it is loaded, whichever tensor it is in.
func TestWeightsThatAreNoNumbers(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 0))
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	for _, tensor := range fixtureFile(t, checkpoint.F32).Tensors() {
		bad, row, col := []float32{nan, inf, -inf}[r.IntN(3)], r.IntN(tensor.Rows), r.IntN(tensor.Cols)
		f := edited(t, models.FixtureConfig, tensor.Name, func(x []float32) { x[row*tensor.Cols+col] = bad })
		want := fmt.Sprintf("fixture: tensor %s: weight %d of row %d is %g, want a number", tensor.Name, col, row, bad)
		if _, err := Open(context.Background(), f, nil, CPU); err == nil || err.Error() != want {
			t.Errorf("error %v, want %s", err, want)
		}
	}
}

// Logits that are no numbers are found at the step that made them, read back or not.
func TestLogitsThatAreNoNumbers(t *testing.T) {
	eachDevice(t, func(t *testing.T, kind DeviceKind) {
		huge := openFile(t, edited(t, models.FixtureConfig, "output_norm.weight", func(x []float32) {
			for i := range x {
				x[i] = 3e38
			}
		}), kind)
		_, err := huge.Prefill(context.Background(), someTokens(20), Settings{})
		wantNoNumber(t, "a prompt", err, "the logit of token", "at position 19 (step 12)")
		_, err = huge.Prefill(context.Background(), someTokens(20), Settings{Logits: func([]float32) error { return nil }})
		wantNoNumber(t, "all logits", err, "the logit of token", "at position 0 (step 12)")

		e := openFixture(t, kind, checkpoint.F16)
		e.Tokenizer = nil                                                          // so that no token ends the text
		for _, sampler := range []Sampler{greedy, {RepeatPenalty: 1.1, TopP: 1}} { // the device chooses, or we do
			p := prefill(t, e, someTokens(20), layout.CacheF32, compress.Needs{})
			poison(t, p.Cache, 1, 0, float32(math.NaN()))
			err := p.Generate(context.Background(), Generation{N: 3, Sampler: sampler, Emit: func(Token) error { return nil }})
			wantNoNumber(t, "a decoded token", err, "at position 20 (step 12)")
		}
	})
}

func wantNoNumber(t *testing.T, what string, err error, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("%s: error %v, want %q in it", what, err, part)
		}
	}
}

// poison puts x in the first key and value of a head.
func poison(t *testing.T, c *Cache, layer, head int, x float32) {
	t.Helper()
	k, v, err := c.layerRows(layer)
	if err != nil {
		t.Fatal(err)
	}
	k[head].Words[0], v[head].Words[0] = math.Float32bits(x), math.Float32bits(x)
	if err := c.r.writeRows(c.layers[layer], k, v); err != nil {
		t.Fatal(err)
	}
}

// Signals that are no numbers are found when they are measured, by layer, head and slot.
func TestSignalsThatAreNoNumbers(t *testing.T) {
	e := openFixture(t, CPU, checkpoint.F16)
	needs := newMethod(t, "kvmerger", 0.5).Needs()
	needs.Expected = newMethod(t, "expected", 0.5).Needs().Expected
	p := prefill(t, e, someTokens(20), layout.CacheF32, needs)
	if _, err := p.Measure(needs); err != nil {
		t.Fatal(err)
	}
	poison(t, p.Cache, 1, 0, 1e30) // a number, but not its square
	_, err := p.Measure(compress.Needs{Expected: needs.Expected})
	wantNoNumber(t, "a large key", err, "layer 1 head 0 slot 0: expected attention is +Inf, want a number")

	for _, bad := range []float32{float32(math.NaN()), float32(math.Inf(-1))} {
		for name, spoil := range map[string]func(h *compress.Head){
			"attention received":                    func(h *compress.Head) { h.Mass = []float32{0, bad} },
			"cosine of neighbouring keys":           func(h *compress.Head) { h.Cosine = []float32{0, bad} },
			"length of the value":                   func(h *compress.Head) { h.ValueNorm = []float32{0, bad} },
			"attention when the text is read again": func(h *compress.Head) { h.Reread = []float32{0, bad} },
			"attention of the text that follows":    func(h *compress.Head) { h.Future = []float32{0, bad} },
			"expected attention":                    func(h *compress.Head) { h.Expected = [][]float32{{0, 0}, {0, bad}} },
		} {
			s := &compress.Signals{NLayers: 2, NKVHeads: 3, Heads: make([]compress.Head, 6)}
			spoil(&s.Heads[4])
			wantNoNumber(t, name, checkSignals(s), fmt.Sprintf("layer 1 head 1 slot 1: %s is %g, want a number", name, bad))
		}
	}
}

// What an f16 cache cuts is what a float32 one holds beyond 65504, on both devices.
func TestSaturation(t *testing.T) {
	const tokens = saturationSlots + 20
	big := func(x []float32) {
		for i := range x {
			x[i] *= 2e5
		}
	}
	eachDevice(t, func(t *testing.T, kind DeviceKind) {
		for _, part := range []string{"attn_k", "attn_v"} {
			e := openFile(t, edited(t, models.FixtureConfig, "blk.0."+part+".weight", big), kind)
			full := prefill(t, e, someTokens(tokens), layout.CacheF32, compress.Needs{})
			want, of := 0, 0
			k, v := rowsOf(t, full.Cache)
			for h := range k {
				first := saturationSlots * e.Config.HeadDim
				for _, x := range append(k[h][:first:first], v[h][:first]...) {
					if of++; math.Abs(float64(x)) > 65504 {
						want++
					}
				}
			}
			if s, err := full.Cache.Saturation(); err != nil || s != nil {
				t.Errorf("%s: float32 has %+v, %v", part, s, err)
			}
			half := prefill(t, e, someTokens(tokens), layout.CacheF16, compress.Needs{})
			s, err := half.Cache.Saturation()
			if err != nil || s == nil {
				t.Fatalf("%s: %+v, %v", part, s, err)
			}
			// Layers behind the first read what was cut, so theirs may differ.
			if s.Of != of || s.Slots != saturationSlots || s.Elements < want*9/10 || s.Elements > want*11/10+1 || want < 100 {
				t.Errorf("%s: %+v, want about %d of %d", part, *s, want, of)
			}
		}
		for _, kv := range layout.CacheTypes {
			e := openFixtureFor(t, kind, checkpoint.F16, kv)
			p := prefill(t, e, someTokens(tokens), kv, compress.Needs{})
			if s, err := p.Cache.Saturation(); err != nil || s != nil {
				t.Errorf("%v: %+v, %v, want nothing", kv, s, err)
			}
		}
	})
}

// Two texts that differ as much as float32 allows are compared in numbers.
func TestQualityOfExtremes(t *testing.T) {
	full, comp := []float32{3e38, -3e38}, []float32{-3e38, 3e38}
	q := Compare(full, comp, 0)
	s := &Shadow{}
	r := s.Describe([]TokenReport{{KL: &q.KL, DeltaNLL: &q.DeltaNLL, Top1: &q.Top1}}, "")
	for name, x := range map[string]float64{"kl": q.KL, "delta nll": q.DeltaNLL, "kl mean": r.KLMean, "kl p95": r.KLP95, "perplexity": r.PPLRatio} {
		if math.IsNaN(x) || math.IsInf(x, 0) {
			t.Errorf("%s is %g", name, x)
		}
	}
}
