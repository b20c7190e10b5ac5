package cpu

import (
	"sync"

	"keyfold/layout"
)

// panel is the number of weights that are unpacked at a time, and then multiplied
// with all tokens: they stay in the nearest 16 KB of cache meanwhile.
const panel = 4096

// MatMul computes what [ref.MatMul] specifies, of a matrix in parts.
func MatMul(w layout.Stack, x, y []float32, n int) { matMul(w, x, y, n, false) }

// AddMatMul computes what [ref.AddMatMul] specifies, of a matrix in parts.
func AddMatMul(w layout.Stack, x, y []float32, n int) { matMul(w, x, y, n, true) }

// product is a product under way: y = w x, or y += w x.
type product struct {
	x       []float32 // (n, cols)
	n, cols int
	stride  int // elements of y from token to token
	add     bool
	blocks  [layout.Q8K + 1]*blockInput // x for each type of matrices in blocks
}

func matMul(stack layout.Stack, x, y []float32, n int, add bool) {
	p := product{x: x, n: n, cols: stack.Cols(), stride: stack.Rows(), add: add}
	for _, w := range stack {
		if inBlocks(w.Type) && p.blocks[w.Type] == nil {
			p.blocks[w.Type] = newBlockInput(w.Type, x, n, p.cols)
		}
	}
	parallel(p.stride, 4, n*p.stride*p.cols, func(from, to int) {
		y := y
		for _, w := range stack {
			// A part begins at a multiple of four rows.
			first, end := min((max(from, 0)+3)&^3, w.Rows), min((max(to, 0)+3)&^3, w.Rows)
			if first < end {
				p.multiply(w, y, first, end)
			}
			from, to, y = from-w.Rows, to-w.Rows, y[w.Rows:]
		}
	})
}

// multiply computes rows from .. to-1 of a part of the matrix, whose first row of the
// first token is y[0].
func (p *product) multiply(w *layout.Weights, y []float32, from, to int) {
	if inBlocks(w.Type) {
		p.multiplyBlocks(w, y, from, to)
		return
	}
	s := scratches.Get().(*scratch)
	defer scratches.Put(s)
	atOnce := max(4, panel/w.Cols&^3)
	for ; from < to; from += atOnce {
		rows := min(atOnce, to-from)
		s.weights = room(s.weights, rows*w.Cols)
		weights := unpackRows(s.weights, w, from, rows)
		out, stride := p.target(y, s, from, rows)
		for t := range p.n {
			matvec(out[t*stride:][:rows], weights, p.x[t*w.Cols:(t+1)*w.Cols], w.Cols)
		}
		p.finish(y, s, from, rows)
	}
}

// target returns where the products of some rows with all tokens go, and the distance
// from token to token: where they stay, or where they wait to be added.
func (p *product) target(y []float32, s *scratch, from, rows int) (out []float32, stride int) {
	if !p.add {
		return y[from:], p.stride
	}
	s.sums = room(s.sums, p.n*rows)
	return s.sums, rows
}

// finish adds products that wait for it.
func (p *product) finish(y []float32, s *scratch, from, rows int) {
	if !p.add {
		return
	}
	for t := range p.n {
		out := y[t*p.stride+from:][:rows]
		for i, sum := range s.sums[t*rows : (t+1)*rows] {
			out[i] += sum
		}
	}
}

// scratch is what a part of a product needs, kept for the next.
type scratch struct{ weights, scales, sums []float32 }

var scratches = sync.Pool{New: func() any { return new(scratch) }}
