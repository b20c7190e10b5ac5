//go:build !js

package engine

import (
	"math"
	"testing"

	"keyfold/compress"
	"keyfold/engine/checkpoint"
	"keyfold/layout"
)

// Expected attention against its definition, from the queries themselves.
func TestExpectedAttention(t *testing.T) {
	eachDevice(t, func(t *testing.T, kind DeviceKind) {
		eachArchitecture(t, func(t *testing.T, f *checkpoint.File) { checkExpectedAttention(t, f, kind) })
	})
}

func checkExpectedAttention(t *testing.T, f *checkpoint.File, kind DeviceKind) {
	const tokens, skip, horizon = 150, 4, 512
	e, needs := openFile(t, f, kind), newMethod(t, "expected", 0.5).Needs()
	p := prefill(t, e, someTokens(tokens), layout.CacheF32, needs)
	signals, err := p.Measure(needs)
	if err != nil {
		t.Fatal(err)
	}
	k, v := rowsOf(t, p.Cache)

	// The queries of all tokens, as they were before RoPE.
	cpu := openFile(t, f, CPU)
	all := prefill(t, cpu, someTokens(tokens), layout.CacheF32, compress.Needs{LastQueries: tokens})
	cfg, hd := e.Config, e.Config.HeadDim
	row := cfg.QDim() + 2*cfg.KVDim()
	turn := func(pos, i int) (cos, sin float64) {
		angle := float64(pos) * math.Pow(cfg.RopeBase, -2*float64(i)/float64(hd))
		if cfg.RopeFactors != nil {
			angle /= float64(cfg.RopeFactors[i])
		}
		s, c := math.Sincos(angle)
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
}
