package ref

import "math"

// CacheType is how cache rows lie in memory, on the CPU and on the GPU.
type CacheType uint8

const (
	CacheF16 CacheType = iota // two halves a word
	CacheF32
)

// CacheTypes lists the cache types in the order of their numbers.
var CacheTypes = []CacheType{CacheF16, CacheF32}

// String returns the name that the shader file cache_NAME.wgsl carries.
func (t CacheType) String() string { return [...]string{"f16", "f32"}[t] }

// RowWords returns the words of one key or value.
func (t CacheType) RowWords(headDim int) int { return [...]int{headDim / 2, headDim}[t] }

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
	words := r.row(slot)
	if r.Type == CacheF32 {
		for i, w := range words {
			dst[i] = floatFrom(w)
		}
		return
	}
	for i, w := range words {
		dst[2*i], dst[2*i+1] = Half(w), Half(w>>16)
	}
}

// Put stores src (HeadDim) as the row of a slot, rounded to the type.
func (r Rows) Put(slot int, src []float32) {
	words := r.row(slot)
	if r.Type == CacheF32 {
		for i := range words {
			words[i] = math.Float32bits(src[i])
		}
		return
	}
	for i := range words {
		words[i] = ToHalf(src[2*i]) | ToHalf(src[2*i+1])<<16
	}
}

// CopyRow stores slot from of src bit for bit as slot to.
func (r Rows) CopyRow(to int, src Rows, from int) { copy(r.row(to), src.row(from)) }

func (r Rows) row(slot int) []uint32 {
	n := r.Type.RowWords(r.HeadDim)
	return r.Words[slot*n : (slot+1)*n]
}
