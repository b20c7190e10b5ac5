package cpu

import "keyfold/layout"

//go:wasmimport vector addBlocks
//go:noescape
func addBlocksSIMD(y, w, scales, x *float32, rows, blocks, step int32) bool

//go:wasmimport vector addBytes
//go:noescape
func addBytesSIMD(y *float32, w *uint32, scales, x *float32, rows, blocks, step int32) bool

//go:wasmimport vector addNibbles
//go:noescape
func addNibblesSIMD(y *float32, w *uint32, scales, x *float32, rows, blocks, step int32) bool

//go:wasmimport vector widenBytes
//go:noescape
func widenBytesSIMD(dst *float32, quants *uint32, blocks int32) bool

//go:wasmimport vector widenNibbles
//go:noescape
func widenNibblesSIMD(dst *float32, quants *uint32, blocks int32) bool

//go:wasmimport vector centre
//go:noescape
func centreSIMD(scales *float32, pairs int32) bool

// centre is [centreGo], with vector instructions where the browser has them.
func centre(scales []float32) {
	fast := len(scales) &^ 3
	if fast > 0 && centreSIMD(&scales[0], int32(fast/2)) {
		scales = scales[fast:]
	}
	centreGo(scales)
}

// addBlocks is [addBlocksGo], with vector instructions where the browser has them.
func addBlocks(y, w, scales, x []float32, step int) {
	fast, blocks := len(y)&^3, len(x)/layout.Block
	if fast > 0 && blocks > 0 {
		_, _ = w[fast*len(x)-1], scales[(fast*blocks-1)*step]
		if addBlocksSIMD(&y[0], &w[0], &scales[0], &x[0], int32(fast), int32(blocks), int32(step)) {
			if y = y[fast:]; len(y) == 0 {
				return
			}
			w, scales = w[fast*len(x):], scales[fast*blocks*step:]
		}
	}
	addBlocksGo(y, w, scales, x, step)
}

// addPacked is [addPackedGo], with vector instructions where the browser has them.
func addPacked(y []float32, quants []uint32, scales, x []float32, step int, t layout.WeightType) {
	fast, blocks := len(y)&^3, len(x)/layout.Block
	if fast > 0 && blocks > 0 {
		words := t.QuantWords(fast, len(x))
		_, _ = quants[words-1], scales[(fast*blocks-1)*step]
		add := addNibblesSIMD
		if t == layout.Q8_0 {
			add = addBytesSIMD
		}
		if add(&y[0], &quants[0], &scales[0], &x[0], int32(fast), int32(blocks), int32(step)) {
			if y = y[fast:]; len(y) == 0 {
				return
			}
			quants, scales = quants[words:], scales[fast*blocks*step:]
		}
	}
	addPackedGo(y, quants, scales, x, step, t)
}

// widen is [widenGo], with vector instructions where the browser has them.
func widen(dst []float32, quants []uint32, t layout.WeightType) {
	blocks := len(quants) / t.QuantWords(1, layout.Block)
	if blocks > 0 {
		_ = dst[layout.Block*blocks-1]
		if t == layout.Q8_0 && widenBytesSIMD(&dst[0], &quants[0], int32(blocks)) {
			return
		}
		if t != layout.Q8_0 && widenNibblesSIMD(&dst[0], &quants[0], int32(blocks)) {
			return
		}
	}
	widenGo(dst, quants, t)
}

// addTokens is [addTokensGo], token by token as [addBlocks] does it.
func addTokens(y, w, scales, x []float32, n, rows, step, stride int) {
	for t := range n {
		addBlocks(y[t*stride:][:rows], w, scales, x[t*len(x)/n:(t+1)*len(x)/n], step)
	}
}
