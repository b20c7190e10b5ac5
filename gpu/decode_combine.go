package gpu

// decodeCombine makes one of the parts. CPU twin: [ref.DecodeCombine].
func (p *Pass) decodeCombine(c *Cache, parts Parts, out, lse *Buffer, nHeads, span int) {
	p.dispatch(kernelID{name: "decode_combine"}, [3]int{divUp(nHeads*c.HeadDim/4, 64), 1, 1}, []uint32{ // struct Params in decode_combine.wgsl
		uint32(c.NKVHeads), uint32(nHeads / c.NKVHeads), uint32(c.Appended - 1), uint32(span), uint32(c.HeadDim / 4),
	}, c.Heads, parts.Out, parts.LSE, out, lse)
}
