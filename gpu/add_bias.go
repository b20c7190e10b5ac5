package gpu

// AddBias records x[r, i] += bias[i] for each of rows rows.
//
//	x     (rows, width)
//	bias  (width)
//
// CPU twin: [ref.AddBias].
func (p *Pass) AddBias(x, bias *Buffer, rows, width int) {
	p.want("add_bias", "x", x, rows*width, "rows*width")
	p.want("add_bias", "bias", bias, width, "width")
	p.dispatch(kernelID{name: "add_bias"}, [3]int{divUp(width, 64), rows, 1},
		[]uint32{uint32(width)}, // struct Params in add_bias.wgsl
		x, bias)
}
