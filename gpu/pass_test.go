package gpu

import (
	"testing"

	"keyfold/layout"
	"keyfold/ref"
)

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
