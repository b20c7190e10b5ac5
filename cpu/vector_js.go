package cpu

import "keyfold/layout"

// The functions of vector.wat, called through web/vector.js. Where the browser
// has no vector instructions they do nothing and return false, or 0.

//go:wasmimport vector matvec
//go:noescape
func matvecSIMD(y, w, x *float32, rows, cols, stride int32) bool

//go:wasmimport vector unpackHalves
//go:noescape
func unpackHalvesSIMD(dst *float32, words *uint32, halves int32) bool

//go:wasmimport vector addRows
//go:noescape
func addRowsSIMD(lanes, w, x *float32, rows, cols int32) bool

//go:wasmimport vector unpackQ8
//go:noescape
func unpackQ8SIMD(dst *float32, quants, scales *uint32, block, blocks, rows, stride int32) bool

//go:wasmimport vector unpackQ4
//go:noescape
func unpackQ4SIMD(dst *float32, quants, scales *uint32, block, blocks, rows, stride int32) bool

//go:wasmimport vector unpackQ8M
//go:noescape
func unpackQ8MSIMD(dst *float32, quants, scales *uint32, blocks int32) bool

//go:wasmimport vector unpackQ4K
//go:noescape
func unpackQ4KSIMD(dst *float32, quants, records *uint32, blocks int32) bool

//go:wasmimport vector unpackQ8K
//go:noescape
func unpackQ8KSIMD(dst *float32, quants, records *uint32, blocks int32) bool

//go:wasmimport vector exp
//go:noescape
func expSIMD(s *float32, n int32, top float32) (done int32)

//go:wasmimport vector swiGLU
//go:noescape
func swiGLUSIMD(y, gate, up *float32, n int32) bool

// vectors is [hasVectors], which asks the browser.
var vectors = hasVectors()

// hasVectors reports whether the package uses vector instructions here.
func hasVectors() bool {
	var halves [2]uint32
	var floats [4]float32
	return unpackHalvesSIMD(&floats[0], &halves[0], 4)
}

// matvec is [matvecGo], with vector instructions where the browser has them.
func matvec(y, w, x []float32, stride int) {
	fast := len(y) &^ 3
	if fast > 0 && len(x) > 0 {
		_ = w[(fast-1)*stride+len(x)-1] // the last element that is read
		if matvecSIMD(&y[0], &w[0], &x[0], int32(fast), int32(len(x)), int32(stride)) {
			if y = y[fast:]; len(y) == 0 {
				return
			}
			w = w[fast*stride:]
		}
	}
	matvecGo(y, w, x, stride)
}

// unpackHalves is [unpackHalvesGo], with vector instructions where the browser has them.
func unpackHalves(dst []float32, words []uint32) {
	fast := len(words) &^ 1
	if fast > 0 && unpackHalvesSIMD(&dst[:2*fast][0], &words[0], int32(2*fast)) {
		dst, words = dst[2*fast:], words[fast:]
	}
	unpackHalvesGo(dst, words)
}

// addRows is [addRowsGo], with vector instructions where the browser has them.
func addRows(lanes, w, x []float32) {
	cols, fast := len(lanes)/8, len(x)&^7
	if fast > 0 && cols > 0 && cols%4 == 0 {
		_ = w[fast*cols-1]
		if addRowsSIMD(&lanes[0], &w[0], &x[0], int32(fast), int32(cols)) {
			w, x = w[fast*cols:], x[fast:]
		}
	}
	addRowsGo(lanes, w, x)
}

// unpackQ8 is [unpackQ8Go], with vector instructions where the browser has them.
func unpackQ8(dst []float32, quants, scales []uint32, block, blocks, stride int) {
	if len(dst) == 0 {
		return
	}
	rows := rowsOf(dst, quants, scales, block, blocks, stride, 8)
	if !unpackQ8SIMD(&dst[0], &quants[0], &scales[0], int32(block), int32(blocks), int32(rows), int32(stride)) {
		unpackQ8Go(dst, quants, scales, block, blocks, stride)
	}
}

// unpackQ4 is [unpackQ4Go], with vector instructions where the browser has them.
func unpackQ4(dst []float32, quants, scales []uint32, block, blocks, stride int) {
	if len(dst) == 0 {
		return
	}
	rows := rowsOf(dst, quants, scales, block, blocks, stride, 4)
	if !unpackQ4SIMD(&dst[0], &quants[0], &scales[0], int32(block), int32(blocks), int32(rows), int32(stride)) {
		unpackQ4Go(dst, quants, scales, block, blocks, stride)
	}
}

// unpackQ8M is [unpackQ8MGo], with vector instructions where the browser has them.
func unpackQ8M(dst []float32, quants, scales []uint32) {
	blocks := len(dst) / layout.Block
	if blocks == 0 {
		return
	}
	_, _ = quants[8*blocks-1], scales[blocks-1]
	if !unpackQ8MSIMD(&dst[0], &quants[0], &scales[0], int32(blocks)) {
		unpackQ8MGo(dst, quants, scales)
	}
}

// unpackQ4K is [unpackQ4KGo], with vector instructions where the browser has them.
func unpackQ4K(dst []float32, quants, records []uint32) {
	blocks := len(dst) / layout.LargeBlock
	if blocks == 0 {
		return
	}
	_, _ = quants[32*blocks-1], records[5*blocks-1]
	if !unpackQ4KSIMD(&dst[0], &quants[0], &records[0], int32(blocks)) {
		unpackQ4KGo(dst, quants, records)
	}
}

// unpackQ8K is [unpackQ8KGo], with vector instructions where the browser has them.
func unpackQ8K(dst []float32, quants, records []uint32) {
	blocks := len(dst) / layout.LargeBlock
	if blocks == 0 {
		return
	}
	_, _ = quants[64*blocks-1], records[9*blocks-1]
	if !unpackQ8KSIMD(&dst[0], &quants[0], &records[0], int32(blocks)) {
		unpackQ8KGo(dst, quants, records)
	}
}

// expVectors does what [expGo] does to the first of s, and returns to how many:
// all without vector instructions, and with them a multiple of 8, up to the first
// eight of which one goes the long way.
func expVectors(s []float32, top float32) (done int) {
	if len(s) < 8 {
		return 0
	}
	if !vectors {
		expGo(s, top)
		return len(s)
	}
	return int(expSIMD(&s[0], int32(len(s)&^7), top))
}

// addBias is [addBiasGo].
func addBias(scores, bias []float32, scale float32) float32 { return addBiasGo(scores, bias, scale) }

// swiGLU is [swiGLUGo], with vector instructions where the browser has them.
func swiGLU(y, gate, up []float32) {
	fast := len(y) &^ 3
	if fast > 0 {
		_, _ = gate[fast-1], up[fast-1]
		if swiGLUSIMD(&y[0], &gate[0], &up[0], int32(fast)) {
			y, gate, up = y[fast:], gate[fast:], up[fast:]
		}
	}
	swiGLUGo(y, gate, up)
}
