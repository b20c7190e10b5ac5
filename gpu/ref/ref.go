// Package ref holds the CPU twin of each compute shader: the specification of
// what the shader computes, the oracle of its test, and what runs where there
// is no WebGPU.
//
// A twin takes the shader's buffers in the order of its bindings, is a plain
// loop, and sums in float64, so that a disagreement with the shader is the
// shader's rounding error and not the twin's.
package ref

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

// dot returns the sum of a[i] * b[i] in float64.
func dot(a, b []float32) float64 {
	b = b[:len(a)]
	var even, odd float64
	i := 0
	for ; i+1 < len(a); i += 2 {
		even += float64(a[i]) * float64(b[i])
		odd += float64(a[i+1]) * float64(b[i+1])
	}
	if i < len(a) {
		even += float64(a[i]) * float64(b[i])
	}
	return even + odd
}

func floatFrom(word uint32) float32 { return math.Float32frombits(word) }

// FloatWords returns the bits of floats.
func FloatWords(v []float32) []uint32 {
	words := make([]uint32, len(v))
	for i, x := range v {
		words[i] = math.Float32bits(x)
	}
	return words
}
