package gpu

// Embed records x[row+t] = row tokens[first+t] of w for n tokens.
//
//	w       (vocab, dim)
//	tokens  (at least first+n) u32
//	x       (at least row+n, dim)  rows from row on are overwritten
//
// CPU twin: [ref.Embed].
func (p *Pass) Embed(w *Weights, tokens, x *Buffer, first, row, n int) {
	p.want("embed", "tokens", tokens, first+n, "first+n")
	p.want("embed", "x", x, (row+n)*w.Cols, "(row+n)*dim")
	for _, part := range w.parts {
		p.dispatch(kernelID{name: "embed", parts: [2]string{part.reader()}},
			[3]int{divUp(w.Cols/4, 64), n, 1},
			[]uint32{uint32(w.Cols), uint32(part.scales), uint32(part.row0), uint32(part.rows), uint32(first), uint32(row)}, // struct Params in embed.wgsl
			part.buf, tokens, x)
	}
}
