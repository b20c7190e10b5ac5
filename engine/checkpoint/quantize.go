package checkpoint

import (
	"encoding/binary"
	"math"

	"github.com/x448/float16"
)

// Quantize is the inverse of Dequantize, with the rounding of ggml's reference quantisers. It
// serves fixtures, tests and benchmarks. For blocks of 256 and IQ4_NL ggml searches for scales that fit
// best; here the range of the elements says them.
//
//	F16    nearest, ties to even         BF16   nearest, ties to even; a NaN stays one
//	Q8_0   d = max|x| / 127              q = round(x/d)
//	Q4_0   d = x[of max|x|] / -8         q = min(15, floor(x/d + 8.5))
//	Q5_0   d = x[of max|x|] / -16        q = min(31, floor(x/d + 16.5))
//	Q4_1   d = (max-min) / 15, m = min   q = min(15, floor((x-m)/d + 0.5))
//	Q5_1   d = (max-min) / 31, m = min   q = floor((x-m)/d + 0.5)
//
//	dst  n / BlockSize blocks of BlockBytes each, overwritten
//	src  (n) finite, small enough that d and m fit a half (65504)
//
// d and m are stored as halves, but q is computed with the unrounded d, as in ggml. It panics where
// the lengths do not belong together.
//
// Source: quantize_row_q*_*_ref in ggml-quants.c of llama.cpp.
func Quantize(t Type, dst []byte, src []float32) {
	t.checkLengths(len(src), len(dst))
	size, step := t.BlockSize(), t.BlockBytes()
	for len(src) > 0 {
		b, x := dst[:step], src[:size]
		switch t {
		case F32:
			binary.LittleEndian.PutUint32(b, math.Float32bits(x[0]))
		case F16:
			putF16(b, x[0])
		case BF16:
			putBF16(b, x[0])
		case Q8_0:
			d := abs32(largest(x)) / 127
			id := inverse(d)
			putF16(b, d)
			for i, v := range x {
				b[2+i] = byte(int8(math.Round(float64(v * id))))
			}
		case Q4_0:
			d := largest(x) / -8
			putF16(b, d)
			putNibbles(b[2:], nil, x, 0, inverse(d), 8.5, 15)
		case Q5_0:
			d := largest(x) / -16
			putF16(b, d)
			putNibbles(b[6:], b[2:6], x, 0, inverse(d), 16.5, 31)
		case Q4_1:
			d, m := minAndStep(x, 15)
			putF16(b, d)
			putF16(b[2:], m)
			putNibbles(b[4:], nil, x, m, inverse(d), 0.5, 15)
		case Q5_1:
			d, m := minAndStep(x, 31)
			putF16(b, d)
			putF16(b[2:], m)
			putNibbles(b[8:], b[4:8], x, m, inverse(d), 0.5, 31)
		case IQ4_NL:
			quantizeIQ4NL(b, x)
		default:
			t.quantizeGrid(b, x)
		}
		dst, src = dst[step:], src[size:]
	}
}

// putNibbles stores q[i] = min(top, floor((x[i]-m)*id + add)): the low four bits in qs, and bit 4
// as bit i of high, little-endian, unless high is nil.
//
//	qs    (16) overwritten       high  (4) overwritten, or nil
//	x     (32)
func putNibbles(qs, high []byte, x []float32, m, id, add float32, top int) {
	quant := func(v float32) int { return min(top, int(float32((v-m)*id)+add)) }
	var bits uint32
	for i := range qs {
		lo, hi := quant(x[i]), quant(x[i+16])
		qs[i] = byte(lo&15 | hi&15<<4)
		bits |= uint32(lo>>4&1)<<i | uint32(hi>>4&1)<<(i+16)
	}
	if high != nil {
		binary.LittleEndian.PutUint32(high, bits)
	}
}

// largest returns the element of largest magnitude with its sign, the first of several.
func largest(x []float32) float32 {
	var best float32
	for _, v := range x {
		if abs32(v) > abs32(best) {
			best = v
		}
	}
	return best
}

// minAndStep returns the width d of one of steps intervals that cover x, and the minimum m of x.
func minAndStep(x []float32, steps float32) (d, m float32) {
	lo, hi := x[0], x[0]
	for _, v := range x {
		lo, hi = min(lo, v), max(hi, v)
	}
	return (hi - lo) / steps, lo
}

// inverse returns 1/d, or 0 for a block of zeros.
func inverse(d float32) float32 {
	if d == 0 {
		return 0
	}
	return 1 / d
}

func abs32(v float32) float32 { return float32(math.Abs(float64(v))) }

func putF16(b []byte, v float32) {
	binary.LittleEndian.PutUint16(b, float16.Fromfloat32(v).Bits())
}

func putBF16(b []byte, v float32) {
	u := math.Float32bits(v)
	if v != v {
		u |= 64 << 16 // quiet, so that truncation cannot turn it into an infinity
	} else {
		u += 0x7fff + u>>16&1
	}
	binary.LittleEndian.PutUint16(b, uint16(u>>16))
}
