package gpu

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"keyfold/internal/kernelcase"
	"keyfold/layout"
	"keyfold/ref"
)

func TestMatMul(t *testing.T) {
	allVariants(t, matrixTasks, func(t *testing.T, d *Device) {
		for _, wt := range weightTypes {
			d.runCases(t, kernelcase.MatMulCases(wt))
		}
	})
}

// The kernel for a few tokens is a text for no more of them than it must be.
func TestKernelsOfTokens(t *testing.T) {
	for _, tc := range []struct {
		n                    int
		software, gpu, ofFew string // the last of GPUs with few registers
	}{
		{1, "matvec_rows", "matvec_blocks", "matvec_blocks"},
		{2, "matmul(TOKENS=2)", "matmul_few_blocks(TOKENS=2)", "matmul_few_blocks(TOKENS=2)"},
		{3, "matmul(TOKENS=4)", "matmul_few_blocks(TOKENS=4)", "matmul_few_blocks(TOKENS=4)"},
		{4, "matmul(TOKENS=4)", "matmul_few_blocks(TOKENS=4)", "matmul_few_blocks(TOKENS=4)"},
		{5, "matmul(TOKENS=8)", "matmul_few_blocks(TOKENS=8)", "matmul_few_blocks(TOKENS=4)"},
		{16, "matmul(TOKENS=8)", "matmul_few_blocks(TOKENS=8)", "matmul_few_blocks(TOKENS=4)"},
		{17, "matmul(TOKENS=8)", "matmul_wide", "matmul_tiled"},
	} {
		for d, want := range map[*Device]string{{Software: true}: tc.software, {}: tc.gpu, {lean: true}: tc.ofFew} {
			for wt, want := range map[layout.WeightType]string{layout.Q4M: want, layout.F16: strings.ReplaceAll(want, "_blocks", "")} {
				if got := d.variant(matrixTask(tc.n)).of(wt).forTokens(tc.n).String(); got != want {
					t.Errorf("%d tokens of %v, software %v, lean %v: %s, want %s", tc.n, wt, d.Software, d.lean, got, want)
				}
			}
		}
	}
}

func TestNormMatVec(t *testing.T) {
	allVariants(t, []Task{OneToken}, func(t *testing.T, d *Device) {
		for _, wt := range weightTypes {
			d.runCases(t, kernelcase.NormMatVecCases(wt))
		}
	})
}

// rowsOf returns n rows of a matrix, from an even one on.
func rowsOf(w *layout.Weights, row0, n int) *layout.Weights {
	q, s := w.Type.QuantWords(w.Rows, w.Cols), w.Type.ScaleWords(row0, w.Cols)
	words := slices.Concat(w.Words[w.Type.QuantWords(row0, w.Cols):w.Type.QuantWords(row0+n, w.Cols)],
		w.Words[q+s:q+s+w.Type.ScaleWords(n, w.Cols)])
	return &layout.Weights{Type: w.Type, Rows: n, Cols: w.Cols, Words: words}
}

// Rows of several types, and of an odd number, are multiplied as if each were a matrix:
// with one token and with more, added, behind a norm, and with a gate.
func TestMatMulOfSeveralTypes(t *testing.T) {
	d := openForTest(t)
	const cols, n = 256, 3
	var parts []layout.Part
	var matrices []*layout.Weights
	rows := 0
	for i, wt := range weightTypes {
		w := quantised(fmt.Sprint("w", i), wt, 6+i, cols)
		parts, matrices, rows = append(parts, layout.Part{Type: wt, Rows: w.Rows}), append(matrices, w), rows+w.Rows
	}
	w, err := d.NewWeights("stack", cols, parts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Destroy)
	if w.Rows != rows || !slices.Equal(w.Types(), weightTypes) {
		t.Errorf("%d rows of %v, want %d of %v", w.Rows, w.Types(), rows, weightTypes)
	}
	x, norm := normals("x", n*cols, 1), normals("norm", cols, 1)
	want, wantNorm, row0 := make([]float32, n*rows), make([]float32, rows), 0
	for _, m := range matrices {
		for from := 0; from < m.Rows; from += 4 {
			if err := w.Upload(row0+from, rowsOf(m, from, min(4, m.Rows-from))); err != nil {
				t.Fatal(err)
			}
		}
		y := make([]float32, n*m.Rows)
		ref.MatMul(m, x, y, n)
		for token := range n {
			copy(want[token*rows+row0:], y[token*m.Rows:(token+1)*m.Rows])
		}
		ref.NormMatVec(m, x, norm, wantNorm[row0:], 0, 1e-5)
		row0 += m.Rows
	}
	wantGated, twice := make([]float32, rows/2), slices.Clone(want)
	ref.SwiGLU(wantNorm, wantGated, 1, rows/2)
	for i := range twice {
		twice[i] *= 2
	}
	xBuf, normBuf := d.upload(t, x), d.upload(t, norm)
	for what, c := range map[string]struct {
		want   []float32
		record func(p *Pass, y *Buffer)
	}{
		"one token":   {want[:rows], func(p *Pass, y *Buffer) { p.MatMul(w, xBuf, y, 1) }},
		"more tokens": {want, func(p *Pass, y *Buffer) { p.MatMul(w, xBuf, y, n) }},
		"added":       {twice, func(p *Pass, y *Buffer) { p.MatMul(w, xBuf, y, n); p.AddMatMul(w, xBuf, y, n) }},
		"norm":        {wantNorm, func(p *Pass, y *Buffer) { p.NormMatVec(w, xBuf, normBuf, y, 0, 1e-5) }},
		"gate": {wantGated, func(p *Pass, y *Buffer) {
			p.NormSwiGLU(w, xBuf, normBuf, d.poisoned(t, rows), y, 1e-5)
		}},
	} {
		y := d.poisoned(t, len(c.want))
		got := d.run(t, y, len(c.want), func(p *Pass) { c.record(p, y) }).Floats()
		checkClose(t, what, got, c.want, tol{abs: 2e-4, rel: 2e-5})
	}
	// What does not fit is refused: another type, an odd row, more rows than there are.
	for what, err := range map[string]error{
		"another type":  w.Upload(0, matrices[1]),
		"an odd row":    w.Upload(1, rowsOf(matrices[0], 0, 2)),
		"an odd piece":  w.Upload(0, rowsOf(matrices[0], 0, 3)),
		"two types":     w.Upload(4, rowsOf(matrices[0], 0, 4)),
		"too many rows": w.Upload(rows-2, rowsOf(matrices[0], 0, 4)),
	} {
		if err == nil {
			t.Errorf("%s: no error", what)
		}
	}
}

