package ref

import "keyfold/layout"

// MatMul is the CPU twin of gpu/shaders/matmul.wgsl, matvec.wgsl and
// matvec_rows.wgsl.
//
//	y[t, col0+r] = Σ_c w[r, c] x[xRow0+t, c]   (+ y[t, col0+r] if add)
//
//	w  (rows, cols)
//	x  (at least xRow0+n, cols)
//	y  (n, yCols)  columns col0 .. col0+rows are written
//
// Source: definition.
func MatMul(w *layout.Weights, x, y []float32, n, xRow0, yCols, col0 int, add bool) {
	row := make([]float32, w.Cols)
	for r := range w.Rows {
		w.Row(row, r)
		for t := range n {
			in := x[(xRow0+t)*w.Cols : (xRow0+t+1)*w.Cols]
			sum := layout.Dot(row, in)
			out := &y[t*yCols+col0+r]
			if add {
				sum += float64(*out)
			}
			*out = float32(sum)
		}
	}
}

// NormMatVec is the CPU twin of gpu/shaders/matvec.wgsl and matvec_rows.wgsl
// joined to input_norm.wgsl: row xRow0 of x is normalised by [RMSNorm] first.
//
//	w     (rows, cols)
//	x     (at least xRow0+1, cols)
//	norm  (cols)
//	y     (rows)  overwritten
func NormMatVec(w *layout.Weights, x, norm, y []float32, xRow0 int, eps float32) {
	xb := make([]float32, w.Cols)
	RMSNorm(x, norm, xb, 1, w.Cols, xRow0, eps)
	MatMul(w, xb, y, 1, 0, w.Rows, 0, false)
}

// NormSwiGLU is the CPU twin of the same with a gate: [SwiGLU] of [NormMatVec].
//
//	w     (2*hidden, cols)
//	x     (cols)
//	norm  (cols)
//	y     (hidden)  overwritten
func NormSwiGLU(w *layout.Weights, x, norm, y []float32, eps float32) {
	both := make([]float32, w.Rows)
	NormMatVec(w, x, norm, both, 0, eps)
	SwiGLU(both, y, 1, w.Rows/2)
}
