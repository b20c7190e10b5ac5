package cpu

import (
	"unsafe"

	"keyfold/layout"
)

// The functions below call none of their own in their loops: the page's wasm is
// built without inlining, where a call costs as much as an element.

// unpackRows returns rows first .. first+n-1 of a matrix, (n, w.Cols): exactly
// what [layout.Weights.Row] writes. They are w's own if these are float32 already,
// and else in dst.
func unpackRows(dst []float32, w *layout.Weights, first, n int) []float32 {
	cols := w.Cols
	elements := w.Words[w.Type.QuantWords(first, cols):w.Type.QuantWords(first+n, cols)]
	if w.Type == layout.F32 {
		return floats(elements)
	}
	scales, block := w.Words[w.Type.QuantWords(w.Rows, cols):], first*(cols/layout.Block)
	dst = dst[:n*cols]
	switch w.Type {
	case layout.F16:
		unpackHalves(dst, elements)
	case layout.Q8M:
		unpackQ8M(dst, elements, scales[block:])
	case layout.Q4K:
		unpackQ4K(dst, elements, scales[block/8*w.Type.RecordWords():])
	case layout.Q8K:
		unpackQ8K(dst, elements, scales[block/8*w.Type.RecordWords():])
	default:
		panic("BUG: cpu: weight type " + w.Type.String())
	}
	return dst
}

// unpackSlots returns the keys or values of slots first .. first+n-1, (n, head_dim),
// each as [layout.Rows.Get]. They are r's own if these are float32 already, and else
// in dst.
func unpackSlots(dst []float32, r *layout.Rows, first, n int) []float32 {
	size := r.Type.RowWords(r.HeadDim)
	words := r.Words[first*size : (first+n)*size]
	dst = dst[:n*r.HeadDim]
	switch blocks := r.HeadDim / layout.Block; r.Type {
	case layout.CacheF32:
		return floats(words)
	case layout.CacheF16:
		unpackHalves(dst, words)
	case layout.CacheQ8_0:
		unpackQ8(dst, words, words[8*blocks:], 0, blocks, size)
	case layout.CacheQ4_0:
		unpackQ4(dst, words, words[4*blocks:], 0, blocks, size)
	default:
		panic("BUG: cpu: cache type " + r.Type.String())
	}
	return dst
}

// unpackQ8Go widens rows of blocks of [layout.Q8_0].
//
//	dst     (rows, 32*blocks)  overwritten; says how many rows
//	quants  (rows, 8*blocks)   row r from r*stride on
//	scales  halves, two a word, row r's from r*stride on; number `block` is the first that is used
func unpackQ8Go(dst []float32, quants, scales []uint32, block, blocks, stride int) {
	for row := 0; len(dst) > 0; row += stride {
		for b := range blocks {
			d := layout.Half(scales[row+(block+b)/2] >> (16 * ((block + b) % 2)))
			for i, q := range quants[row+8*b:][:8] {
				four := (*[4]float32)(dst[4*i:])
				four[0] = d * float32(int8(q))
				four[1] = d * float32(int8(q>>8))
				four[2] = d * float32(int8(q>>16))
				four[3] = d * float32(int32(q)>>24)
			}
			dst = dst[layout.Block:]
		}
	}
}

// rowsOf returns the rows that dst has room for, having looked at the last words
// that [unpackQ8Go] or [unpackQ4Go] would read: vector instructions check nothing.
func rowsOf(dst []float32, quants, scales []uint32, block, blocks, stride, quantWords int) int {
	rows := len(dst) / (blocks * layout.Block)
	_, _ = quants[(rows-1)*stride+blocks*quantWords-1], scales[(rows-1)*stride+(block+blocks-1)/2]
	return rows
}

// unpackQ4Go does what [unpackQ8Go] does for [layout.Q4_0]. quants are (rows, 4*blocks).
func unpackQ4Go(dst []float32, quants, scales []uint32, block, blocks, stride int) {
	for row := 0; len(dst) > 0; row += stride {
		for b := range blocks {
			d := layout.Half(scales[row+(block+b)/2] >> (16 * ((block + b) % 2)))
			for i, q := range quants[row+4*b:][:4] {
				eight := (*[8]float32)(dst[8*i:])
				for j := range eight {
					eight[j] = d * float32(int32(q>>(4*j)&15)-8)
				}
			}
			dst = dst[layout.Block:]
		}
	}
}

