//go:build !js

package checkpoint

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"testing"
)

// Halves used below: 0x3800 = 0.5, 0xBC00 = -1, 0x4000 = 2, 0x3C00 = 1.
var dequantizeCases = []struct {
	typ  Type
	src  []byte
	want map[int]float32 // the elements worked out; every other one is rest
	rest float32
}{
	{F32, []byte{0, 0, 0x80, 0x3f, 0, 0, 0x20, 0xc1}, map[int]float32{0: 1, 1: -10}, 0},
	// 0x0001 is the smallest half, 2^-24; 0xFBFF the most negative, -65504.
	{F16, []byte{0x01, 0x00, 0xff, 0xfb}, map[int]float32{0: 0x1p-24, 1: -65504}, 0},
	// 0x3F80 is the upper half of 1.0, 0xC049 of -3.140625.
	{BF16, []byte{0x80, 0x3f, 0x49, 0xc0}, map[int]float32{0: 1, 1: -3.140625}, 0},
	// d = 0.5; q = 1, -128, 127 and -1 at the end, else 0.
	{Q8_0, block("3800", 32, map[int]byte{0: 1, 1: 0x80, 2: 0x7f, 31: 0xff}),
		map[int]float32{0: 0.5, 1: -64, 2: 63.5, 31: -0.5}, 0},
	// d = 0.5; byte 0 = 0x1F: element 0 = (15-8)/2, element 16 = (1-8)/2; byte 15 = 0x80: element 15 =
	// (0-8)/2, element 31 = (8-8)/2; all other nibbles 0: (0-8)/2.
	{Q4_0, block("3800", 16, map[int]byte{0: 0x1f, 15: 0x80}), map[int]float32{0: 3.5, 16: -3.5, 31: 0}, -4},
	// d = 0.5, m = -1: byte 1 = 0xA3: element 1 = 3/2-1, element 17 = 10/2-1; else 0/2-1.
	{Q4_1, block("3800 BC00", 16, map[int]byte{1: 0xa3}), map[int]float32{1: 0.5, 17: 4}, -1},
	// d = 2; fifth bits: elements 0 and 31 (0x80000001); byte 0 = 0x21: element 0 = (16+1-16)*2,
	// element 16 = (2-16)*2; byte 15 = 0x70: element 31 = (16+7-16)*2; else (0-16)*2.
	{Q5_0, block("4000 0001 8000", 16, map[int]byte{0: 0x21, 15: 0x70}),
		map[int]float32{0: 2, 16: -28, 31: 14}, -32},
	// d = 2, m = 1; fifth bits: elements 3 and 16 (0x00010008); byte 3 = 0x04: element 3 = (16+4)*2+1,
	// element 19 = 1; byte 0 = 0xF0: element 16 = (16+15)*2+1; else 1.
	{Q5_1, block("4000 3C00 0008 0001", 16, map[int]byte{3: 0x04, 0: 0xf0}),
		map[int]float32{3: 41, 16: 63}, 1},
}

// block returns 16-bit words in hex, stored little-endian, followed by n bytes.
func block(words string, n int, set map[int]byte) []byte {
	var b []byte
	for len(words) > 0 {
		var w uint16
		fmt.Sscanf(words[:4], "%x", &w)
		b = binary.LittleEndian.AppendUint16(b, w)
		words = words[min(5, len(words)):]
	}
	q := make([]byte, n)
	for i, v := range set {
		q[i] = v
	}
	return append(b, q...)
}

func TestDequantizeByHand(t *testing.T) {
	var seen []Type
	for _, tc := range dequantizeCases {
		seen = append(seen, tc.typ)
		n := len(tc.src) / tc.typ.BlockBytes() * tc.typ.BlockSize()
		want := make([]float32, n)
		for i := range want {
			want[i] = tc.rest
			if v, ok := tc.want[i]; ok {
				want[i] = v
			}
		}
		// Twice the same block, so that a wrong step from block to block shows.
		got := make([]float32, 2*n)
		for i := range got {
			got[i] = float32(math.NaN())
		}
		tc.typ.Dequantize(got, append(slices.Clone(tc.src), tc.src...))
		wantEqual(t, tc.typ.String(), got, append(slices.Clone(want), want...))
	}
	if len(seen) != int(IQ4_NL) { // for the others see [TestDequantizeAsGGUFPy]
		t.Errorf("cases for %v, want the first %d types", seen, IQ4_NL)
	}
}

