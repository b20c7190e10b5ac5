package checkpoint

import (
	"encoding/binary"
	"math"

	"github.com/x448/float16"
)

// grid says what the blocks of 256 of a type can hold.
type grid struct {
	group  int     // elements of a scale
	lo, hi float32 // quants
	s, n   float32 // the largest scale and minimum; n = 0: there are no minima
}

var grids = map[Type]grid{
	Q2_K:   {16, 0, 3, 15, 15},
	Q3_K:   {16, -4, 3, 31, 0},
	Q4_K:   {32, 0, 15, 63, 63},
	Q5_K:   {32, 0, 31, 63, 63},
	Q6_K:   {16, -32, 31, 127, 0},
	IQ4_XS: {32, -127, 113, 31, 0},
}

// quantizeGrid stores 256 elements. Each group gets the scale, and the minimum below zero, that its own
// range asks for, rounded to what the largest of all groups leaves. ggml searches for better ones.
func (t Type) quantizeGrid(dst []byte, x []float32) {
	g, b := grids[t], &Block{}
	var scales, minima [16]float32
	for i := range scales {
		from := 16 * i / g.group * g.group
		scales[i], minima[i] = g.fit(x[from : from+g.group])
	}
	d, m := abs32(largest(scales[:]))/g.s, float32(0)
	if g.n > 0 {
		m = largest(minima[:]) / g.n
	}
	b.D, b.M = float16.Fromfloat32(d).Bits(), float16.Fromfloat32(m).Bits()
	d, m = float16.Frombits(b.D).Float32(), float16.Frombits(b.M).Float32()
	for i := range scales {
		b.S[i], b.N[i] = int8(round(scales[i]*inverse(d), -g.s, g.s)), int8(round(minima[i]*inverse(m), 0, g.n))
		step, low := inverse(d*float32(b.S[i])), m*float32(b.N[i])
		for j := 16 * i; j < 16*i+16; j++ {
			if v := (x[j] + low) * step; t == IQ4_XS {
				b.Q[j] = iq4Values[nearestIQ4(v)]
			} else {
				b.Q[j] = int8(round(v, g.lo, g.hi))
			}
		}
	}
	t.pack(dst, b)
}

// fit returns the scale and the minimum, as what is taken off, that put a group onto the grid.
func (g grid) fit(x []float32) (scale, minimum float32) {
	if g.n == 0 {
		return largest(x) / g.lo, 0
	}
	var lo, hi float32
	for _, v := range x {
		lo, hi = min(lo, v), max(hi, v)
	}
	return (hi - lo) / g.hi, -lo
}

// round rounds to the nearest integer, halves away from zero, from lo to hi.
func round(v, lo, hi float32) float32 {
	return min(max(float32(math.Round(float64(v))), lo), hi)
}

// nearestIQ4 returns the number of the value of [iq4Values] that is nearest to v.
func nearestIQ4(v float32) (best byte) {
	for i, value := range iq4Values {
		if abs32(float32(value)-v) < abs32(float32(iq4Values[best])-v) {
			best = byte(i)
		}
	}
	return best
}

// quantizeIQ4NL stores 32 elements: d = x[of max|x|] / -127, and of each the nearest value.
func quantizeIQ4NL(dst []byte, x []float32) {
	d := largest(x) / -127
	putF16(dst, d)
	for i := range 16 {
		dst[2+i] = nearestIQ4(x[i]*inverse(d)) | nearestIQ4(x[i+16]*inverse(d))<<4
	}
}

// pack stores a block of 256: the inverse of [Type.Unpack].
func (t Type) pack(dst []byte, b *Block) {
	clear(dst[:t.BlockBytes()])
	halves := dst[typeTable[t].at:]
	binary.LittleEndian.PutUint16(halves, b.D)
	if typeTable[t].halves == 2 {
		binary.LittleEndian.PutUint16(halves[2:], b.M)
	}
	switch t {
	case Q2_K:
		for g := range 16 {
			dst[g] = byte(b.S[g] | b.N[g]<<4)
		}
		b.packPairs(dst[16:], 0, 0)
	case Q3_K:
		b.packPairs(dst[32:], 4, 0)
		for i, q := range b.Q {
			dst[i%32] |= byte(^q) >> 7 << (i / 32) // what is not negative
		}
		for g := range 16 {
			s := byte(b.S[g] + 32)
			dst[96+g%8] |= s & 15 << (g / 8 * 4)
			dst[104+g%4] |= s >> 4 << (g / 4 * 2)
		}
	case Q4_K:
		b.packSixBitPairs(dst[4:])
		b.packHalves(dst[16:], 64, 0)
	case Q5_K:
		b.packSixBitPairs(dst[4:])
		b.packHalves(dst[48:], 64, 0)
		for i, q := range b.Q {
			dst[16+i%32] |= byte(q) >> 4 << (i / 32)
		}
	case Q6_K:
		b.packHalves(dst, 128, 32)
		b.packPairs(dst[128:], 32, 4)
		for g, s := range b.S {
			dst[192+g] = byte(s)
		}
	case IQ4_XS:
		b.packIQ4XS(dst)
	}
}

// packPairs is the inverse of [Block.pairsOf128], for two bits of Q + zero from bit `from` on.
func (b *Block) packPairs(qs []byte, zero int8, from int) {
	for i, q := range b.Q {
		qs[i/128*32+i%32] |= byte(q+zero) >> from & 3 << (i % 128 / 32 * 2)
	}
}

// packHalves stores the low four bits of Q + zero: of so many elements the first half in low halves of
// bytes, the second in high ones.
func (b *Block) packHalves(qs []byte, of int, zero int8) {
	for i, q := range b.Q {
		half := of / 2
		qs[i/of*half+i%half] |= byte(q+zero) & 15 << (i % of / half * 4)
	}
}

// packSixBitPairs is the inverse of [Block.sixBitPairs].
func (b *Block) packSixBitPairs(packed []byte) {
	for g := range 4 {
		s, n := byte(b.S[2*g+8]), byte(b.N[2*g+8])
		packed[g] = byte(b.S[2*g]) | s>>4<<6
		packed[g+4] = byte(b.N[2*g]) | n>>4<<6
		packed[g+8] = s&15 | n<<4
	}
}

// packIQ4XS is the inverse of [Block.unpackIQ4XS].
func (b *Block) packIQ4XS(dst []byte) {
	var high uint16
	for g := range 8 {
		s := byte(b.S[2*g] + 32)
		high |= uint16(s>>4) << (2 * g)
		dst[4+g/2] |= s & 15 << (g % 2 * 4)
		for i, q := range b.Q[32*g : 32*g+32] {
			dst[8+16*g+i%16] |= nearestIQ4(float32(q)) << (i / 16 * 4)
		}
	}
	binary.LittleEndian.PutUint16(dst[2:], high)
}
