package ref

// MatMul is the CPU twin of gpu/shaders/matmul.wgsl and matvec.wgsl.
//
//	y[t, col0+r] = Σ_c w[r, c] x[xRow0+t, c]   (+ y[t, col0+r] if add)
//
//	w  (rows, cols)
//	x  (at least xRow0+n, cols)
//	y  (n, yCols)  columns col0 .. col0+rows are written
//
// Source: definition.
func MatMul(w *Weights, x, y []float32, n, xRow0, yCols, col0 int, add bool) {
	row := make([]float32, w.Cols)
	for r := range w.Rows {
		w.Row(row, r)
		for t := range n {
			in := x[(xRow0+t)*w.Cols : (xRow0+t+1)*w.Cols]
			sum := dot(row, in)
			out := &y[t*yCols+col0+r]
			if add {
				sum += float64(*out)
			}
			*out = float32(sum)
		}
	}
}