// The buffer of a matrix has what readers of blocks take at once to its end: WebGPU lets no
// kernel read what is left behind the last whole element of an array.
func TestBuffersHoldWholeBlocks(t *testing.T) {
	d := openForTest(t)
	for _, wt := range weightTypes {
		for rows := 1; rows <= 5; rows++ {
			for _, part := range d.uploadWeights(t, quantised("w", wt, rows, 32)).parts {
				if part.buf.Size()%16 != 0 {
					t.Errorf("%d rows of %v: %d bytes", rows, wt, part.buf.Size())
				}
			}
		}
	}
}

// A matrix larger than one binding is split by rows, and nothing else changes.
func TestMatMulSplitsLargeMatrices(t *testing.T) {
	d := openForTest(t)
	whole := d.Limits.BindingBytes
	for _, wt := range weightTypes {
		w := quantised("w", wt, 38, 64)
		cols := w.Cols
		x, tokens := normals("x", 3*cols, 1), []uint32{37, 0, 17}
		want, wantX := make([]float32, 3*38), make([]float32, 3*cols)
		ref.MatMul(w, x, want, 3)
		ref.Embed(w, tokens, wantX)

		norm, wantH := normals("norm", cols, 1), make([]float32, 19)
		ref.NormSwiGLU(w, x, norm, wantH, 1e-5)

		xBuf, tokenBuf := d.upload(t, x), d.uploadWords(t, tokens)
		y, embedded := d.poisoned(t, len(want)), d.poisoned(t, len(wantX))
		d.Limits.BindingBytes = 4 * len(w.Words) / 3
		split, err := d.NewWeights("split", cols, layout.Part{Type: wt, Rows: 38})
		if err != nil {
			t.Fatal(err)
		}
		if len(split.parts) < 3 {
			t.Fatalf("%v: %d parts, want at least 3", wt, len(split.parts))
		}
		for row0 := 0; row0 < 38; row0 += 10 { // uploads cross the borders of parts
			rows := min(10, 38-row0)
			if err := split.Upload(row0, rowsOf(w, row0, rows)); err != nil {
				t.Fatal(err)
			}
		}
		d.Limits.BindingBytes = whole
		got := d.run(t, y, len(want), func(p *Pass) {
			p.Embed(split, tokenBuf, embedded, 0, 0, 3)
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

// BenchmarkFewTokens multiplies 1 to 16 tokens with the matrices of SmolLM2-135M, in every
// kernel that may:
//
//	go test -run '^$' -bench FewTokens ./gpu
func BenchmarkFewTokens(b *testing.B) {
	d := openForTest(b)
	for _, wt := range []layout.WeightType{layout.Q4M, layout.Q8_0, layout.F16} {
		for _, shape := range [][2]int{{576, 576}, {3072, 576}, {576, 1536}, {49152, 576}} {
			w := d.uploadWeights(b, quantised("w", wt, shape[0], shape[1]))
			x, y := d.upload(b, normals("x", fewTokens*w.Cols, 1)), d.poisoned(b, fewTokens*w.Rows)
			for _, n := range []int{1, 2, 4, 8, fewTokens} {
				for _, v := range d.variants(matrixTask(n)) {
					b.Run(fmt.Sprintf("%v/%dx%d/n=%d/%v", wt, w.Rows, w.Cols, n, v), func(b *testing.B) {
						defer d.try(matrixTask(n), v)()
						product := func() {
							p := d.Begin()
							p.MatMul(w, x, y, n)
							p.Read(y, 0, 4) // waits for the device
							if err := p.Submit(); err != nil {
								b.Fatal(err)
							}
						}
						product() // compiles
						for b.Loop() {
							product()
						}
					})
				}
			}
		}
	}
}
