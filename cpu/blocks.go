package cpu

import "keyfold/layout"

// In products with blocks of 32 weights d q the integers q are multiplied and summed
// first, and d scales the sum of a block:
//
//	lane_l = Σ_b d_b (((q_l x_l + q_{8+l} x_{8+l}) + q_{16+l} x_{16+l}) + q_{24+l} x_{24+l})
//
// with the q and x of block b, in the order of b. The eight lanes are added as in
// [matvecGo]. So a weight takes a conversion, a product and a sum, and no float of it is
// stored where there is one token.
//
// Weights d q + m are d (q - 8) + m', m' = m + 8 d: of nibbles q - 8 is around zero, and m'
// small. The minima m' are a product of their own, with the sums of x over the blocks.
//
// q and x are arranged so that the vector instructions find them side by side. Bytes
// are in order. Of 16 nibbles, which are 8 bytes, the low ones come first: columns 0, 2,
// .. 14, then 1, 3, .. 15.

// inBlocks reports whether products with a matrix of type t are those of [addBlocksGo].
func inBlocks(t layout.WeightType) bool {
	return t == layout.Q8_0 || t == layout.Q4_0 || t == layout.Q4M
}

// addBlocksGo computes y += w x, both arranged, of scaled blocks.
//
//	y       (rows)
//	w       (rows, 32*blocks)     the integers q
//	scales  (rows, step*blocks)   d of a block, and behind it what else there is
//	x       (32*blocks)
func addBlocksGo(y, w, scales, x []float32, step int) {
	for r := range y {
		var lanes [8]float32
		row := w[r*len(x):]
		d := scales[r*(len(x)/layout.Block)*step:]
		for b := 0; b < len(x); b += layout.Block {
			q, in, scale := (*[layout.Block]float32)(row[b:]), (*[layout.Block]float32)(x[b:]), d[b/layout.Block*step]
			for l := range lanes {
				sum := float32(q[l] * in[l])
				sum += float32(q[8+l] * in[8+l])
				sum += float32(q[16+l] * in[16+l])
				sum += float32(q[24+l] * in[24+l])
				lanes[l] += float32(scale * sum)
			}
		}
		y[r] += ((lanes[0] + lanes[1]) + (lanes[2] + lanes[3])) + ((lanes[4] + lanes[5]) + (lanes[6] + lanes[7]))
	}
}

// widenBytesGo writes signed bytes as floats.
//
//	dst     (32*blocks)  overwritten
//	quants  (8*blocks)
func widenBytesGo(dst []float32, quants []uint32) {
	for i, q := range quants {
		four := (*[4]float32)(dst[4*i:])
		four[0] = float32(int8(q))
		four[1] = float32(int8(q >> 8))
		four[2] = float32(int8(q >> 16))
		four[3] = float32(int32(q) >> 24)
	}
}

// widenNibblesGo writes nibbles less 8 as floats, arranged.
//
//	dst     (32*blocks)  overwritten
//	quants  (4*blocks)
func widenNibblesGo(dst []float32, quants []uint32) {
	for i, q := range quants {
		low := (*[4]float32)(dst[i/2*16+i%2*4:])
		high := (*[4]float32)(dst[i/2*16+i%2*4+8:])
		for j := range low {
			low[j] = float32(int32(q>>(8*j)&15) - 8)
			high[j] = float32(int32(q>>(8*j+4)&15) - 8)
		}
	}
}

// addPackedGo does what [addBlocksGo] does with integers as they lie in a matrix of type t.
func addPackedGo(y []float32, quants []uint32, scales, x []float32, step int, t layout.WeightType) {
	if len(y) == 0 {
		return
	}
	row, words, blocks := make([]float32, len(x)), t.QuantWords(1, len(x)), len(x)/layout.Block
	for r := range y {
		widenGo(row, quants[r*words:(r+1)*words], t)
		addBlocksGo(y[r:r+1], row, scales[r*blocks*step:], x, step)
	}
}

// widenGo writes the integers of blocks of type t as floats, arranged.
func widenGo(dst []float32, quants []uint32, t layout.WeightType) {
	if t == layout.Q8_0 {
		widenBytesGo(dst, quants)
	} else {
		widenNibblesGo(dst, quants)
	}
}

// arrange puts numbers in the order of nibbles.
func arrange(dst, x []float32) {
	for i := 0; i < len(x); i += 16 {
		from, to := (*[16]float32)(x[i:]), (*[16]float32)(dst[i:])
		for j := range 8 {
			to[j] = from[2*j]
			to[8+j] = from[2*j+1]
		}
	}
}

