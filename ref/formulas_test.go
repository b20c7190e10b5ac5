package ref

import (
	"encoding/json"
	"math"
	"os"
	"testing"

	"keyfold/layout"
)

// The twins against compress/testdata/formulas.json, whose numbers a script
// beside it computed from the definitions.
func TestTwinsAgreeWithTheFormulas(t *testing.T) {
	data, err := os.ReadFile("../compress/testdata/formulas.json")
	if err != nil {
		t.Fatal(err)
	}
	var f struct {
		Tokens   int     `json:"tokens"`
		Window   int     `json:"window_size"`
		Horizon  int     `json:"horizon"`
		RopeBase float64 `json:"rope_base"`
		Q        [][][]float32
		K, V     [][][]float32
		Mass     [][]float32
		Paid     [][]float32 `json:"window"`
		Most     [][]float32
		Expected [][]float32
		Norm     [][]float32 `json:"value_norm"`
	}
	if err := json.Unmarshal(data, &f); err != nil {
		t.Fatal(err)
	}
	n, nHeads, kvHeads, hd := f.Tokens, len(f.Q), len(f.K), len(f.K[0][0])
	k, v := layout.NewRows(layout.CacheF32, hd, kvHeads*n), layout.NewRows(layout.CacheF32, hd, kvHeads*n)
	slots, positions := make([]layout.Slot, kvHeads*n), make([]uint32, n)
	var heads []layout.Head
	for h := range kvHeads {
		heads = append(heads, layout.Head{Offset: h * n, Len: 0}) // all appended
		for j := range n {
			k.Put(h*n+j, f.K[h][j])
			v.Put(h*n+j, f.V[h][j])
			positions[j] = uint32(j)
		}
	}
	before := make([]float32, n*nHeads*hd) // (tokens, heads, head_dim)
	for a := range nHeads {
		for j := range n {
			copy(before[(j*nHeads+a)*hd:], f.Q[a][j])
		}
	}
	q := append([]float32{}, before...)
	RoPE(layout.RoPETable(0, n, layout.RoPEFrequencies(f.RopeBase, hd, nil)), positions, q, nHeads*hd, nHeads, hd)
	scale := float32(1 / math.Sqrt(float64(hd)))

	lse := make([]float32, n*nHeads)
	Attention(layout.Cache{K: k, V: v, Slots: slots, Heads: heads, Appended: n}, layout.Queries{Buf: q, N: n, Stride: nHeads * hd, Heads: nHeads, Scale: scale}, make([]float32, n*nHeads*hd), lse)
	mass, paid, most := make([]float32, kvHeads*n), make([]float32, kvHeads*n), make([]float32, kvHeads*n)
	AttnMass(layout.Cache{K: k, Slots: slots, Heads: heads, Appended: n}, layout.Queries{Buf: q, N: n, Stride: nHeads * hd, Heads: nHeads, Scale: scale}, lse, mass, 0, n)
	AttnMass(layout.Cache{K: k, Slots: slots, Heads: heads, Appended: n}, layout.Queries{Buf: q, N: n, Stride: nHeads * hd, Heads: nHeads, Scale: scale}, lse, paid, n-f.Window, n)
	first := n - f.Window
	AttnMax(layout.Cache{K: k, Slots: slots, Heads: heads, Appended: first + f.Window}, layout.Queries{Buf: q[first*nHeads*hd:], N: f.Window, Stride: nHeads * hd, Heads: nHeads, Scale: scale}, lse[first*nHeads:], most, n)

	const sinks = 4
	stats, cov := make([]float32, 2*nHeads*hd), make([]float32, nHeads*hd*hd)
	GVoteStats(before, stats, n, nHeads*hd, 0, sinks)
	QueryCov(layout.Queries{Buf: before, N: n, Stride: nHeads * hd, Heads: nHeads}, stats, cov, hd, 0, sinks)
	turn := make([]float64, hd)
	for i, x := range layout.RoPETable(n, n+f.Horizon, layout.RoPEFrequencies(f.RopeBase, hd, nil)) {
		turn[i%hd] += float64(x) / float64(f.Horizon)
	}
	z, norms := make([]float32, nHeads*n), make([]float32, kvHeads*n)
	mean := append([]float32{}, stats[:nHeads*hd]...)
	rotateAll(turn, mean, cov, nHeads, hd, float64(n-sinks))
	ExpectedLogits(layout.Cache{K: k, V: v, Slots: slots, Heads: heads, Appended: n}, layout.QueryMoments{Mean: mean, Cov: cov, Heads: nHeads, Scale: scale}, z, norms, n)

	for _, tc := range []struct {
		name string
		got  []float32
		want [][]float32
	}{
		{"mass", mass, f.Mass}, {"window", paid, f.Paid}, {"most", most, f.Most},
		{"expected", z, f.Expected}, {"value_norm", norms, f.Norm},
	} {
		if len(tc.want) != len(tc.got)/n {
			t.Fatalf("%s: the file has %d heads, want %d", tc.name, len(tc.want), len(tc.got)/n)
		}
		for h, row := range tc.want {
			if len(row) != n {
				t.Fatalf("%s: the file has %d slots of head %d, want %d", tc.name, len(row), h, n)
			}
			for j, want := range row {
				if got := tc.got[h*n+j]; !(math.Abs(float64(got-want)) <= 2e-6*(1+math.Abs(float64(want)))) {
					t.Errorf("%s: head %d slot %d is %g, want %g", tc.name, h, j, got, want)
				}
			}
		}
	}
}

// rotateAll writes R mean and R cov Rᵀ / count, with R the rotations of turn.
func rotateAll(turn []float64, mean, cov []float32, nHeads, hd int, count float64) {
	r := func(i, j int) float64 { // R[i][j]
		switch {
		case i/2 != j/2:
			return 0
		case i == j:
			return turn[i/2*2]
		case i > j:
			return turn[i/2*2+1]
		}
		return -turn[i/2*2+1]
	}
	for a := range nHeads {
		m, c := mean[a*hd:(a+1)*hd], cov[a*hd*hd:(a+1)*hd*hd]
		newM, newC := make([]float32, hd), make([]float32, hd*hd)
		for i := range hd {
			var sum float64
			for j := range hd {
				sum += r(i, j) * float64(m[j])
			}
			newM[i] = float32(sum)
			for j := range hd {
				sum = 0
				for x := range hd {
					for y := range hd {
						sum += r(i, x) * float64(c[x*hd+y]) * r(j, y)
					}
				}
				newC[i*hd+j] = float32(sum / count)
			}
		}
		copy(m, newM)
		copy(c, newC)
	}
}
