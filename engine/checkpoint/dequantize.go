package checkpoint

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/x448/float16"
)

// Dequantize turns one or more whole blocks (so also whole rows) into float32.
//
//	F32, F16, BF16   x = the value itself; all are exact in float32
//	Q8_0             x[i] = d * q[i]            q in -128 .. 127
//	Q4_0             x[i] = d * (q[i] - 8)      q in 0 .. 15
//	Q4_1             x[i] = d * q[i] + m        q in 0 .. 15
//	Q5_0             x[i] = d * (q[i] - 16)     q in 0 .. 31
//	Q5_1             x[i] = d * q[i] + m        q in 0 .. 31
//
//	dst  (n) overwritten
//	src  n / BlockSize blocks of BlockBytes each
//
// Products and sums round to float32 one after the other, never fused, so that every machine gives
// the same bits. Element i < 16 of a nibble block is the low half of byte i, element i >= 16 the
// high half of byte i-16. It panics where the lengths do not belong together.
//
// Source: definition, dequantize_row_q*_* in ggml-quants.c of llama.cpp.
func (t Type) Dequantize(dst []float32, src []byte) {
	t.checkLengths(len(dst), len(src))
	size, step := t.BlockSize(), t.BlockBytes()
	switch t {
	case F32:
		for i := range dst {
			dst[i] = math.Float32frombits(binary.LittleEndian.Uint32(src[4*i:]))
		}
		return
	case F16:
		for i := range dst {
			dst[i] = f16(src[2*i:])
		}
		return
	case BF16:
		for i := range dst {
			dst[i] = math.Float32frombits(uint32(binary.LittleEndian.Uint16(src[2*i:])) << 16)
		}
		return
	}
	for len(src) > 0 {
		x, b := dst[:size], src[:step]
		d := f16(b)
		switch t {
		case Q8_0:
			for i, q := range b[2:] {
				x[i] = d * float32(int8(q))
			}
		case Q4_0:
			nibbles(x, b[2:], 0, 8)
			scale(x, d)
		case Q4_1:
			nibbles(x, b[4:], 0, 0)
			scaleAdd(x, d, f16(b[2:]))
		case Q5_0:
			nibbles(x, b[6:], binary.LittleEndian.Uint32(b[2:]), 16)
			scale(x, d)
		case Q5_1:
			nibbles(x, b[8:], binary.LittleEndian.Uint32(b[4:]), 0)
			scaleAdd(x, d, f16(b[2:]))
		}
		dst, src = dst[size:], src[step:]
	}
}

// nibbles sets x[i] = q[i] - zero, where q[i] is nibble i of qs with bit i of high as its bit 4.
//
//	x   (32) overwritten
//	qs  (16)
func nibbles(x []float32, qs []byte, high uint32, zero int) {
	for i, b := range qs {
		lo := int(b&15) | int(high>>i&1)<<4
		hi := int(b>>4) | int(high>>(i+16)&1)<<4
		x[i], x[i+16] = float32(lo-zero), float32(hi-zero)
	}
}

func scale(x []float32, d float32) {
	for i := range x {
		x[i] *= d
	}
}

func scaleAdd(x []float32, d, m float32) {
	for i := range x {
		x[i] = float32(x[i]*d) + m // the conversion forbids a fused multiply-add
	}
}

// f16 reads one little-endian half.
func f16(b []byte) float32 {
	return float16.Frombits(binary.LittleEndian.Uint16(b)).Float32()
}

// checkLengths panics unless n elements take exactly size bytes.
func (t Type) checkLengths(n, size int) {
	if t >= numTypes || n%t.BlockSize() != 0 || n/t.BlockSize()*t.BlockBytes() != size {
		panic(fmt.Sprintf("BUG: checkpoint: %d elements of %s against %d bytes", n, t, size))
	}
}
