package gpu

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"keyfold/layout"
	"keyfold/ref"
)

// quantised returns a random matrix of the given type with some scales that
// are subnormal halves, which a shader must not flush to zero.
func quantised(name string, t layout.WeightType, rows, cols int) *layout.Weights {
	r := rng(name)
	w := &layout.Weights{Type: t, Rows: rows, Cols: cols}
	quants := t.QuantWords(rows, cols)
	w.Words = make([]uint32, quants+t.ScaleWords(rows, cols))
	half := func(scale float64) uint32 { return layout.ToHalf(float32(scale * r.NormFloat64())) }
	for i := range w.Words {
		switch {
		case t == layout.F32:
			w.Words[i] = math.Float32bits(float32(r.NormFloat64()))
		case t == layout.F16:
			scale := 1.0
			if i%5 == 0 {
				scale = 1e-5
			}
			w.Words[i] = half(scale) | half(scale)<<16
		case i < quants:
			w.Words[i] = r.Uint32()
		default:
			scale := 0.01
			if i%3 == 0 {
				scale = 1e-5
			}
			w.Words[i] = half(scale) | half(scale)<<16
		}
	}
	return w
}

func (d *Device) uploadWeights(t testing.TB, w *layout.Weights) *Weights {
	t.Helper()
	g, err := d.NewWeights("test", w.Type, w.Rows, w.Cols)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(g.Destroy)
	if err := g.Upload(0, w); err != nil {
		t.Fatal(err)
	}
	return g
}

var weightTypes = []layout.WeightType{layout.F32, layout.F16, layout.Q8_0, layout.Q4_0, layout.Q8M}

func TestEmbed(t *testing.T) {
	d := openForTest(t)
	for _, wt := range weightTypes {
		for _, shape := range [][2]int{{1, 32}, {11, 64}, {300, 288}} {
			rows, cols := shape[0], shape[1]
			w := quantised("embed", wt, rows, cols)
			tokens := []uint32{uint32(rows - 1), 0, uint32(rows / 2)}
			want := make([]float32, len(tokens)*cols)
			ref.Embed(w, tokens, want)
			x := d.poisoned(t, len(want))
			got := d.run(t, x, len(want), func(p *Pass) {
				p.Embed(d.uploadWeights(t, w), d.uploadWords(t, append([]uint32{9}, tokens...)), x, 1, len(tokens))
			}).Floats()
			// Unpacking is exact except for one rounding of d*q+m.
			checkClose(t, fmt.Sprintf("%v %dx%d", wt, rows, cols), got, want, tol{abs: 1e-9, rel: 2e-7})
		}
	}
}

func TestRMSNorm(t *testing.T) {
	bothTypes(t, func(t *testing.T, d *Device) {
		for _, tc := range []struct {
			rows, dim, row0 int
			scale           float32 // size of the inputs
			why             string
		}{
			{1, 1, 0, 1, "smallest legal row"},
			{1, 63, 0, 1, "one thread idle"},
			{1, 64, 0, 1, "exactly one column per thread"},
			{3, 65, 2, 1, "one thread owns two columns, and row offsets matter"},
			{1, 64, 0, 1e-3, "eps is as large as the mean square"},
			{17, 288, 0, 1, "many rows"},
		} {
			const eps = 1e-5
			x := normals("x", (tc.row0+tc.rows)*tc.dim, tc.scale)
			w := normals("w", tc.dim, 1)
			want := make([]float32, tc.rows*tc.dim)
			ref.RMSNorm(x, w, want, tc.rows, tc.dim, tc.row0, eps)
			y := d.poisoned(t, len(want))
			got := d.run(t, y, len(want), func(p *Pass) {
				p.RMSNorm(d.upload(t, x), d.upload(t, w), y, tc.rows, tc.dim, tc.row0, eps)
			}).Floats()
			// One f32 sum of dim squares, then three multiplications.
			checkClose(t, tc.why, got, want, tol{abs: 1e-6, rel: 1e-5})
		}
	})
}

