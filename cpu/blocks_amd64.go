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

// The function of tiles_amd64.s, for two or three tokens. Rows are a multiple of 4 and at
// least 4, blocks at least 1.
//
//go:noescape
func addTileAVX512(y, w, scales, x *float32, rows, blocks, step, stride, tokens int)

// registers32 says whether there are 32 registers of eight floats here, not 16.
var registers32 = vectors && cpu.X86.HasAVX512F && cpu.X86.HasAVX512VL

// addTokens is [addTokensGo], with vector instructions where the machine has them: three
// tokens at a time, or two, where it has registers for that.
func addTokens(y, w, scales, x []float32, n, rows, step, stride int) {
	cols, fast := len(x)/n, rows&^3
	blocks := cols / layout.Block
	for t := 0; t < n; {
		tokens := min(3, n-t)
		if n-t == 4 {
			tokens = 2 // and two more
		}
		if !registers32 || fast == 0 || blocks == 0 || tokens == 1 {
			addBlocks(y[t*stride:][:rows], w, scales, x[t*cols:(t+1)*cols], step)
			t++
			continue
		}
		_, _ = w[fast*cols-1], scales[(fast*blocks-1)*step]
		_, _ = y[(t+tokens-1)*stride+fast-1], x[(t+tokens)*cols-1]
		addTileAVX512(&y[t*stride], &w[0], &scales[0], &x[t*cols], fast, blocks, step, stride, tokens)
		for ; tokens > 0; tokens-- {
			addBlocksGo(y[t*stride+fast:t*stride+rows], w[fast*cols:], scales[fast*blocks*step:], x[t*cols:(t+1)*cols], step)
			t++
		}
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
