package gpu

// Zero records that the first n elements of x become 0. CPU twin: [ref.Zero].
func (p *Pass) Zero(x *Buffer, n int) {
	p.want("zero", "x", x, n, "n")
	p.dispatch(kernelID{name: "zero"}, [3]int{divUp(n, 64), 1, 1},
		[]uint32{uint32(n)}, // struct Params in zero.wgsl
		x)
}
