package layout

import (
	"fmt"
	"math"
)

// CacheType is how cache rows lie in memory, on the CPU and on the GPU. A key
// or a value is laid out as a (1, head_dim) matrix of [Weights] of the same
// name: its elements, then its scales, in whole words. So a quantised row whose
// head_dim is an odd multiple of 32 ends with two unused bytes.
type CacheType uint8

const (
	CacheF16  CacheType = iota // two halves a word
	CacheF32                   // one a word
	CacheQ8_0                  // x = d q: signed bytes, one half d per 32 elements
	CacheQ4_0                  // x = d (q - 8): 4 bits, one half d per 32 elements
)

// CacheTypes lists the cache types in the order of their numbers.
var CacheTypes = []CacheType{CacheF16, CacheF32, CacheQ8_0, CacheQ4_0}

// CacheTypeNames is their list for messages.
const CacheTypeNames = "f16, f32, q8_0 or q4_0"

// CacheTypeOf returns the type of a name, and whether there is one.
func CacheTypeOf(name string) (CacheType, bool) {
	for _, t := range CacheTypes {
		if t.String() == name {
			return t, true
		}
	}
	return 0, false
}

// row returns the type of matrix that a key or value is a row of.
func (t CacheType) row() WeightType { return [...]WeightType{F16, F32, Q8_0, Q4_0}[t] }

// String returns the name that the shader file cache_NAME.wgsl carries.
func (t CacheType) String() string { return t.row().String() }

// Quantised reports whether rows are quantised in blocks.
func (t CacheType) Quantised() bool { return t == CacheQ8_0 || t == CacheQ4_0 }

// Check returns an error if rows of headDim elements cannot have this type.
func (t CacheType) Check(headDim int) error {
	if t.Quantised() && headDim%Block != 0 {
		return fmt.Errorf("a cache of type %v needs a head_dim that is a multiple of %d, and this model's is %d", t, Block, headDim)
	}
	return nil
}

// RowWords returns the words of one key or value.
func (t CacheType) RowWords(headDim int) int {
	return t.row().QuantWords(1, headDim) + t.row().ScaleWords(1, headDim)
}

// Rows is a buffer of keys or of values: (slots of all heads, HeadDim).
type Rows struct {
	Type    CacheType
	HeadDim int
	Words   []uint32
}

// NewRows returns room for the given slots.
func NewRows(t CacheType, headDim, slots int) Rows {
	return Rows{Type: t, HeadDim: headDim, Words: make([]uint32, slots*t.RowWords(headDim))}
}

// Get writes the row of a slot to dst (HeadDim).
func (r Rows) Get(dst []float32, slot int) {
	w := Weights{Type: r.Type.row(), Rows: 1, Cols: r.HeadDim, Words: r.row(slot)}
	w.Row(dst, 0)
}

// Put stores src (HeadDim) as the row of a slot, rounded to the type. Blocks of
// 32 elements are quantised by these rules, in float32:
//
//	q8_0  d = max|x| / 127               q = x (1/d), rounded to the nearest integer, halves away from zero
//	q4_0  d = x[first of max|x|] / -8    q = min(15, the integer part of x (1/d) + 8.5)
//
// d is stored as a half, as [ToHalf] rounds it, but q is computed with the
// unrounded d. A block of zeros has d = 0 and 1/d = 0.
//
// Source: quantize_row_q8_0_ref and quantize_row_q4_0_ref in ggml-quants.c of llama.cpp.
func (r Rows) Put(slot int, src []float32) {
	words := r.row(slot)
	switch r.Type {
	case CacheF32:
		for i := range words {
			words[i] = math.Float32bits(src[i])
		}
	case CacheF16:
		for i := range words {
			words[i] = ToHalf(src[2*i]) | ToHalf(src[2*i+1])<<16
		}
	default:
		clear(words)
		scales := words[r.Type.row().QuantWords(1, r.HeadDim):]
		for b := range r.HeadDim / Block {
			d := r.putBlock(words, b, src[b*Block:(b+1)*Block])
			scales[b/2] |= ToHalf(d) << (16 * (b % 2))
		}
	}
}

// putBlock stores the quants of block b of a row of zeros and returns the scale.
func (r Rows) putBlock(words []uint32, b int, x []float32) (d float32) {
	var top float32 // the first element of largest magnitude
	for _, v := range x {
		if math.Abs(float64(v)) > math.Abs(float64(top)) {
			top = v
		}
	}
	if r.Type == CacheQ8_0 {
		d = float32(math.Abs(float64(top))) / 127
		for i, v := range x {
			q := int8(math.Round(float64(v * inverse(d))))
			words[b*Block/4+i/4] |= uint32(uint8(q)) << (8 * (i % 4))
		}
		return d
	}
	d = top / -8
	for i, v := range x {
		// The product is rounded before the sum, on machines too that could do both at once.
		q := min(15, uint32(float32(v*inverse(d))+8.5))
		words[b*Block/8+i/8] |= q << (4 * (i % 8))
	}
	return d
}

// inverse returns 1/d, or 0 for a block of zeros.
func inverse(d float32) float32 {
	if d == 0 {
		return 0
	}
	return 1 / d
}

// Saturated counts the elements that were cut to the largest half, or whose scale was.
func (r Rows) Saturated() int {
	if r.Type == CacheF32 {
		return 0
	}
	words, each := r.Type.RowWords(r.HeadDim), 1 // elements of a half
	first := 0                                   // word of the first half in a row
	if r.Type.Quantised() {
		first, each = r.Type.row().QuantWords(1, r.HeadDim), Block
	}
	n := 0
	for row := 0; row < len(r.Words); row += words {
		for _, word := range r.Words[row+first : row+words] {
			for _, half := range [2]uint32{word, word >> 16} {
				if half&0x7fff == largestHalf {
					n += each
				}
			}
		}
	}
	return n
}

// CopyRow stores slot from of src bit for bit as slot to.
func (r Rows) CopyRow(to int, src Rows, from int) { copy(r.row(to), src.row(from)) }

func (r Rows) row(slot int) []uint32 {
	n := r.Type.RowWords(r.HeadDim)
	return r.Words[slot*n : (slot+1)*n]
}
