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
	Q8M             // w = d q + m: unsigned bytes, halves d and m per 32 columns; for Q5_1
	Q4M             // w = d q + m: 4 bits, halves d and m per 32 columns; for Q4_1
	Q4K             // w = (d s) q - m n: 4 bits, signed bytes s and n per 32 columns, halves d and m per 256; for Q4_K
	Q8K             // w = (d s) q - m n: signed bytes, also s and n per 16 columns, halves d and m per 256; for what else has blocks of 256
)

// WeightTypes lists the types in the order of their numbers.
var WeightTypes = []WeightType{F32, F16, Q8_0, Q4_0, Q8M, Q4M, Q4K, Q8K}

var weightNames = [...]string{"f32", "f16", "q8_0", "q4_0", "q8m", "q4m", "q4k", "q8k"}

// String returns the name that the shader file weights_NAME.wgsl carries.
func (t WeightType) String() string { return weightNames[t] }

// Block is the number of neighbouring columns that share a scale, and LargeBlock
// that of those which share halves in the types whose scales are bytes.
const (
	Block      = 32
	LargeBlock = 256
)

// ColumnsOf returns what the columns of a matrix are a multiple of.
func (t WeightType) ColumnsOf() int {
	return [...]int{F32: 1, F16: 2, Q8_0: Block, Q4_0: Block, Q8M: Block, Q4M: Block, Q4K: LargeBlock, Q8K: LargeBlock}[t]
}

// Group returns how many columns share s and n in [Q4K] and [Q8K].
func (t WeightType) Group() int { return [...]int{Q4K: 32, Q8K: 16}[t] }

// RecordWords returns the words of the scales of 256 columns in [Q4K] and [Q8K]: d
// below m, then for each group s below n, two groups a word.
func (t WeightType) RecordWords() int { return 1 + LargeBlock/t.Group()/2 }

// QuantWords returns the words that hold the elements of a (rows, cols) matrix,
// without scales: where the scales begin.
func (t WeightType) QuantWords(rows, cols int) int {
	perWord := [...]int{F32: 1, F16: 2, Q8_0: 4, Q4_0: 8, Q8M: 4, Q4M: 8, Q4K: 8, Q8K: 4}[t]
	return rows * cols / perWord
}

// ScaleWords returns the words of the scales of a (rows, cols) matrix.
func (t WeightType) ScaleWords(rows, cols int) int {
	switch blocks := rows * (cols / Block); t {
	case Q8_0, Q4_0:
		return (blocks + 1) / 2
	case Q8M, Q4M:
		return blocks
	case Q4K, Q8K:
		return rows * (cols / LargeBlock) * t.RecordWords()
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
	case Q8M, Q4M, Q4K, Q8K:
		w.rowWithMinima(dst, r)
	default:
		panic(fmt.Sprintf("BUG: layout: weight type %d", w.Type))
	}
}

// rowWithMinima writes row r of a type whose weights are d q + m.
func (w *Weights) rowWithMinima(dst []float32, r int) {
	start, end := w.Type.QuantWords(r, w.Cols), w.Type.QuantWords(r+1, w.Cols)
	perWord := w.Cols / (end - start)
	for i, word := range w.Words[start:end] {
		d, m := w.scaleAndMinimum(r, perWord*i)
		for j := range perWord {
			q := float32(word >> (32 / perWord * j) & (1<<(32/perWord) - 1))
			if w.Type == Q8K {
				q = float32(int8(word >> (8 * j)))
			}
			dst[perWord*i+j] = float32(d*q) + m
		}
	}
}

// scaleAndMinimum returns d and m of a column of row r: those that are stored, or d s
// and -m n.
func (w *Weights) scaleAndMinimum(r, col int) (d, m float32) {
	scales := w.Words[w.Type.QuantWords(w.Rows, w.Cols):]
	if w.Type == Q8M || w.Type == Q4M {
		dm := scales[(r*w.Cols+col)/Block]
		return Half(dm), Half(dm >> 16)
	}
	record := scales[(r*w.Cols+col)/LargeBlock*w.Type.RecordWords():]
	group := col % LargeBlock / w.Type.Group()
	pair := record[1+group/2] >> (16 * (group % 2))
	return Half(record[0]) * float32(int8(pair)), -(Half(record[0]>>16) * float32(int8(pair>>8)))
}

// Put copies rows of the same type and width to rows row0 .. row0+src.Rows.
// Where two scales share a word, row0 and src.Rows must be such that no word is
// shared between calls: even, except src.Rows at the end of the matrix.
func (w *Weights) Put(row0 int, src *Weights) {
	copy(w.Words[w.Type.QuantWords(row0, w.Cols):], src.Words[:src.Type.QuantWords(src.Rows, src.Cols)])
	scales := w.Words[w.Type.QuantWords(w.Rows, w.Cols):]
	copy(scales[w.Type.ScaleWords(row0, w.Cols):], src.Words[src.Type.QuantWords(src.Rows, src.Cols):])
}