// The blocks above come back from Quantize, where they hold what the quantiser would choose.
func TestQuantizeByHand(t *testing.T) {
	ramp := func(f func(i int) float32) []float32 {
		x := make([]float32, 32)
		for i := range x {
			x[i] = f(i)
		}
		return x
	}
	for _, tc := range []struct {
		name string
		typ  Type
		x    []float32
		want []byte
	}{
		// 65519 is below the middle of 65504 and the first value out of range; 1+2^-11 is a tie, down to even.
		{"F16", F16, []float32{65519, 1 + 0x1p-11}, []byte{0xff, 0x7b, 0x00, 0x3c}},
		// 1+2^-8 is a tie, down to 0x3F80; 1+3*2^-8 is a tie, up to 0x3F82; the NaN 0x7F800001 stays a NaN.
		{"BF16", BF16, []float32{1 + 0x1p-8, 1 + 3*0x1p-8, math.Float32frombits(0x7f800001)},
			[]byte{0x80, 0x3f, 0x82, 0x3f, 0xc0, 0x7f}},
		// max|x| = 127, d = 1; 2.5 rounds away from zero to 3, -2.5 to -3.
		{"Q8_0", Q8_0, ramp(func(i int) float32 { return []float32{-127, 2.5, -2.5, 2.4}[i%4] }),
			block("3C00", 32, fill(32, 0x81, 3, 0xfd, 2))},
		// The largest magnitude is -4 (the first of -4 and 4), d = 0.5, q = floor(2x + 8.5): -4 -> 0,
		// 4 -> 16 -> 15, 0 -> 8, 0.25 -> 9 (half a step up).
		{"Q4_0", Q4_0, ramp(func(i int) float32 { return []float32{-4, 4, 0, 0.25}[i%4] }),
			block("3800", 16, fill(16, 0x00, 0xff, 0x88, 0x99))},
		// The largest magnitude is +4: d = -0.5, q = floor(-2x + 8.5): 4 -> 0, -3.5 -> 15, 0 -> 8.
		{"Q4_0 positive", Q4_0, ramp(func(i int) float32 { return []float32{4, -3.5, 0, 0}[i%4] }),
			block("B800", 16, fill(16, 0x00, 0xff, 0x88, 0x88))},
		// min -1, max 6.5, d = 0.5: q = floor(2(x+1) + 0.5): -1 -> 0, 6.5 -> 15, 0 -> 2, 0.25 -> 3.
		{"Q4_1", Q4_1, ramp(func(i int) float32 { return []float32{-1, 6.5, 0, 0.25}[i%4] }),
			block("3800 BC00", 16, fill(16, 0x00, 0xff, 0x22, 0x33))},
		// d = -32/-16 = 2, q = floor(x/2 + 16.5): -32 -> 0, 30 -> 31, 0 -> 16, 2 -> 17. Fifth bits 0111
		// repeated with the lowest first: 1110 = E.
		{"Q5_0", Q5_0, ramp(func(i int) float32 { return []float32{-32, 30, 0, 2}[i%4] }),
			block("4000 EEEE EEEE", 16, fill(16, 0x00, 0xff, 0x00, 0x11))},
		// min 1, max 63, d = 2: q = floor((x-1)/2 + 0.5): 1 -> 0, 63 -> 31, 33 -> 16, 3 -> 1. Fifth bits
		// 0110 = 6.
		{"Q5_1", Q5_1, ramp(func(i int) float32 { return []float32{1, 63, 33, 3}[i%4] }),
			block("4000 3C00 6666 6666", 16, fill(16, 0x00, 0xff, 0x00, 0x11))},
		{"Q4_0 zeros", Q4_0, make([]float32, 32), block("8000", 16, fill(16, 0x88))},
		{"Q8_0 zeros", Q8_0, make([]float32, 32), block("0000", 32, nil)},
		{"Q5_1 constant", Q5_1, ramp(func(int) float32 { return 2 }), block("0000 4000 0000 0000", 16, nil)},
	} {
		if got := encode(tc.typ, tc.x); !slices.Equal(got, tc.want) {
			t.Errorf("%s:\n% x, want\n% x", tc.name, got, tc.want)
		}
	}
}

// fill sets bytes 0 .. n-1 to the pattern, again and again.
func fill(n int, pattern ...byte) map[int]byte {
	m := make(map[int]byte)
	for i := range n {
		m[i] = pattern[i%len(pattern)]
	}
	return m
}

