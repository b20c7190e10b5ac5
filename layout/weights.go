package layout

import "fmt"

// WeightType is how a weight matrix lies in memory, on the CPU and on the GPU.
// Every checkpoint type has one that loses nothing.
type WeightType uint8

const (
	F32  WeightType = iota
	F16             // two halves a word
	Q8_0            // w = d q: signed bytes, one half d per 32 columns
	Q4_0            // w = d (q - 8): 4 bits, one half d per 32 columns
	Q8M             // w = d q + m: unsigned bytes, halves d and m per 32 columns; for Q4_1 and Q5_1
)

var weightNames = [...]string{"f32", "f16", "q8_0", "q4_0", "q8m"}

// String returns the name that the shader file weights_NAME.wgsl carries.
func (t WeightType) String() string { return weightNames[t] }

// Block is the number of neighbouring columns that share a scale.
const Block = 32

// QuantWords returns the words that hold the elements of a (rows, cols) matrix,
// without scales: where the scales begin.
func (t WeightType) QuantWords(rows, cols int) int {
	perWord := [...]int{F32: 1, F16: 2, Q8_0: 4, Q4_0: 8, Q8M: 4}[t]
	return rows * cols / perWord
}

// ScaleWords returns the words of the scales of a (rows, cols) matrix.
func (t WeightType) ScaleWords(rows, cols int) int {
	switch blocks := rows * (cols / Block); t {
	case Q8_0, Q4_0:
		return (blocks + 1) / 2
	case Q8M:
		return blocks
	}
	return 0
}

// Weights is a (Rows, Cols) matrix in the layout of its type:
// QuantWords of elements, row-major, then ScaleWords of scales.
type Weights struct {
	Type       WeightType
	Rows, Cols int
	Words      []uint32
}

// Row writes row r to dst (Cols), exactly.
func (w *Weights) Row(dst []float32, r int) {
	cols := w.Cols
	start := w.Type.QuantWords(r, cols)
	scales := w.Words[w.Type.QuantWords(w.Rows, cols):]
	block := r * (cols / Block)
	switch w.Type {
	case F32:
		for c, word := range w.Words[start : start+cols] {
			dst[c] = floatFrom(word)
		}
	case F16:
		for i, word := range w.Words[start : start+cols/2] {
			dst[2*i] = Half(word)
			dst[2*i+1] = Half(word >> 16)
		}
	case Q8_0:
		for i, word := range w.Words[start : start+cols/4] {
			d := halfAt(scales, block+i/8)
			for j := range 4 {
				dst[4*i+j] = d * float32(int8(word>>(8*j)))
			}
		}
	case Q4_0:
		for i, word := range w.Words[start : start+cols/8] {
			d := halfAt(scales, block+i/4)
			for j := range 8 {
				dst[8*i+j] = d * float32(int(word>>(4*j)&15)-8)
			}
		}
	case Q8M:
		for i, word := range w.Words[start : start+cols/4] {
			dm := scales[block+i/8]
			d, m := Half(dm), Half(dm>>16)
			for j := range 4 {
				dst[4*i+j] = d*float32(word>>(8*j)&255) + m
			}
		}
	default:
		panic(fmt.Sprintf("BUG: ref: weight type %d", w.Type))
	}
}

// Put copies rows of the same type and width to rows row0 .. row0+src.Rows.
// Where two scales share a word, row0 and src.Rows must be such that no word is
// shared between calls: even, except src.Rows at the end of the matrix.
func (w *Weights) Put(row0 int, src *Weights) {
	copy(w.Words[w.Type.QuantWords(row0, w.Cols):], src.Words[:src.Type.QuantWords(src.Rows, src.Cols)])
	scales := w.Words[w.Type.QuantWords(w.Rows, w.Cols):]
	copy(scales[w.Type.ScaleWords(row0, w.Cols):], src.Words[src.Type.QuantWords(src.Rows, src.Cols):])
}
