package gpu

// SwiGLU records y[t, i] = silu(g[t, i]) u[t, i].
//
//	gateUp  (n, 2*hidden): g (hidden), u (hidden)
//	y       (n, hidden)  overwritten
//
// CPU twin: [ref.SwiGLU].
func (p *Pass) SwiGLU(gateUp, y *Buffer, n, hidden int) {
	p.want("swiglu", "gate_up", gateUp, 2*n*hidden, "2*n*hidden")
	p.want("swiglu", "y", y, n*hidden, "n*hidden")
	p.dispatch(kernelID{name: "swiglu"}, [3]int{divUp(hidden, 64), n, 1},
		[]uint32{uint32(hidden)}, // struct Params in swiglu.wgsl
		gateUp, y)
}
