package layout

import (
	"math"
	"slices"
	"strings"
	"testing"
)

// block returns 32 elements: those given, then zeros.
func block(x ...float32) []float32 { return append(x, make([]float32, Block-len(x))...) }

func TestQuantisedRows(t *testing.T) {
	for _, tc := range []struct {
		why  string
		t    CacheType
		src  []float32
		want []float32 // the first elements of Get
	}{
		// d = 254 / 127 = 2, q = 127, 0.5 -> 1, -0.5 -> -1, 1.5 -> 2, 1.4 -> 1
		{"halves go away from zero", CacheQ8_0, block(254, 1, -1, 3, 2.8), []float32{254, 2, -2, 4, 2, 0}},
		// x (1/d) is the float32 just below 0.5; adding 0.5 to it in float32 gives 1
		{"just below a half", CacheQ8_0, block(127, math.Nextafter32(0.5, 0)), []float32{127, 0}},
		{"the largest is negative", CacheQ8_0, block(-127, 3), []float32{-127, 3}},
		// d = 16 / -8 = -2: q = 0, 16, 8.5 -> 8, 9 -> 9, 8.45 -> 8; 16 becomes 15
		{"the largest gets -8, its opposite 7", CacheQ4_0, block(16, -16, 0, -1, 0.1), []float32{16, -14, 0, -2, 0, 0}},
		{"of two the first is the largest", CacheQ4_0, block(-16, 16), []float32{-16, 14}},
		{"zeros", CacheQ8_0, block(), []float32{0, 0}},
		{"zeros", CacheQ4_0, block(), []float32{0, 0}},
		// d = 127 * 65504 / 127 is the largest half; beyond it d stays, and so does q = 127
		{"beyond the largest half", CacheQ8_0, block(127 * 65504 * 4), []float32{127 * 65504, 0}},
		{"beyond the largest half", CacheQ4_0, block(8 * 65504 * 4), []float32{8 * 65504, 0}},
	} {
		// Three blocks with other numbers around them: each has a scale of its own.
		rows, got := NewRows(tc.t, 3*Block, 2), make([]float32, 3*Block)
		for i := range rows.Words {
			rows.Words[i] = 0xffffffff
		}
		other := block(63.5, 63.5)
		rows.Put(1, slices.Concat(other, tc.src, other))
		rows.Get(got, 1)
		checkFloats(t, tc.why, got[Block:Block+len(tc.want)], tc.want)
		checkFloats(t, tc.why+": the block before", got[:Block], other)
		checkFloats(t, tc.why+": the block behind", got[2*Block:], other)
		if w := rows.Words[len(rows.Words)-1]; w>>16 != 0 {
			t.Errorf("%v, %s: the unused half of the last word is %#x, want 0", tc.t, tc.why, w>>16)
		}
		for i, w := range rows.Words[:tc.t.RowWords(3*Block)] {
			if w != 0xffffffff {
				t.Fatalf("%v, %s: word %d of the row before was written", tc.t, tc.why, i)
			}
		}
	}
}

// A block of zeros has 1/d = 0 and not infinity, which would make NaNs of them.
func TestQuantisedZeros(t *testing.T) {
	for ct, want := range map[CacheType]uint32{CacheQ8_0: 0, CacheQ4_0: 0x88888888} {
		rows := NewRows(ct, Block, 1)
		rows.Put(0, block())
		for i, w := range rows.Words[:len(rows.Words)-1] {
			if w != want {
				t.Errorf("%v: word %d of zeros is %#x, want %#x", ct, i, w, want)
			}
		}
	}
}

// Bytes of a row: 2 and 4 per element, or 34 and 18 per block, in whole words.
func TestRowWords(t *testing.T) {
	for _, tc := range []struct {
		t              CacheType
		headDim, bytes int
	}{
		{CacheF16, 8, 16}, {CacheF32, 8, 32},
		{CacheQ8_0, 32, 34 + 2}, {CacheQ8_0, 64, 68}, {CacheQ8_0, 96, 102 + 2}, {CacheQ8_0, 128, 136},
		{CacheQ4_0, 32, 18 + 2}, {CacheQ4_0, 64, 36}, {CacheQ4_0, 96, 54 + 2}, {CacheQ4_0, 128, 72},
	} {
		if got := 4 * tc.t.RowWords(tc.headDim); got != tc.bytes {
			t.Errorf("a row of %d elements of type %v has %d bytes, want %d", tc.headDim, tc.t, got, tc.bytes)
		}
	}
}

func TestCheckHeadDim(t *testing.T) {
	for _, ct := range CacheTypes {
		for _, headDim := range []int{8, 16, 32, 48, 64, 96, 128} {
			err := ct.Check(headDim)
			if refused := err != nil; refused != (ct.Quantised() && headDim%32 != 0) {
				t.Errorf("%v, head_dim %d: %v", ct, headDim, err)
			}
			if err != nil && !strings.HasPrefix(err.Error(), "a cache of type "+ct.String()+" needs a head_dim") {
				t.Errorf("%v, head_dim %d: %v", ct, headDim, err)
			}
		}
	}
}

func TestToHalf(t *testing.T) {
	inf := float32(math.Inf(1))
	for v, want := range map[float32]uint32{
		65504: 0x7bff, 65519: 0x7bff, 65520: 0x7bff, inf: 0x7bff, -65520: 0xfbff, -inf: 0xfbff, // clamped
		1: 0x3c00, 1 + 0x1p-11: 0x3c00, 1 + 0x3p-11: 0x3c02, 0x1p-24: 1, 0x1p-25: 0, // nearest, ties to even
	} {
		if got := ToHalf(v); got != want {
			t.Errorf("ToHalf(%g) is %#04x, want %#04x", v, got, want)
		}
	}
	if h := ToHalf(float32(math.NaN())); h&0x7c00 != 0x7c00 || h&0x3ff == 0 {
		t.Errorf("ToHalf(NaN) is %#04x, want a NaN", h)
	}
}

func checkFloats(t *testing.T, what string, got, want []float32) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d numbers, want %d", what, len(got), len(want))
	}
	for i := range want {
		if !(math.Abs(float64(got[i]-want[i])) <= 1e-6) {
			t.Errorf("%s[%d] = %.7f, want %.7f", what, i, got[i], want[i])
		}
	}
}

// An element that the type cuts counts, in a quantised cache with its block.
func TestSaturated(t *testing.T) {
	for _, tc := range []struct {
		kv   CacheType
		x    float32
		want int
	}{
		{CacheF32, 1e30, 0}, {CacheF16, 65480, 0}, {CacheF16, 70000, 1}, {CacheF16, -70000, 1}, {CacheF16, float32(math.Inf(1)), 1},
		{CacheQ8_0, 70000, 0}, {CacheQ8_0, 9e6, Block}, {CacheQ4_0, 70000, 0}, {CacheQ4_0, -9e5, Block},
	} {
		rows := NewRows(tc.kv, 96, 3) // three blocks: the last two bytes are unused
		row := make([]float32, 96)
		row[70] = tc.x
		rows.Put(1, row)
		if got := rows.Saturated(); got != tc.want {
			t.Errorf("%v: %g saturates %d elements, want %d", tc.kv, tc.x, got, tc.want)
		}
	}
}