func TestMatMul(t *testing.T) {
	allVariants(t, matrixTasks, func(t *testing.T, d *Device) {
		for _, wt := range weightTypes {
			for _, tc := range []struct {
				rows, cols, n int
				add           bool
				why           string
			}{
				{1, 32, 1, false, "smallest"},
				{5, 64, 1, false, "one token, rows not a multiple of 4"},
				{31, 288, 1, true, "one token, added"},
				{33, 64, 8, false, "one tile of tokens"},
				{65, 96, 19, true, "odd tiles, added"},
				{70, 64, 66, false, "several workgroups of tokens"},
				{37, 36, 33, true, "columns that do not fill a tile, in types without blocks"},
			} {
				if tc.cols%layout.Block != 0 && wt != layout.F32 && wt != layout.F16 {
					continue
				}
				w := quantised("w", wt, tc.rows, tc.cols)
				x := normals("x", tc.n*tc.cols, 1)
				y, kernel, twin := normals("y", tc.n*tc.rows, 1), (*Pass).MatMul, ref.MatMul
				if tc.add {
					kernel, twin = (*Pass).AddMatMul, ref.AddMatMul
				}
				want := slices.Clone(y)
				twin(w, x, want, tc.n)
				out := d.upload(t, y)
				got := d.run(t, out, len(y), func(p *Pass) {
					kernel(p, d.uploadWeights(t, w), d.upload(t, x), out, tc.n)
				}).Floats()
				// f32 sums of up to 288 products of size about 1 (4-bit: up to 0.1).
				checkClose(t, fmt.Sprintf("%v: %s", wt, tc.why), got, want, tol{abs: 5e-5, rel: 1e-5})
			}
		}
	})
}

func TestNormMatVec(t *testing.T) {
	allVariants(t, []Task{OneToken}, func(t *testing.T, d *Device) {
		for _, wt := range weightTypes {
			for _, tc := range []struct {
				rows, cols, row int
				scale           float32 // size of the input
				why               string
			}{
				{2, 32, 0, 1, "smallest"},
				{6, 64, 3, 1, "rows not a multiple of 4, another row"},
				{66, 288, 0, 1e-3, "eps is as large as the mean square, several workgroups"},
				{130, 96, 1, 50, "a large input, an odd number of gates"},
			} {
				const eps = 1e-6
				w := quantised("w", wt, tc.rows, tc.cols)
				x, norm := normals("x", (tc.row+1)*tc.cols, tc.scale), normals("norm", tc.cols, 1)
				what := fmt.Sprintf("%v: %s", wt, tc.why)
				want, wantH := make([]float32, tc.rows), make([]float32, tc.rows/2)
				ref.NormMatVec(w, x, norm, want, tc.row, eps)
				ref.NormSwiGLU(w, x, norm, wantH, eps)
				g, xBuf, normBuf := d.uploadWeights(t, w), d.upload(t, x), d.upload(t, norm)
				y, h := d.poisoned(t, len(want)), d.poisoned(t, len(wantH))
				got := d.run(t, y, len(want), func(p *Pass) { p.NormMatVec(g, xBuf, normBuf, y, tc.row, eps) }).Floats()
				// f32 sums of up to 288 products of size about 1 (4-bit: up to 0.1).
				checkClose(t, what, got, want, tol{abs: 5e-5, rel: 1e-5})
				got = d.run(t, h, len(wantH), func(p *Pass) { p.NormSwiGLU(g, xBuf, normBuf, nil, h, eps) }).Floats()
				// Products of two of them, of size about 10.
				checkClose(t, what+", SwiGLU", got, wantH, tol{abs: 1e-3, rel: 2e-5})
			}
		}
	})
}

// A matrix larger than one binding is split by rows, and nothing else changes.
func TestMatMulSplitsLargeMatrices(t *testing.T) {
	d := openForTest(t)
	whole := d.Limits.BindingBytes
	for _, wt := range weightTypes {
		w := quantised("w", wt, 38, 64)
		x, tokens := normals("x", 3*64, 1), []uint32{37, 0, 17}
		want, wantX := make([]float32, 3*38), make([]float32, 3*64)
		ref.MatMul(w, x, want, 3)
		ref.Embed(w, tokens, wantX)

		norm, wantH := normals("norm", 64, 1), make([]float32, 19)
		ref.NormSwiGLU(w, x, norm, wantH, 1e-5)

		xBuf, tokenBuf := d.upload(t, x), d.uploadWords(t, tokens)
		y, embedded := d.poisoned(t, len(want)), d.poisoned(t, len(wantX))
		d.Limits.BindingBytes = 4 * len(w.Words) / 3
		split, err := d.NewWeights("split", wt, 38, 64)
		if err != nil {
			t.Fatal(err)
		}
		if len(split.parts) < 3 {
			t.Fatalf("%v: %d parts, want at least 3", wt, len(split.parts))
		}
		for row0 := 0; row0 < 38; row0 += 10 { // uploads cross the borders of parts
			rows := min(10, 38-row0)
			piece := &layout.Weights{Type: wt, Rows: rows, Cols: 64}
			q, s := wt.QuantWords(38, 64), wt.ScaleWords(row0, 64)
			piece.Words = slices.Concat(w.Words[wt.QuantWords(row0, 64):wt.QuantWords(row0+rows, 64)],
				w.Words[q+s:q+s+wt.ScaleWords(rows, 64)])
			if err := split.Upload(row0, piece); err != nil {
				t.Fatal(err)
			}
		}
		d.Limits.BindingBytes = whole
		got := d.run(t, y, len(want), func(p *Pass) {
			p.Embed(split, tokenBuf, embedded, 0, 3)
			p.MatMul(split, xBuf, y, 3)
		}).Floats()
		checkClose(t, wt.String(), got, want, tol{abs: 5e-5, rel: 1e-5})
		gotX := d.run(t, embedded, len(wantX), func(*Pass) {}).Floats()
		checkClose(t, wt.String()+" embed", gotX, wantX, tol{abs: 1e-9, rel: 2e-7})
		h, both := d.poisoned(t, 19), d.poisoned(t, 38)
		gotH := d.run(t, h, 19, func(p *Pass) {
			p.NormSwiGLU(split, xBuf, d.upload(t, norm), both, h, 1e-5)
		}).Floats()
		checkClose(t, wt.String()+" SwiGLU", gotH, wantH, tol{abs: 1e-3, rel: 2e-5})
		split.Destroy()
	}
}

