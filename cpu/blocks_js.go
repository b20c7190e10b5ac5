package cpu

import "keyfold/layout"

//go:wasmimport vector addTokens
//go:noescape
func addTokensSIMD(y, w, scales, x *float32, tokens, rows, blocks, step, stride int32) bool

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

// addTokens is [addTokensGo], with vector instructions where the browser has them.
func addTokens(y, w, scales, x []float32, n, rows, step, stride int) {
	cols, fast := len(x)/n, rows&^3
	blocks := cols / layout.Block
	if fast > 0 && blocks > 0 {
		_, _, _ = y[(n-1)*stride+fast-1], w[fast*cols-1], scales[(fast*blocks-1)*step]
		if addTokensSIMD(&y[0], &w[0], &scales[0], &x[0], int32(n), int32(fast), int32(blocks), int32(step), int32(stride)) {
			if fast == rows {
				return
			}
			y, w, scales, rows = y[fast:], w[fast*cols:], scales[fast*blocks*step:], rows-fast
		}
	}
	addTokensGo(y, w, scales, x, n, rows, step, stride)
}

// addPacked is [addPackedGo], with vector instructions where the browser has them.
func addPacked(y []float32, quants []uint32, scales, x []float32, step int, t layout.WeightType) {
	rows, blocks := len(y), len(x)/layout.Block
	if rows > 0 && blocks > 0 {
		_, _ = quants[t.QuantWords(rows, len(x))-1], scales[(rows*blocks-1)*step]
		add := addNibblesSIMD
		if t == layout.Q8_0 {
			add = addBytesSIMD
		}
		if add(&y[0], &quants[0], &scales[0], &x[0], int32(rows), int32(blocks), int32(step)) {
			return
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

// widePanel is the number of integers that are floats at a time.
func widePanel() int { return farPanel }

// packedTokens is the number of tokens up to which integers are widened for each of them.
func packedTokens() int { return 1 }

// addPackedTokens does what [addPacked] does for each of n tokens.
func addPackedTokens(y []float32, quants []uint32, scales, x []float32, n, rows, step, stride int, wt layout.WeightType) {
	for t := range n {
		addPacked(y[t*stride:][:rows], quants, scales, x[t*len(x)/n:(t+1)*len(x)/n], step, wt)
	}
}
