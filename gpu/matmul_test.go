package gpu

import (
	"slices"
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

func TestNormMatVec(t *testing.T) {
	allVariants(t, []Task{OneToken}, func(t *testing.T, d *Device) {
		for _, wt := range weightTypes {
			d.runCases(t, kernelcase.NormMatVecCases(wt))
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