// errorBound returns how far an element may be from the original in a block whose stored scale and
// minimum are d and m: half a step, or a whole one at the end that the clamped types cut off, and
// the rounding of d and m to halves (2^-11 of each), which q up to steps multiplies.
func errorBound(typ Type, d, m float64) float64 {
	step := map[Type]float64{Q8_0: 0.5, Q4_0: 1, Q5_0: 1, Q4_1: 0.5, Q5_1: 0.5}[typ]
	steps := map[Type]float64{Q8_0: 127, Q4_0: 8, Q5_0: 16, Q4_1: 15, Q5_1: 31}[typ]
	const half = 1.01 * 0x1p-11 // 1 %: d is the rounded one, and the float32 arithmetic
	return math.Abs(d)*(step+steps*half) + math.Abs(m)*half
}

// worst returns the largest error of a quantised tensor in units of its bound.
func worst(typ Type, blocks []byte, want []float32) float64 {
	got := make([]float32, len(want))
	typ.Dequantize(got, blocks)
	var most float64
	for i := range want {
		b := blocks[i/32*typ.BlockBytes():]
		var m float64
		if typ == Q4_1 || typ == Q5_1 {
			m = float64(f16(b[2:]))
		}
		e := math.Abs(float64(got[i])-float64(want[i])) / errorBound(typ, float64(f16(b)), m)
		if !(e <= most) {
			most = e
		}
	}
	return most
}

func TestQuantizeErrorIsBelowHalfAStep(t *testing.T) {
	x := normals("x", 32*500)
	for _, typ := range []Type{Q8_0, Q4_0, Q4_1, Q5_0, Q5_1} {
		b := encode(typ, x)
		// The bound is tight: some element of 16000 comes near it.
		if w := worst(typ, b, x); !(w <= 1 && w > 0.8) {
			t.Errorf("%s: largest error is %.3f of the bound, want 0.8 to 1", typ, w)
		}
		b[700] ^= 0x40 // the comparison can fail
		if w := worst(typ, b, x); w <= 1 {
			t.Errorf("%s: a damaged block is within the bound (%.3f)", typ, w)
		}
	}
	// Half a unit in the last place; halves below 2^-14 have units of 2^-24.
	for typ, most := range map[Type][2]float64{F32: {}, F16: {0x1p-11, 0x1p-25}, BF16: {0x1p-8, 0}} {
		for i, v := range roundTrip(typ, x) {
			if e := math.Abs(float64(v - x[i])); e > most[0]*math.Abs(float64(x[i]))+most[1] {
				t.Errorf("%s: %g became %g", typ, x[i], v)
				break
			}
		}
	}
}

// Every F16 and BF16 number survives the way through float32 (NaNs as some NaN).
func TestHalvesAreExact(t *testing.T) {
	for _, typ := range []Type{F16, BF16} {
		for u := range 1 << 16 {
			src := []byte{byte(u), byte(u >> 8)}
			x, back := []float32{0}, []byte{0, 0}
			typ.Dequantize(x, src)
			Quantize(typ, back, x)
			if x[0] == x[0] && !slices.Equal(src, back) {
				t.Fatalf("%s 0x%04x is %g, which is stored as % x", typ, u, x[0], back)
			}
		}
	}
}

func TestTypeSizes(t *testing.T) {
	// Bytes of a row of 64: ggml's blocks hold 32 elements in 34, 18, 20, 22 and 24 bytes.
	for typ, want := range map[Type]int{
		F32: 256, F16: 128, BF16: 128, Q8_0: 68, Q4_0: 36, Q4_1: 40, Q5_0: 44, Q5_1: 48, IQ4_NL: 36,
	} {
		if got := typ.RowBytes(64); got != want {
			t.Errorf("%s: RowBytes(64) = %d, want %d", typ, got, want)
		}
	}
	for typ, want := range map[Type]int{Q2_K: 168, Q3_K: 220, Q4_K: 288, Q5_K: 352, Q6_K: 420, IQ4_XS: 272} {
		if got := typ.RowBytes(512); got != want {
			t.Errorf("%s: RowBytes(512) = %d, want %d", typ, got, want)
		}
	}
	for name, f := range map[string]func(){
		"row of half a block":   func() { Q8_0.RowBytes(172) },
		"row of half a large":   func() { Q6_K.RowBytes(128) },
		"short destination":     func() { F32.Dequantize(make([]float32, 1), make([]byte, 8)) },
		"source of half blocks": func() { Q4_0.Dequantize(make([]float32, 16), make([]byte, 9)) },
		"long destination":      func() { Quantize(Q4_0, make([]byte, 36), make([]float32, 32)) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			f()
		}()
	}
}