func TestRoPE(t *testing.T) {
	d := openForTest(t)
	for _, tc := range []struct {
		n, nHeads, extra, headDim int
		base                      float64
		why                       string
	}{
		{1, 1, 0, 2, 10000, "one pair"},
		{3, 12, 4, 8, 10000, "several heads, values left alone"},
		{2, 3, 1, 64, 500000, "another base"},
	} {
		stride := (tc.nHeads + tc.extra) * tc.headDim
		qkv := normals("qkv", tc.n*stride, 1)
		positions := []uint32{900, 3, 511}[:tc.n]
		table := layout.RoPETable(0, 901, tc.headDim, tc.base)
		want := slices.Clone(qkv)
		ref.RoPE(table, positions, want, stride, tc.nHeads, tc.headDim)
		buf := d.upload(t, qkv)
		got := d.run(t, buf, len(qkv), func(p *Pass) {
			p.RoPE(d.upload(t, table), d.uploadWords(t, positions), buf, tc.n, stride, tc.nHeads, tc.headDim)
		}).Floats()
		checkClose(t, tc.why, got, want, tol{abs: 1e-6, rel: 1e-6})
	}
}

func TestCacheWrite(t *testing.T) {
	d := openForTest(t)
	for _, ct := range layout.CacheTypes {
		for _, tc := range append(casesFor(ct), cacheCase{"more than one workgroup", 96, slices.Repeat([]int{2}, 20), 1}) {
			const first, n, nBefore, room = 2, 3, 2, 8
			c := newTestCache(t, d, tc.name, ct, tc.headDim, tc.lens, room)
			kvHeads := len(tc.lens)
			nHeads := kvHeads * tc.group
			qDim := nHeads * tc.headDim
			stride := qDim + 2*kvHeads*tc.headDim
			qkv := normals("qkv", n*stride, 1)
			qkv[qDim] = 1e6 // beyond the largest half
			positions := []uint32{0, 0, 4, 1, 2}

			// A table of zero angles turns nothing, so what is stored is the same bit for bit.
			still := make([]float32, 5*tc.headDim)
			for i := 0; i < len(still); i += 2 {
				still[i] = 1
			}
			write := func(table []float32) (keys []uint32, turned []float32) {
				buf := d.upload(t, qkv)
				keys = d.run(t, c.GPU.K, len(c.K.Words), func(p *Pass) {
					p.CacheWrite(c.GPU.With(nBefore+n), buf, d.uploadWords(t, positions), d.upload(t, table), first, n, nHeads)
				}).Words()
				return keys, d.run(t, buf, len(qkv), func(*Pass) {}).Floats()
			}
			keys, _ := write(still)
			ref.CacheWrite(qkv, c.Cache.With(nBefore+len(positions[first:])), positions[first:], nHeads)
			v := d.run(t, c.GPU.V, len(c.V.Words), func(*Pass) {})
			slots := d.run(t, c.GPU.Slots, 3*len(c.Slots), func(*Pass) {})
			if !slices.Equal(keys, c.K.Words) || !slices.Equal(v.Words(), c.V.Words) {
				t.Errorf("%v, %s: keys or values differ from the twin's", ct, tc.name)
			}
			if !slices.Equal(slots.Words(), SlotWords(c.Slots)) {
				t.Errorf("%v, %s: slots differ from the twin's", ct, tc.name)
			}

			// A real one turns queries and keys, and the keys are stored as they are then.
			table := layout.RoPETable(0, 5, tc.headDim, 10000)
			keys, turned := write(table)
			want := slices.Clone(qkv)
			ref.RoPE(table, positions[first:], want, stride, nHeads+kvHeads, tc.headDim)
			checkClose(t, fmt.Sprintf("%v, %s: rotated", ct, tc.name), turned, want, tol{abs: 1e-6, rel: 1e-6})
			ref.CacheWrite(turned, c.Cache.With(nBefore+len(positions[first:])), positions[first:], nHeads)
			if !slices.Equal(keys, c.K.Words) {
				t.Errorf("%v, %s: rotated keys differ from the twin's", ct, tc.name)
			}
		}
	}
}

