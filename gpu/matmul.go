package gpu

// matmulTile is the number of tokens for which a thread of matmul.wgsl uses a
// weight it has unpacked.
const matmulTile = 8

// MatMul records y[t, col0+r] = Σ_c w[r, c] x[xRow0+t, c], added to what y
// holds if add is set.
//
//	w  (rows, cols)
//	x  (at least xRow0+n, cols)
//	y  (n, yCols)  columns col0 .. col0+rows are written; must not be x
//
// One token on a GPU takes the workgroup-per-row kernel matvec.wgsl, all else
// matmul.wgsl. CPU twin: [ref.MatMul].
func (p *Pass) MatMul(w *Weights, x, y *Buffer, n, xRow0, yCols, col0 int, add bool) {
	p.want("matmul", "x", x, (xRow0+n)*w.Cols, "(x_row0+n)*cols")
	p.want("matmul", "y", y, n*yCols, "n*y_cols")
	flag := uint32(0)
	if add {
		flag = 1
	}
	for _, part := range w.parts {
		id := kernelID{name: "matmul", parts: [2]string{w.reader()}}
		groups := [3]int{divUp(part.rows, 32), divUp(n, matmulTile), 1}
		switch {
		case n == 1 && p.d.Software:
			id.consts[0] = constant{"TILE", 1}
		case n == 1:
			id.name, groups = "matvec", [3]int{divUp(part.rows, 4), 1, 1}
		}
		p.spend(2 * n * part.rows * w.Cols)
		p.dispatch(id, groups, []uint32{ // struct Params in matmul.wgsl and matvec.wgsl
			uint32(w.Cols), uint32(part.scales), uint32(part.rows), uint32(n),
			uint32(xRow0), uint32(yCols), uint32(col0 + part.row0), flag,
		}, part.buf, x, y)
	}
}
