package cpu

import (
	"unsafe"

	"keyfold/gpu/ref"
)

// The functions below call none of their own in their loops: the page's wasm is
// built without inlining, where a call costs as much as an element.

// Widen returns a matrix with the same elements as float32: exactly w's, so that
// products with either are the same bits. It shares w's memory if w is float32.
func Widen(w *ref.Weights) *ref.Weights {
	if w.Type == ref.F32 {
		return w
	}
	wide := &ref.Weights{Type: ref.F32, Rows: w.Rows, Cols: w.Cols, Words: make([]uint32, w.Rows*w.Cols)}
	unpackRows(floats(wide.Words), w, 0, w.Rows)
	return wide
}

// unpackRows returns rows first .. first+n-1 of a matrix, (n, w.Cols): exactly
// what [ref.Weights.Row] writes. They are w's own if these are float32 already,
// and else in dst.
func unpackRows(dst []float32, w *ref.Weights, first, n int) []float32 {
	cols := w.Cols
	elements := w.Words[w.Type.QuantWords(first, cols):w.Type.QuantWords(first+n, cols)]
	if w.Type == ref.F32 {
		return floats(elements)
	}
	dst = dst[:n*cols]
	unpack(dst, w.Type, elements, w.Words[w.Type.QuantWords(w.Rows, cols):], first*(cols/ref.Block))
	return dst
}

// unpackSlots writes the keys or values of slots first .. first+n-1 to dst
// (n, head_dim), each as [ref.Rows.Get].
func unpackSlots(dst []float32, r *ref.Rows, first, n int) {
	t := [...]ref.WeightType{ref.CacheF16: ref.F16, ref.CacheF32: ref.F32, ref.CacheQ8_0: ref.Q8_0, ref.CacheQ4_0: ref.Q4_0}[r.Type]
	size := r.Type.RowWords(r.HeadDim)
	words := r.Words[first*size : (first+n)*size]
	quants := t.QuantWords(1, r.HeadDim)
	if quants == size { // no scales between the rows
		unpack(dst[:n*r.HeadDim], t, words, nil, 0)
		return
	}
	for ; n > 0; n-- {
		unpack(dst[:r.HeadDim], t, words[:quants], words[quants:size], 0)
		dst, words = dst[r.HeadDim:], words[size:]
	}
}

// transposeGo writes rows of cols elements as columns.
//
//	dst  (cols, rows), row r from r*stride on
//	src  (rows, cols)
func transposeGo(dst, src []float32, cols, stride int) {
	for j := range len(src) / cols {
		for i, v := range src[j*cols : (j+1)*cols] {
			dst[i*stride+j] = v
		}
	}
}

// unpack writes elements to dst. The first of them has scale number block.
func unpack(dst []float32, t ref.WeightType, elements, scales []uint32, block int) {
	switch t {
	case ref.F32:
		copy(dst, floats(elements))
	case ref.F16:
		unpackHalves(dst, elements)
	case ref.Q8_0:
		for ; len(dst) > 0; block++ {
			d := ref.Half(scales[block/2] >> (16 * (block % 2)))
			for i, q := range elements[:8] {
				four := (*[4]float32)(dst[4*i:])
				four[0] = d * float32(int8(q))
				four[1] = d * float32(int8(q>>8))
				four[2] = d * float32(int8(q>>16))
				four[3] = d * float32(int32(q)>>24)
			}
			dst, elements = dst[ref.Block:], elements[8:]
		}
	case ref.Q4_0:
		for ; len(dst) > 0; block++ {
			d := ref.Half(scales[block/2] >> (16 * (block % 2)))
			for i, q := range elements[:4] {
				eight := (*[8]float32)(dst[8*i:])
				for j := range eight {
					eight[j] = d * float32(int32(q>>(4*j)&15)-8)
				}
			}
			dst, elements = dst[ref.Block:], elements[4:]
		}
	case ref.Q8M:
		for ; len(dst) > 0; block++ {
			d, m := ref.Half(scales[block]), ref.Half(scales[block]>>16)
			for i, q := range elements[:8] {
				four := (*[4]float32)(dst[4*i:])
				four[0] = d*float32(int32(q&255)) + m
				four[1] = d*float32(int32(q>>8&255)) + m
				four[2] = d*float32(int32(q>>16&255)) + m
				four[3] = d*float32(int32(q>>24)) + m
			}
			dst, elements = dst[ref.Block:], elements[8:]
		}
	default:
		panic("BUG: cpu: weight type " + t.String())
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
			dst[2*i], dst[2*i+1] = ref.Half(w), ref.Half(w>>16)
		}
	}
}

// floats returns words as the floats whose bits they are, in the same memory.
func floats(words []uint32) []float32 {
	return unsafe.Slice((*float32)(unsafe.Pointer(unsafe.SliceData(words))), len(words))
}
