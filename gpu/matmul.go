package gpu

import "math"

// MatMul records y[t, r] = Σ_c w[r, c] x[t, c].
//
//	w  (rows, cols)
//	x  (n, cols)
//	y  (n, rows)  overwritten; must not be x
//
// CPU twin: [ref.MatMul].
func (p *Pass) MatMul(w *Weights, x, y *Buffer, n int) { p.matMul(w, x, y, n, false) }

// AddMatMul records y[t, r] += Σ_c w[r, c] x[t, c]. CPU twin: [ref.AddMatMul].
func (p *Pass) AddMatMul(w *Weights, x, y *Buffer, n int) { p.matMul(w, x, y, n, true) }

func (p *Pass) matMul(w *Weights, x, y *Buffer, n int, add bool) {
	p.want("matmul", "x", x, n*w.Cols, "n*cols")
	p.want("matmul", "y", y, n*w.Rows, "n*rows")
	if n == 1 {
		p.matVec(w, matVecOptions{input: "input_plain", add: add}, x, y)
		return
	}
	for _, part := range w.parts {
		v := p.d.variant(matrixTask(n)).of(part.typ).forTokens(n)
		id := v.id()
		id.parts[0] = v.reader(part)
		p.spend(2 * n * part.rows * w.Cols)
		p.dispatch(id,
			[3]int{divUp(part.rows, v.rows), divUp(n, v.tokens), 1}, []uint32{ // struct Params in matmul.wgsl and its variants
				uint32(w.Cols), uint32(part.scales), uint32(part.rows), uint32(n),
				uint32(w.Rows), uint32(part.row0), boolWord(add),
			}, part.buf, x, y)
	}
}

// NormMatVec records y[r] = Σ_c w[r, c] norm(x[row])[c], where norm is that of
// [Pass.RMSNorm] with norm's weights.
//
//	w     (rows, cols)
//	x     (at least row+1, cols)
//	norm  (cols)
//	y     (rows)  overwritten; must not be x
//
// CPU twin: [ref.NormMatVec].
func (p *Pass) NormMatVec(w *Weights, x, norm, y *Buffer, row int, eps float32) {
	p.want("matvec", "x", x, (row+1)*w.Cols, "(row+1)*cols")
	p.want("matvec", "norm", norm, w.Cols, "cols")
	p.want("matvec", "y", y, w.Rows, "rows")
	p.matVec(w, matVecOptions{input: "input_norm", row: row, eps: eps}, x, y, norm)
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
	p.matVec(w, matVecOptions{input: "input_norm", gate: hidden, eps: eps}, x, y, norm)
}

// matVecOptions are what the uses of matvec.wgsl and its variants differ in.
type matVecOptions struct {
	input string  // the file that reads x: input_plain, or input_norm with eps
	row   int     // of x
	add   bool    // to what y holds
	gate  int     // hidden: SwiGLU of rows i and gate+i; 0: none
	eps   float32 // of the norm
}

// matVec records the multiplication of one token.
func (p *Pass) matVec(w *Weights, o matVecOptions, buffers ...*Buffer) {
	for _, part := range w.parts {
		v := p.d.variant(OneToken).of(part.typ)
		id := v.id()
		id.parts = [2]string{v.reader(part), o.input}
		p.spend(2 * part.rows * w.Cols)
		p.dispatch(id, [3]int{divUp(part.rows, v.rows), 1, 1},
			[]uint32{ // struct Params in matvec.wgsl and its variants
				uint32(w.Cols), uint32(part.scales), uint32(part.rows), uint32(o.row),
				uint32(part.row0), boolWord(o.add), uint32(o.gate), math.Float32bits(o.eps),
			}, append([]*Buffer{part.buf}, buffers...)...)
	}
}