// unpackQ8MGo widens blocks of [layout.Q8M].
//
//	dst     (32*blocks)  overwritten
//	quants  (8*blocks)
//	scales  (blocks)     d and m
func unpackQ8MGo(dst []float32, quants, scales []uint32) {
	for b := range len(dst) / layout.Block {
		d, m := layout.Half(scales[b]), layout.Half(scales[b]>>16)
		for i, q := range quants[8*b:][:8] {
			four := (*[4]float32)(dst[layout.Block*b+4*i:])
			four[0] = float32(d*float32(int32(q&255))) + m
			four[1] = float32(d*float32(int32(q>>8&255))) + m
			four[2] = float32(d*float32(int32(q>>16&255))) + m
			four[3] = float32(d*float32(int32(q>>24))) + m
		}
	}
}

// unpackNibbles widens a block of 32 nibbles: d q + m.
func unpackNibbles(dst []float32, quants []uint32, d, m float32) {
	for i, q := range quants[:4] {
		eight := (*[8]float32)(dst[8*i:])
		for j := range eight {
			eight[j] = float32(d*float32(int32(q>>(4*j)&15))) + m
		}
	}
}

// unpackQ4KGo widens blocks of [layout.Q4K].
//
//	dst      (256*blocks)  overwritten
//	quants   (32*blocks)
//	records  (5*blocks)    d and m, then s and n of each 32
func unpackQ4KGo(dst []float32, quants, records []uint32) {
	for b := range len(dst) / layout.LargeBlock {
		record := records[5*b:][:5]
		d, m := layout.Half(record[0]), layout.Half(record[0]>>16)
		for g := range 8 {
			pair := record[1+g/2] >> (16 * (g % 2))
			unpackNibbles(dst[layout.LargeBlock*b+32*g:], quants[32*b+4*g:], d*float32(int8(pair)), -(m * float32(int8(pair>>8))))
		}
	}
}

// unpackQ8KGo does the same for [layout.Q8K].
//
//	dst      (256*blocks)  overwritten
//	quants   (64*blocks)
//	records  (9*blocks)    d and m, then s and n of each 16
func unpackQ8KGo(dst []float32, quants, records []uint32) {
	for b := range len(dst) / layout.LargeBlock {
		record := records[9*b:][:9]
		d, m := layout.Half(record[0]), layout.Half(record[0]>>16)
		for g := range 16 {
			pair := record[1+g/2] >> (16 * (g % 2))
			ds, mn := d*float32(int8(pair)), m*float32(int8(pair>>8))
			for i, q := range quants[64*b+4*g:][:4] {
				four := (*[4]float32)(dst[layout.LargeBlock*b+16*g+4*i:])
				four[0] = float32(ds*float32(int8(q))) - mn
				four[1] = float32(ds*float32(int8(q>>8))) - mn
				four[2] = float32(ds*float32(int8(q>>16))) - mn
				four[3] = float32(ds*float32(int32(q)>>24)) - mn
			}
		}
	}
}

// unpackHalvesGo widens halves, two a word: the exponent gets another bias and the
// fraction zeros behind it. Subnormal halves, infinities and NaN go the long way.
func unpackHalvesGo(dst []float32, words []uint32) {
	const bias, smallest, largest = (127 - 15) << 23, 0x0400, 0x7bff
	bits := unsafe.Slice((*uint32)(unsafe.Pointer(unsafe.SliceData(dst))), len(dst))[:2*len(words)]
	for i, w := range words {
		low, high := w&0x7fff, w>>16&0x7fff
		two := (*[2]uint32)(bits[2*i:])
		two[0] = (w&0x8000)<<16 | (low<<13 + bias)
		two[1] = w&0x80000000 | (high<<13 + bias)
		if low-smallest > largest-smallest || high-smallest > largest-smallest {
			dst[2*i], dst[2*i+1] = layout.Half(w), layout.Half(w>>16)
		}
	}
}

// floats returns words as the floats whose bits they are, in the same memory.
func floats(words []uint32) []float32 {
	return unsafe.Slice((*float32)(unsafe.Pointer(unsafe.SliceData(words))), len(words))
}