// centreGo makes pairs d and m, the scales of weights d q + m, those of d (q - 8) + m':
// d and m' = m + 8 d.
func centreGo(scales []float32) {
	for i := 0; i+1 < len(scales); i += 2 {
		scales[i+1] += float32(8 * scales[i])
	}
}

// sumBlocks writes the sums of blocks of x, which is arranged, behind a 0 each: what
// pairs of scales are multiplied with for the minima.
func sumBlocks(dst, x []float32) {
	for b := range len(x) / layout.Block {
		in := (*[layout.Block]float32)(x[layout.Block*b:])
		var l [8]float32
		for i := range l {
			l[i] = ((in[i] + in[8+i]) + in[16+i]) + in[24+i]
		}
		dst[2*b], dst[2*b+1] = 0, (((l[0] + l[1]) + (l[2] + l[3])) + ((l[4] + l[5]) + (l[6] + l[7])))
	}
}

// blockInput is n tokens as products in blocks take them.
type blockInput struct {
	x    []float32 // (n, cols) arranged
	sums []float32 // (n, step*blocks) what the scales are multiplied with for the minima; nil without minima
	step int       // floats of scales per block
}

// newBlockInput prepares x (n, cols) for weights of type t.
func newBlockInput(t layout.WeightType, x []float32, n, cols int) *blockInput {
	in := &blockInput{x: x, step: 1}
	if t == layout.Q8_0 {
		return in
	}
	in.x = make([]float32, n*cols)
	if t == layout.Q4M {
		in.step = 2
		in.sums = make([]float32, n*cols/layout.Block*2)
	}
	parallel(n, 1, n*cols*perElement, func(from, to int) {
		arrange(in.x[from*cols:to*cols], x[from*cols:to*cols])
		if in.sums != nil {
			sumBlocks(in.sums[from*cols/layout.Block*2:], in.x[from*cols:to*cols])
		}
	})
	return in
}

// multiplyBlocks does what [product.multiply] does for a matrix in blocks. The integers
// of many tokens' product become floats first, as many rows at a time as fill a panel.
func (p *product) multiplyBlocks(w *layout.Weights, y []float32, from, to int) {
	in := p.blocks[w.Type]
	perRow := p.cols / layout.Block * in.step
	atOnce := max(4, panel/perRow&^3)
	if p.n > packedTokens() {
		atOnce = max(4, widePanel()/p.cols&^3)
	}
	s := scratches.Get().(*scratch)
	defer scratches.Put(s)
	words := w.Words[w.Type.QuantWords(w.Rows, w.Cols):]
	for ; from < to; from += atOnce {
		rows := min(atOnce, to-from)
		// from is a multiple of four: no first scale is the second of a word.
		s.scales = room(s.scales, (rows*perRow+1)&^1)
		unpackHalves(s.scales, words[w.Type.ScaleWords(from, w.Cols):][:w.Type.ScaleWords(rows, w.Cols)])
		if in.sums != nil {
			centre(s.scales[:rows*perRow])
		}
		quants := w.Words[w.Type.QuantWords(from, w.Cols):w.Type.QuantWords(from+rows, w.Cols)]
		out, stride := p.target(y, s, from, rows)
		for t := range p.n {
			row := out[t*stride:][:rows]
			clear(row)
			if in.sums != nil {
				matvec(row, s.scales, in.sums[t*perRow:(t+1)*perRow], perRow)
			}
		}
		if p.n <= packedTokens() {
			addPackedTokens(out, quants, s.scales, in.x[:p.n*p.cols], p.n, rows, in.step, stride, w.Type)
		} else {
			s.weights = room(s.weights, rows*p.cols)
			widen(s.weights, quants, w.Type)
			addTokens(out, s.weights, s.scales, in.x[:p.n*p.cols], p.n, rows, in.step, stride)
		}
		p.finish(y, s, from, rows)
	}
}

// addTokensGo does what [addBlocksGo] does for each of n tokens.
//
//	y  (n, rows)  of which a token is stride behind the one before
//	x  (n, cols)
func addTokensGo(y, w, scales, x []float32, n, rows, step, stride int) {
	for t := range n {
		addBlocksGo(y[t*stride:][:rows], w, scales, x[t*len(x)/n:(t+1)*len(x)/n], step)
	}
}

// The number of integers that are floats at a time, where several tokens are multiplied:
// eight rows of 768 columns, which stay in the nearest cache, if each token reads them all,
// and 20 of 1,536, which stay in the next, if few do.
const nearPanel, farPanel = 6144, 32768
