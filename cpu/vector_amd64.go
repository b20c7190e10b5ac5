package cpu

import (
	"golang.org/x/sys/cpu"

	"keyfold/layout"
)

// The functions of vector_amd64.s. Each computes what the Go function of its name
// with Go behind it does, bit for bit but for those of a NaN.

// Rows and cols are at least 1, rows a multiple of 4.
//
//go:noescape
func matvecAVX2(y, w, x *float32, rows, cols, stride int)

// Rows and cols are multiples of 8 and at least 8.
//
//go:noescape
func addRowsAVX2(lanes, w, x *float32, rows, cols int)

// Halves is a multiple of 8 and at least 8.
//
//go:noescape
func unpackHalvesAVX2(dst *float32, words *uint32, halves int)

// Blocks and rows are at least 1.
//
//go:noescape
func unpackQ8AVX2(dst *float32, quants, scales *uint32, block, blocks, rows, stride int)

//go:noescape
func unpackQ4AVX2(dst *float32, quants, scales *uint32, block, blocks, rows, stride int)

//go:noescape
func unpackQ8MAVX2(dst *float32, quants, scales *uint32, blocks int)

//go:noescape
func unpackQ4KAVX2(dst *float32, quants, records *uint32, blocks int)

//go:noescape
func unpackQ8KAVX2(dst *float32, quants, records *uint32, blocks int)

// n is a multiple of 8 and at least 8.
//
//go:noescape
func addBiasAVX2(scores, bias *float32, n int, scale float32) (top float32)

//go:noescape
func expAVX2(s *float32, n int, top float32) (done int)

// hasF16C reports whether there is the conversion from halves, which processors
// with AVX2 have.
func hasF16C() bool

// pause lets the processor do something else for some tens of cycles.
func pause()

// vectors says whether the package uses vector instructions here.
var vectors = cpu.X86.HasAVX2 && hasF16C()

// matvec is [matvecGo], with vector instructions where the machine has them.
func matvec(y, w, x []float32, stride int) {
	fast := len(y) &^ 3
	if !vectors || fast == 0 || len(x) == 0 {
		fast = 0
	} else {
		_ = w[(fast-1)*stride+len(x)-1] // the last element that is read
		matvecAVX2(&y[0], &w[0], &x[0], fast, len(x), stride)
	}
	if fast < len(y) {
		matvecGo(y[fast:], w[fast*stride:], x, stride)
	}
}

// addRows is [addRowsGo], with vector instructions where the machine has them.
func addRows(lanes, w, x []float32) {
	cols, fast := len(lanes)/8, len(x)&^7
	if vectors && fast > 0 && cols > 0 && cols%8 == 0 {
		_ = w[fast*cols-1]
		addRowsAVX2(&lanes[0], &w[0], &x[0], fast, cols)
		w, x = w[fast*cols:], x[fast:]
	}
	addRowsGo(lanes, w, x)
}

// unpackHalves is [unpackHalvesGo], with vector instructions where the machine has them.
func unpackHalves(dst []float32, words []uint32) {
	fast := len(words) &^ 3
	if vectors && fast > 0 {
		unpackHalvesAVX2(&dst[:2*fast][0], &words[0], 2*fast)
		dst, words = dst[2*fast:], words[fast:]
	}
	unpackHalvesGo(dst, words)
}

// unpackQ8 is [unpackQ8Go], with vector instructions where the machine has them.
func unpackQ8(dst []float32, quants, scales []uint32, block, blocks, stride int) {
	if !vectors || len(dst) == 0 {
		unpackQ8Go(dst, quants, scales, block, blocks, stride)
		return
	}
	rows := rowsOf(dst, quants, scales, block, blocks, stride, 8)
	unpackQ8AVX2(&dst[0], &quants[0], &scales[0], block, blocks, rows, stride)
}

// unpackQ4 is [unpackQ4Go], with vector instructions where the machine has them.
func unpackQ4(dst []float32, quants, scales []uint32, block, blocks, stride int) {
	if !vectors || len(dst) == 0 {
		unpackQ4Go(dst, quants, scales, block, blocks, stride)
		return
	}
	rows := rowsOf(dst, quants, scales, block, blocks, stride, 4)
	unpackQ4AVX2(&dst[0], &quants[0], &scales[0], block, blocks, rows, stride)
}

// unpackQ8M is [unpackQ8MGo], with vector instructions where the machine has them.
func unpackQ8M(dst []float32, quants, scales []uint32) {
	blocks := len(dst) / layout.Block
	if !vectors || blocks == 0 {
		unpackQ8MGo(dst, quants, scales)
		return
	}
	_, _ = quants[8*blocks-1], scales[blocks-1]
	unpackQ8MAVX2(&dst[0], &quants[0], &scales[0], blocks)
}

// unpackQ4K is [unpackQ4KGo], with vector instructions where the machine has them.
func unpackQ4K(dst []float32, quants, records []uint32) {
	blocks := len(dst) / layout.LargeBlock
	if !vectors || blocks == 0 {
		unpackQ4KGo(dst, quants, records)
		return
	}
	_, _ = quants[32*blocks-1], records[5*blocks-1]
	unpackQ4KAVX2(&dst[0], &quants[0], &records[0], blocks)
}

// unpackQ8K is [unpackQ8KGo], with vector instructions where the machine has them.
func unpackQ8K(dst []float32, quants, records []uint32) {
	blocks := len(dst) / layout.LargeBlock
	if !vectors || blocks == 0 {
		unpackQ8KGo(dst, quants, records)
		return
	}
	_, _ = quants[64*blocks-1], records[9*blocks-1]
	unpackQ8KAVX2(&dst[0], &quants[0], &records[0], blocks)
}

// expVectors does what [expGo] does to the first of s, and returns to how many:
// all without vector instructions, and with them a multiple of 8, up to the first
// eight of which one goes the long way.
func expVectors(s []float32, top float32) (done int) {
	if !vectors {
		expGo(s, top)
		return len(s)
	}
	if len(s) < 8 {
		return 0
	}
	return expAVX2(&s[0], len(s)&^7, top)
}

// addBias is [addBiasGo], with vector instructions where the machine has them.
func addBias(scores, bias []float32, scale float32) float32 {
	fast := len(scores) &^ 7
	if !vectors || fast == 0 {
		return addBiasGo(scores, bias, scale)
	}
	_ = bias[fast-1]
	top := addBiasAVX2(&scores[0], &bias[0], fast, scale)
	return max(top, addBiasGo(scores[fast:], bias[fast:], scale))
}

func swiGLU(y, gate, up []float32) { swiGLUGo(y, gate, up) }
