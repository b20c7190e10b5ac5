package gpu

// decodeCombine makes one of the parts: row q.First of out and of lse. CPU twin: [ref.DecodeCombine].
func (p *Pass) decodeCombine(c *Cache, parts Parts, q Queries, out, lse *Buffer, span int) {
	p.dispatch(kernelID{name: "decode_combine"}, [3]int{divUp(q.Heads*c.HeadDim/4, 64), 1, 1}, []uint32{ // struct Params in decode_combine.wgsl
		uint32(c.NKVHeads), uint32(q.Heads / c.NKVHeads), uint32(c.Appended - 1), uint32(span), uint32(q.First), uint32(c.HeadDim / 4),
	}, c.Heads, parts.Out, parts.LSE, out, lse)
}
