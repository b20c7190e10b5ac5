package gpu

import "math"

// RMSNorm records y[r] = x[row0+r] / rms(x[row0+r]) * w for each of rows rows.
//
//	x  (at least row0+rows, dim)
//	w  (dim)
//	y  (rows, dim)  overwritten; must not be x
//
// eps is added to the mean square, not to its root. CPU twin: [ref.RMSNorm].
func (p *Pass) RMSNorm(x, w, y *Buffer, rows, dim, row0 int, eps float32) {
	p.want("rms_norm", "x", x, (row0+rows)*dim, "(row0+rows)*dim")
	p.want("rms_norm", "w", w, dim, "dim")
	p.want("rms_norm", "y", y, rows*dim, "rows*dim")
	v := p.d.variant(Norms)
	p.dispatch(v.id(), [3]int{divUp(rows, v.rows), 1, 1},
		[]uint32{uint32(dim), uint32(row0), math.Float32bits(eps), uint32(rows)}, // struct Params in rms_norm.wgsl
		x, w, y)
}
