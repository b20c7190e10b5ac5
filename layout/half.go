package layout

import "github.com/x448/float16"

// Half returns the half in the low 16 bits of a word.
func Half(word uint32) float32 { return float16.Frombits(uint16(word)).Float32() }

// halfAt returns half i of halves packed two a word, the low one first.
func halfAt(words []uint32, i int) float32 { return Half(words[i/2] >> (16 * (i % 2))) }

// largestHalf are the bits of 65504.
const largestHalf = 0x7bff

// ToHalf rounds to the nearest half, ties to even. Values beyond ±65504, the
// largest half, become ±65504: what a shader makes of them differs between
// adapters.
func ToHalf(v float32) uint32 {
	if v > 65504 {
		v = 65504
	} else if v < -65504 {
		v = -65504
	}
	return uint32(float16.Fromfloat32(v).Bits())
}
