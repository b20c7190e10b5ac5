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

// Kernels that begin at some row are refused a buffer that ends before the last one.
func TestRowsBehindABufferAreRefused(t *testing.T) {
	const row, heads, headDim = 3, 2, 32
	d := openForTest(t)
	rows := func(n, width int) *Buffer { return d.poisoned(t, n*width) }
	c := &Cache{
		Type: layout.CacheF32, HeadDim: headDim, NKVHeads: 1, Appended: 1,
		K: rows(16, headDim), V: rows(16, headDim), Slots: rows(16, 3), Heads: d.uploadWords(t, []uint32{0, 4}),
	}
	attend := func(p *Pass, q, out, lse int) {
		queries := Queries{Buf: rows(q, heads*headDim), First: row, N: 1, Stride: heads * headDim, Heads: heads, Scale: 1}
		p.Attention(c, queries, rows(out, heads*headDim), rows(lse, heads), Parts{})
	}
	table := d.upload(t, layout.RoPETable(0, 1, layout.RoPEFrequencies(10000, headDim, nil)))
	embed := d.uploadWeights(t, quantised("w", layout.F32, 5, headDim))
	for _, tc := range []struct {
		want   string
		record func(p *Pass, have int) // with so many rows
	}{
		{"attention: buffer q holds 192 elements, want (first+n)*stride = 256", func(p *Pass, have int) { attend(p, have, row+1, row+1) }},
		{"attention: buffer out holds 192 elements, want (first+n)*n_heads*head_dim = 256", func(p *Pass, have int) { attend(p, row+1, have, row+1) }},
		{"attention: buffer lse holds 6 elements, want (first+n)*n_heads = 8", func(p *Pass, have int) { attend(p, row+1, row+1, have) }},
		{"cache_write: buffer q holds 384 elements, want (first+n)*stride = 512", func(p *Pass, have int) {
			qkv := Queries{Buf: rows(have, 4*headDim), First: row, N: 1, Stride: 4 * headDim, Heads: heads}
			p.CacheWrite(c, qkv, d.uploadWords(t, []uint32{0}), table, 0)
		}},
		{"embed: buffer x holds 96 elements, want (row+n)*dim = 128", func(p *Pass, have int) {
			p.Embed(embed, d.uploadWords(t, []uint32{1}), rows(have, headDim), 0, row, 1)
		}},
	} {
		for _, have := range []int{row, row + 1} {
			p := d.Begin()
			tc.record(p, have)
			err := p.Submit()
			if enough := have > row; enough && err != nil || !enough && (err == nil || err.Error() != d.Name+": "+tc.want) {
				t.Errorf("%d rows: %v, want %s", have, err, tc.want)
			}
		}
	}
}
