//go:build !js

package main

import (
	"math"
	"os"
	"path/filepath"
	"testing"

	"keyfold/engine/checkpoint"
	"keyfold/models"
)

// Logits of tokens that are read and then decoded on a quantised cache are those
// of a float64 forward that quantises its keys and values by the same rules.
//
// It cannot be as close as without rounding: an element near a tie falls on the
// other side of it, a whole step away. The 1e-6 by which the two differ before
// that is 1e-4 of a step of q8_0 and 1e-5 of one of q4_0; there are 40,000
// elements. So the bounds are those of f16 between two devices: 0.1 for a logit
// and 1e-4 nats for the mean KL; 1 for a logit on q4_0, whose step is 16 times
// as wide. What the rounding itself does is much more, and so is a float64
// forward that leaves it out, or takes the wrong half of it.
func TestLogitsOnQuantisedCaches(t *testing.T) {
	c := models.FixtureConfig
	c.HeadDim = 32
	data, err := models.Fixture(c, checkpoint.F16, 1)
	if err != nil {
		t.Fatal(err)
	}
	model := filepath.Join(t.TempDir(), "wide.gguf")
	if err := os.WriteFile(model, data, 0o644); err != nil {
		t.Fatal(err)
	}
	tokens := sampleIDs(110, c.VocabSize)
	for _, device := range devices(t) {
		for kv, bound := range map[string]float64{"q8_0": 0.1, "q4_0": 1} {
			t.Run(device+" "+kv, func(t *testing.T) {
				file := filepath.Join(t.TempDir(), "logits.f32")
				mustRun(t, "logits", "-model", model, "-device", device, "-kv", kv, "-method", "full", "-prefill", "70",
					"-tokens", idList(tokens), "-o", file)
				got := readFloats(t, file)
				// differs returns the largest difference and the mean KL, with a float64 cache that stores rows so.
				differs := func(store func([]float64) []float64) (most, kl float64) {
					m := newForward64(t, model)
					m.store = store
					for pos, token := range tokens {
						want := m.feed(token, pos)
						row := got[pos*c.VocabSize : (pos+1)*c.VocabSize]
						for i, x := range want {
							most = math.Max(most, math.Abs(x-row[i]))
						}
						kl += kl64(want, row) / float64(len(tokens))
					}
					return most, kl
				}
				most, kl := differs(func(row []float64) []float64 { return quantised64(kv, row, roundAway) })
				t.Logf("logits differ by %.2g, mean KL %.2g", most, kl)
				if most > bound || kl > 1e-4 {
					t.Errorf("logits differ by %g, mean KL %g nats; want at most %g and 1e-4", most, kl, bound)
				}
				for what, store := range map[string]func([]float64) []float64{
					"exact rows":        nil,
					"rounding downward": func(row []float64) []float64 { return quantised64(kv, row, math.Floor) },
				} {
					if _, kl := differs(store); kl < 1e-3 {
						t.Errorf("with %s the mean KL is %g nats only, which would not be noticed", what, kl)
					} else {
						t.Logf("with %s: mean KL %.2g", what, kl)
					}
				}
			})
		}
	}
}

func roundAway(x float64) float64 { return math.Copysign(math.Floor(math.Abs(x)+0.5), x) }

// quantised64 returns what a cache of type kv makes of a row, written from
// llama.cpp's definitions: blocks of 32, a scale of 11 bits in front.
func quantised64(kv string, row []float64, round func(float64) float64) []float64 {
	out := make([]float64, len(row))
	for b := 0; b < len(row); b += 32 {
		top := 0.0
		for _, x := range row[b : b+32] {
			if math.Abs(x) > math.Abs(top) {
				top = x
			}
		}
		for i := b; i < b+32 && top != 0; i++ {
			if kv == "q8_0" {
				d := math.Abs(top) / 127
				out[i] = half64(d) * round(row[i]/d)
				continue
			}
			d := top / -8
			out[i] = half64(d) * math.Min(7, round(row[i]/d))
		}
	}
	return out
}

// half64 rounds to 11 significant bits, as halves from 2^-14 on have.
func half64(x float64) float64 {
	fraction, exponent := math.Frexp(x)
	return math.Ldexp(math.RoundToEven(fraction*2048), exponent-11)
}

// kl64 returns KL(p || q) of the softmax of two rows of logits, in nats.
func kl64(p, q []float64) float64 {
	logSum := func(row []float64) float64 {
		sum := 0.0
		for _, x := range row {
			sum += math.Exp(x)
		}
		return math.Log(sum)
	}
	kl, np, nq := 0.0, logSum(p), logSum(q)
	for i := range p {
		kl += math.Exp(p[i]-np) * ((p[i] - np) - (q[i] - nq))
	}
	return kl
}
