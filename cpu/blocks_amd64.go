package cpu

import (
	"golang.org/x/sys/cpu"

	"keyfold/layout"
)

// The functions of blocks_amd64.s. Rows are a multiple of 4 and at least 4, blocks at
// least 1.

//go:noescape
func addBlocksAVX2(y, w, scales, x *float32, rows, blocks, step int)

//go:noescape
func addBytesAVX2(y *float32, w *uint32, scales, x *float32, rows, blocks, step int)

//go:noescape
func addNibblesAVX2(y *float32, w *uint32, scales, x *float32, rows, blocks, step int)

//go:noescape
func addNibblesAVX512(y *float32, w *uint32, scales, x *float32, rows, blocks, step int)

//go:noescape
func widenBytesAVX2(dst *float32, quants *uint32, blocks int)

//go:noescape
func widenNibblesAVX2(dst *float32, quants *uint32, blocks int)

// Pairs are a multiple of 4 and at least 4.
//
//go:noescape
func centreAVX2(scales *float32, pairs int)

// The functions of tiles_amd64.s, for two or three tokens. Rows are a multiple of 4 and at
// least 4, blocks at least 1.

//go:noescape
func addTileAVX512(y, w, scales, x *float32, rows, blocks, step, stride, tokens int)

//go:noescape
func addNibblesTileAVX512(y *float32, w *uint32, scales, x *float32, rows, blocks, step, stride, tokens int)

//go:noescape
func addBytesTileAVX512(y *float32, w *uint32, scales, x *float32, rows, blocks, step, stride, tokens int)

// registers32 says whether there are 32 registers of eight floats here, not 16.
var registers32 = vectors && cpu.X86.HasAVX512F && cpu.X86.HasAVX512VL

// widePanel is the number of integers that are floats at a time.
func widePanel() int {
	if registers32 {
		return farPanel
	}
	return nearPanel
}

// tileOf returns how many of the tokens that are left a tile takes: three or two, as one
// alone takes nearly as long as two.
func tileOf(left int) int {
	if left == 4 {
		return 2
	}
	return min(3, left)
}

// addTokens is [addTokensGo], with vector instructions where the machine has them: three
// tokens at a time, or two, where it has registers for that.
func addTokens(y, w, scales, x []float32, n, rows, step, stride int) {
	cols, fast := len(x)/n, rows&^3
	blocks := cols / layout.Block
	if !registers32 || fast == 0 || blocks == 0 {
		for t := range n {
			addBlocks(y[t*stride:][:rows], w, scales, x[t*cols:(t+1)*cols], step)
		}
		return
	}
	_, _, _ = w[fast*cols-1], scales[(fast*blocks-1)*step], y[(n-1)*stride+rows-1]
	for t := 0; t < n; t += tileOf(n - t) {
		if tokens := tileOf(n - t); tokens > 1 {
			addTileAVX512(&y[t*stride], &w[0], &scales[0], &x[t*cols], fast, blocks, step, stride, tokens)
		} else {
			addBlocks(y[t*stride:][:fast], w, scales, x[t*cols:(t+1)*cols], step)
		}
	}
	addTokensGo(y[fast:], w[fast*cols:], scales[fast*blocks*step:], x, n, rows-fast, step, stride)
}

// packedTokens is the number of tokens up to which integers are widened for each tile.
func packedTokens() int {
	if registers32 {
		return 4
	}
	return 1
}

// addPackedTokens does what [addPacked] does for each of n tokens, as [addTokens] does it.
func addPackedTokens(y []float32, quants []uint32, scales, x []float32, n, rows, step, stride int, wt layout.WeightType) {
	cols, fast := len(x)/n, rows&^3
	blocks := cols / layout.Block
	if !registers32 || fast == 0 || blocks == 0 {
		for t := range n {
			addPacked(y[t*stride:][:rows], quants, scales, x[t*cols:(t+1)*cols], step, wt)
		}
		return
	}
	words := wt.QuantWords(fast, cols)
	_, _, _ = quants[words-1], scales[(fast*blocks-1)*step], y[(n-1)*stride+rows-1]
	for t := 0; t < n; t += tileOf(n - t) {
		switch tokens := tileOf(n - t); {
		case tokens == 1:
			addPacked(y[t*stride:][:fast], quants, scales, x[t*cols:(t+1)*cols], step, wt)
		case wt == layout.Q8_0:
			addBytesTileAVX512(&y[t*stride], &quants[0], &scales[0], &x[t*cols], fast, blocks, step, stride, tokens)
		default:
			addNibblesTileAVX512(&y[t*stride], &quants[0], &scales[0], &x[t*cols], fast, blocks, step, stride, tokens)
		}
	}
	for t := range n {
		addPackedGo(y[t*stride+fast:t*stride+rows], quants[words:], scales[fast*blocks*step:], x[t*cols:(t+1)*cols], step, wt)
	}
}

// centre is [centreGo], with vector instructions where the machine has them.
func centre(scales []float32) {
	fast := len(scales) &^ 7
	if vectors && fast > 0 {
		centreAVX2(&scales[0], fast/2)
		scales = scales[fast:]
	}
	centreGo(scales)
}

// addBlocks is [addBlocksGo], with vector instructions where the machine has them.
func addBlocks(y, w, scales, x []float32, step int) {
	fast, blocks := len(y)&^3, len(x)/layout.Block
	if vectors && fast > 0 && blocks > 0 {
		_, _ = w[fast*len(x)-1], scales[(fast*blocks-1)*step]
		addBlocksAVX2(&y[0], &w[0], &scales[0], &x[0], fast, blocks, step)
		y, w, scales = y[fast:], w[fast*len(x):], scales[fast*blocks*step:]
	}
	addBlocksGo(y, w, scales, x, step)
}

// addPacked is [addPackedGo], with vector instructions where the machine has them.
func addPacked(y []float32, quants []uint32, scales, x []float32, step int, t layout.WeightType) {
	fast, blocks := len(y)&^3, len(x)/layout.Block
	if vectors && fast > 0 && blocks > 0 {
		words := t.QuantWords(fast, len(x))
		_, _ = quants[words-1], scales[(fast*blocks-1)*step]
		switch {
		case t == layout.Q8_0:
			addBytesAVX2(&y[0], &quants[0], &scales[0], &x[0], fast, blocks, step)
		case registers32:
			addNibblesAVX512(&y[0], &quants[0], &scales[0], &x[0], fast, blocks, step)
		default:
			addNibblesAVX2(&y[0], &quants[0], &scales[0], &x[0], fast, blocks, step)
		}
		y, quants, scales = y[fast:], quants[words:], scales[fast*blocks*step:]
	}
	addPackedGo(y, quants, scales, x, step, t)
}

// widen is [widenGo], with vector instructions where the machine has them.
func widen(dst []float32, quants []uint32, t layout.WeightType) {
	blocks := len(quants) / t.QuantWords(1, layout.Block)
	switch {
	case !vectors || blocks == 0:
		widenGo(dst, quants, t)
	case t == layout.Q8_0:
		widenBytesAVX2(&dst[:layout.Block*blocks][0], &quants[0], blocks)
	default:
		widenNibblesAVX2(&dst[:layout.Block*blocks][0], &quants[0], blocks)
	}
}
