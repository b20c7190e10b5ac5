package cpu

import "keyfold/layout"

// panel is the number of weights that are unpacked at a time, and then multiplied
// with all tokens: they stay in the nearest 16 KB of cache meanwhile.
const panel = 4096

// MatMul computes what [ref.MatMul] specifies, of a matrix in parts.
func MatMul(w layout.Stack, x, y []float32, n int) { matMul(w, x, y, n, false) }

// AddMatMul computes what [ref.AddMatMul] specifies, of a matrix in parts.
func AddMatMul(w layout.Stack, x, y []float32, n int) { matMul(w, x, y, n, true) }

func matMul(stack layout.Stack, x, y []float32, n int, add bool) {
	stride := stack.Rows()
	for _, w := range stack {
		if inBlocks(w.Type) {
			matMulBlocks(w, x, y, n, stride, add)
		} else {
			matMulPart(w, x, y, n, stride, add)
		}
		y = y[w.Rows:]
	}
}

// matMulPart multiplies with one part. Its rows of a token are stride behind those of
// the token before.
func matMulPart(w *layout.Weights, x, y []float32, n, stride int, add bool) {
	parallel(w.Rows, 4, n*w.Rows*w.Cols, func(from, to int) {
		atOnce := min(max(4, panel/w.Cols&^3), to-from)
		var buffer []float32
		if w.Type != layout.F32 {
			buffer = make([]float32, atOnce*w.Cols)
		}
		sums := make([]float32, atOnce)
		for ; from < to; from += atOnce {
			rows := min(atOnce, to-from)
			weights := unpackRows(buffer, w, from, rows)
			for t := range n {
				in := x[t*w.Cols : (t+1)*w.Cols]
				out := y[t*stride+from : t*stride+from+rows]
				if !add {
					matvec(out, weights, in, w.Cols)
					continue
				}
				matvec(sums[:rows], weights, in, w.Cols)
				for i, sum := range sums[:rows] {
					out[i] += sum
				}
			}
		}
	})
}
