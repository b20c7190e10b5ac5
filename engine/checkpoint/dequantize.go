package checkpoint

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/x448/float16"
)

// Dequantize turns one or more whole blocks (so also whole rows) into float32.
//
//	F32, F16, BF16                x = the value itself; all are exact in float32
//	Q8_0, Q4_0, Q5_0, IQ4_NL      x[i] = d q[i]
//	Q4_1, Q5_1                    x[i] = d q[i] + m
//	Q2_K ... Q6_K, IQ4_XS         x[i] = (d s[g]) q[i] - m n[g]     g = i / 16
//
//	dst  (n) overwritten
//	src  n / BlockSize blocks of BlockBytes each, which [Type.Unpack] takes apart
//
// Products and sums round to float32 one after the other, never fused, so that every machine gives
// the same bits. It panics where the lengths do not belong together.
//
// Source: definition, dequantize_row_* in ggml-quants.c of llama.cpp.
func (t Type) Dequantize(dst []float32, src []byte) {
	t.checkLengths(len(dst), len(src))
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
	size, step := t.BlockSize(), t.BlockBytes()
	var b Block
	for len(src) > 0 {
		t.Unpack(&b, src)
		d, m := float16.Frombits(b.D).Float32(), float16.Frombits(b.M).Float32()
		switch x := dst[:size]; {
		case size == 256:
			for i := range x {
				x[i] = float32(float32(d*float32(b.S[i/16]))*float32(b.Q[i])) - float32(m*float32(b.N[i/16]))
			}
		case typeTable[t].halves == 2:
			for i := range x {
				x[i] = float32(d*float32(b.Q[i])) + m
			}
		default:
			for i := range x {
				x[i] = d * float32(b.Q[i])
			}
		}
		dst, src = dst[size:], src[step:]
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