func TestSwiGLU(t *testing.T) {
	d := openForTest(t)
	for _, tc := range []struct{ n, hidden int }{{1, 1}, {1, 63}, {2, 64}, {3, 172}} {
		gateUp := normals("gate_up", 2*tc.n*tc.hidden, 3)
		want := make([]float32, tc.n*tc.hidden)
		ref.SwiGLU(gateUp, want, tc.n, tc.hidden)
		y := d.poisoned(t, len(want))
		got := d.run(t, y, len(want), func(p *Pass) {
			p.SwiGLU(d.upload(t, gateUp), y, tc.n, tc.hidden)
		}).Floats()
		checkClose(t, fmt.Sprint(tc), got, want, tol{abs: 1e-6, rel: 1e-5})
	}
}

func TestChoose(t *testing.T) {
	d := openForTest(t)
	for _, vocab := range []int{1, 63, 64, 1000} {
		logits := normals("logits", 2*vocab, 3)
		row := logits[vocab:]
		for v := range vocab / 2 {
			row[2*v] = float32(math.Round(float64(row[2*v]))) // some ties
		}
		buf, chosen := d.upload(t, logits), d.poisoned(t, 3*ChosenWords)
		for _, draw := range []layout.Draw{
			{TopP: 1}, {TopP: 0.5, TopK: 3, MinP: 0.1}, // greedy
			{TopP: 1, Temperature: 0.8},
			{TopP: 0.9, Temperature: 0.8},
			{TopP: 0.05, Temperature: 2},
			{TopP: 1, Temperature: 5, TopK: 1},
			{TopP: 1, Temperature: 5, TopK: 40},
			{TopP: 1, Temperature: 5, TopK: 40, MinP: 0.4},
			{TopP: 0.7, Temperature: 1.5, MinP: 0.05},
		} {
			draw.Seed = 7
			for position := range uint32(12) {
				want, wantLSE := ref.Choose(row, draw, position)
				got := d.run(t, chosen, 3*ChosenWords, func(p *Pass) {
					p.Choose(buf, chosen, vocab, 1, 2, draw, position)
				})
				id := got.Words()[2*ChosenWords]
				if int(id) != want {
					t.Fatalf("vocab %d, %+v, position %d: chose %d, want %d", vocab, draw, position, id, want)
				}
				checkClose(t, "logit and lse", got.Floats()[2*ChosenWords+1:], []float32{row[want], wantLSE}, tol{abs: 2e-6, rel: 1e-6})
			}
		}
	}
	// Ties go to the lower id, among the likeliest and in what top-k keeps.
	tied := d.upload(t, []float32{1, 5, 2, 5, 5})
	chosen := d.poisoned(t, ChosenWords)
	for _, draw := range []layout.Draw{{TopP: 1}, {Temperature: 1, TopK: 1, TopP: 1}, {Temperature: 1, TopP: 0.1}} {
		for position := range uint32(9) {
			got := d.run(t, chosen, ChosenWords, func(p *Pass) { p.Choose(tied, chosen, 5, 0, 0, draw, position) })
			if got.Words()[0] != 1 {
				t.Errorf("%+v, position %d, ties: chose %d, want 1", draw, position, got.Words()[0])
			}
		}
	}
}

// A pass whose work is more than a device may be given at once is submitted in
// pieces, in order, and comes out right. So do uniform blocks beyond those of
// one submit.
func TestLongPasses(t *testing.T) {
	d := openForTest(t)
	const n, rows, cols = 64, 256, 512
	w := quantised("w", layout.F32, rows, cols)
	x := normals("x", n*cols, 1)
	want := make([]float32, n*rows)
	ref.MatMul(w, x, want, n)
	g, xBuf, y := d.uploadWeights(t, w), d.upload(t, x), d.poisoned(t, n*rows)
	times := 3 * d.MostWork() / (2 * n * rows * cols)
	p := d.Begin()
	for range times {
		p.MatMul(g, xBuf, y, n)
	}
	for range maxDispatches + 5 {
		p.Zero(xBuf, 1)
	}
	p.AddMatMul(g, xBuf, y, n)
	read := p.Read(y, 0, y.Size())
	if err := p.Submit(); err != nil {
		t.Fatal(err)
	}
	if p.Dispatches() < times+maxDispatches+6 {
		t.Errorf("%d dispatches recorded, want %d", p.Dispatches(), times+maxDispatches+6)
	}
	x[0] = 0
	second := make([]float32, n*rows)
	ref.MatMul(w, x, second, n)
	for i := range want {
		want[i] += second[i]
	}
	checkClose(t, "two products", read.Floats(), want, tol{abs: 2e-4, rel: 1e-5})
}
