package gpu

import "math"

// MatMul records y[t, col0+r] = Σ_c w[r, c] x[xRow0+t, c], added to what y
// holds if add is set.
//
//	w  (rows, cols)
//	x  (at least xRow0+n, cols)
//	y  (n, yCols)  columns col0 .. col0+rows are written; must not be x
//
// CPU twin: [ref.MatMul].
func (p *Pass) MatMul(w *Weights, x, y *Buffer, n, xRow0, yCols, col0 int, add bool) {
	p.want("matmul", "x", x, (xRow0+n)*w.Cols, "(x_row0+n)*cols")
	p.want("matmul", "y", y, n*yCols, "n*y_cols")
	flag := uint32(0)
	if add {
		flag = 1
	}
	if n == 1 {
		p.matVec(w, "input_plain", xRow0, col0, flag, 0, 0, x, y)
		return
	}
	v := p.d.variant(matrixTask(n))
	id := v.id()
	id.parts[0] = w.reader()
	for _, part := range w.parts {
		p.spend(2 * n * part.rows * w.Cols)
		p.dispatch(id,
			[3]int{divUp(part.rows, v.rows), divUp(n, v.tokens), 1}, []uint32{ // struct Params in matmul.wgsl and matmul_tiled.wgsl
				uint32(w.Cols), uint32(part.scales), uint32(part.rows), uint32(n),
				uint32(xRow0), uint32(yCols), uint32(col0 + part.row0), flag,
			}, part.buf, x, y)
	}
}

// NormMatVec records y[r] = Σ_c w[r, c] norm(x[xRow0])[c], where norm is that of
// [Pass.RMSNorm] with norm's weights.
//
//	w     (rows, cols)
//	x     (at least xRow0+1, cols)
//	norm  (cols)
//	y     (rows)  overwritten; must not be x
//
// CPU twin: [ref.NormMatVec].
func (p *Pass) NormMatVec(w *Weights, x, norm, y *Buffer, xRow0 int, eps float32) {
	p.want("matvec", "x", x, (xRow0+1)*w.Cols, "(x_row0+1)*cols")
	p.want("matvec", "norm", norm, w.Cols, "cols")
	p.want("matvec", "y", y, w.Rows, "rows")
	p.matVec(w, "input_norm", xRow0, 0, 0, 0, eps, x, y, norm)
}

// NormSwiGLU records y[i] = silu(s[i]) s[hidden+i] with s = w norm(x): what
// [Pass.SwiGLU] makes of [Pass.NormMatVec]. A matrix in several parts, whose rows
// i and hidden+i no kernel has both, takes these two.
//
//	w     (2*hidden, cols)
//	x     (cols)
//	norm  (cols)
//	both  (2*hidden)  overwritten if there are several parts
//	y     (hidden)    overwritten; must not be x
//
// CPU twin: [ref.NormSwiGLU].
func (p *Pass) NormSwiGLU(w *Weights, x, norm, both, y *Buffer, eps float32) {
	hidden := w.Rows / 2
	if len(w.parts) > 1 {
		p.NormMatVec(w, x, norm, both, 0, eps)
		p.SwiGLU(both, y, 1, hidden)
		return
	}
	p.want("matvec", "x", x, w.Cols, "cols")
	p.want("matvec", "norm", norm, w.Cols, "cols")
	p.want("matvec", "y", y, hidden, "hidden")
	p.matVec(w, "input_norm", 0, 0, 0, hidden, eps, x, y, norm)
}

// matVec records the multiplication of one token.
func (p *Pass) matVec(w *Weights, input string, xRow0, col0 int, add uint32, gate int, eps float32, buffers ...*Buffer) {
	v := p.d.variant(OneToken)
	id := v.id()
	id.parts = [2]string{w.reader(), input}
	for _, part := range w.parts {
		p.spend(2 * part.rows * w.Cols)
		p.dispatch(id, [3]int{divUp(part.rows, v.rows), 1, 1},
			[]uint32{ // struct Params in matvec.wgsl and matvec_rows.wgsl
				uint32(w.Cols), uint32(part.scales), uint32(part.rows), uint32(xRow0),
				uint32(col0 + part.row0), add, uint32(gate), math.Float32bits(eps),
			}, append([]*Buffer{part.buf}, buffers...)...)
	}
}
