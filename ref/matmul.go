package ref

import "keyfold/layout"

// MatMul is the CPU twin of gpu/shaders/matmul.wgsl and its variants matmul_*.wgsl, and of
// matvec.wgsl and its variants matvec_*.wgsl for one token.
//
//	y[t, r] = Σ_c w[r, c] x[t, c]
//
//	w  (rows, cols)
//	x  (n, cols)
//	y  (n, rows)  overwritten
//
// Source: definition.
func MatMul(w *layout.Weights, x, y []float32, n int) {
	clear(y[:n*w.Rows])
	AddMatMul(w, x, y, n)
}

// AddMatMul is the twin of the same kernels with `add` set: y[t, r] += Σ_c w[r, c] x[t, c].
func AddMatMul(w *layout.Weights, x, y []float32, n int) {
	row := make([]float32, w.Cols)
	for r := range w.Rows {
		w.Row(row, r)
		for t := range n {
			out := &y[t*w.Rows+r]
			*out = float32(layout.Dot(row, x[t*w.Cols:(t+1)*w.Cols]) + float64(*out))
		}
	}
}

// NormMatVec is the CPU twin of gpu/shaders/matvec.wgsl and its variants
// joined to input_norm.wgsl: row `row` of x is normalised by [RMSNorm] first.
//
//	w     (rows, cols)
//	x     (at least row+1, cols)
//	norm  (cols)
//	y     (rows)  overwritten
func NormMatVec(w *layout.Weights, x, norm, y []float32, row int, eps float32) {
	xb := make([]float32, w.Cols)
	RMSNorm(x, norm, xb, 1, w.Cols, row, eps)
	MatMul(w, xb, y, 1)
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
