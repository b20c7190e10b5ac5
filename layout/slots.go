package layout

import "math"

// Head says where the slots of one KV head lie in the buffers of a layer.
type Head struct {
	Offset int // first slot
	Len    int // occupied slots
}

// Slot is what a cache holds about a slot besides its key and value.
type Slot struct {
	Pos  uint32  // position that the slot's key is rotated by
	N    uint32  // tokens the slot stands for
	Bias float32 // what attention adds to its logit
}

// SlotWords returns slots as they lie in a GPU's memory: three words each.
func SlotWords(slots []Slot) []uint32 {
	words := make([]uint32, 0, 3*len(slots))
	for _, s := range slots {
		words = append(words, s.Pos, s.N, math.Float32bits(s.Bias))
	}
	return words
}

// FloatWords returns the bits of floats.
func FloatWords(v []float32) []uint32 {
	words := make([]uint32, len(v))
	for i, x := range v {
		words[i] = math.Float32bits(x)
	}
	return words
}

func floatFrom(word uint32) float32 { return math.Float32frombits(word) }

// Move says that the row of slot From of one cache becomes the row of slot To
// of another. Both count from the start of their buffers.
type Move struct{ From, To int }

// MergeRow says how one row is blended from several slots. Slots count from the
// start of their buffers.
type MergeRow struct {
	To           int     // slot of the new cache
	Pivot        int     // slot of the old cache
	First, Count int     // its members are members[First:First+Count], Pivot among them
	Sigma        float32 // width of the kernel, at least 1e-6
	ValueScale   float32 // factor on the blended value
	Aligned      bool    // keys are rotated to the pivot's position
	PerToken     bool    // each value is divided by its slot's n
}

// Share is the weight of a slot in a sum. Slots count from the start of their
// buffers.
type Share struct {
	Slot   int
	Weight float32
}

// ExplicitRow says which shares make one row.
type ExplicitRow struct {
	To           int // slot of the new cache
	Keys, Values []Share
}

// NoPivot says that a slot has no pivot to be measured from. The constant
// NO_PIVOT in pivot_distance.wgsl is its other half.
const NoPivot = 0xffffffff
