package gpu

// RoPE records the rotation of the first nHeads heads of n rows by their
// positions, in place. The pairs (2i, 2i+1) of a head rotate.
//
//	table      (positions, head_dim/2, 2)  see [layout.RoPETable]
//	positions  (n) u32; the table must reach the largest
//	qkv        (n, stride)
//
// CPU twin: [ref.RoPE].
func (p *Pass) RoPE(table, positions, qkv *Buffer, n, stride, nHeads, headDim int) {
	p.want("rope", "positions", positions, n, "n")
	p.want("rope", "qkv", qkv, n*stride, "n*stride")
	p.dispatch(kernelID{name: "rope"}, [3]int{divUp(nHeads*headDim/2, 32), n, 1},
		[]uint32{uint32(stride), uint32(nHeads), uint32(headDim)}, // struct Params in rope.wgsl
		table, positions, qkv)
}
