package checkpoint

import "encoding/binary"

// Block is a block of quants taken apart, whatever bits its type keeps them in. [Type.Dequantize] has the
// formulas.
type Block struct {
	D, M uint16    // halves: the scale, and the minimum of the types that have one
	S, N [16]int8  // of blocks of 256: what scale and minimum are multiplied with, of 16 neighbouring elements each
	Q    [256]int8 // as many as the block has elements, in their order
}

// iq4Values are what the nibbles of IQ4_NL and IQ4_XS stand for. Source: kvalues_iq4nl in
// ggml-common.h of llama.cpp.
var iq4Values = [16]int8{-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113}

// Unpack takes the first block of src apart. N are zeros where the type has no minima.
//
//	Q8_0            q in -128 .. 127    signed bytes
//	Q4_0            q in -8 .. 7        nibbles less 8
//	Q4_1            q in 0 .. 15        nibbles
//	Q5_0            q in -16 .. 15      five bits less 16
//	Q5_1            q in 0 .. 31        five bits
//	IQ4_NL, IQ4_XS  one of 16 values    nibbles
//	Q2_K            q in 0 .. 3         s and n in 0 .. 15
//	Q3_K            q in -4 .. 3        s in -32 .. 31, as IQ4_XS
//	Q4_K, Q5_K      q in 0 .. 15, 31    s and n in 0 .. 63
//	Q6_K            q in -32 .. 31      s in -128 .. 127
//
// Source: block_* in ggml-common.h and dequantize_row_* in ggml-quants.c of llama.cpp.
func (t Type) Unpack(b *Block, src []byte) {
	halves := src[typeTable[t].at:]
	b.D, b.M = binary.LittleEndian.Uint16(halves), 0
	if typeTable[t].halves == 2 {
		b.M = binary.LittleEndian.Uint16(halves[2:])
	}
	switch t {
	case Q8_0:
		for i, q := range src[2:34] {
			b.Q[i] = int8(q)
		}
	case Q4_0:
		nibbles(b.Q[:32], src[2:18], 0, 8)
	case Q4_1:
		nibbles(b.Q[:32], src[4:20], 0, 0)
	case Q5_0:
		nibbles(b.Q[:32], src[6:22], binary.LittleEndian.Uint32(src[2:]), 16)
	case Q5_1:
		nibbles(b.Q[:32], src[8:24], binary.LittleEndian.Uint32(src[4:]), 0)
	case IQ4_NL:
		named(b.Q[:32], src[2:18])
	case Q2_K:
		b.unpackQ2K(src)
	case Q3_K:
		b.unpackQ3K(src)
	case Q4_K:
		b.sixBitPairs(src[4:16])
		b.halvesOf64(src[16:144])
	case Q5_K:
		b.sixBitPairs(src[4:16])
		b.halvesOf64(src[48:176])
		for i, high := range src[16:48] { // bit g is that of element i of the g-th 32
			for g := range 8 {
				b.Q[32*g+i] |= int8(high >> g & 1 << 4)
			}
		}
	case Q6_K:
		b.unpackQ6K(src)
	case IQ4_XS:
		b.unpackIQ4XS(src)
	}
}

// nibbles sets q[i] to nibble i of qs, with bit i of high as its bit 4, less zero. Element i < 16 is the
// low half of byte i, element i >= 16 the high half of byte i-16.
//
//	q   (32) overwritten
//	qs  (16)
func nibbles(q []int8, qs []byte, high uint32, zero int8) {
	for i, b := range qs {
		q[i] = int8(b&15|byte(high>>i&1)<<4) - zero
		q[i+16] = int8(b>>4|byte(high>>(i+16)&1)<<4) - zero
	}
}

// named sets q to the values that the nibbles name, in the order of [nibbles].
func named(q []int8, qs []byte) {
	for i, b := range qs {
		q[i], q[i+16] = iq4Values[b&15], iq4Values[b>>4]
	}
}

// sixBitPairs sets S and N to eight pairs of six bits in 12 bytes. Bytes 0 to 3 have S of the first four
// groups of 32 and bytes 4 to 7 their N, with two bits of S or N of the last four above them. Bytes 8 to
// 11 have the low four bits of those, S below N.
func (b *Block) sixBitPairs(packed []byte) {
	for g := range 4 {
		s, n, rest := packed[g], packed[g+4], packed[g+8]
		b.S[2*g], b.N[2*g] = int8(s&63), int8(n&63)
		b.S[2*g+8], b.N[2*g+8] = int8(rest&15|s>>6<<4), int8(rest>>4|n>>6<<4)
	}
	for g := 1; g < 16; g += 2 {
		b.S[g], b.N[g] = b.S[g-1], b.N[g-1]
	}
}

// halvesOf64 sets Q to nibbles: of 64 elements the first 32 are the low halves of 32 bytes, the others the
// high ones.
func (b *Block) halvesOf64(qs []byte) {
	for i, v := range qs {
		at := i/32*64 + i%32
		b.Q[at], b.Q[at+32] = int8(v&15), int8(v>>4)
	}
}

// pairsOf128 sets Q to two bits each: of 128 elements the first 32 are the lowest bits of 32 bytes, the
// next 32 those above them, and so on.
func (b *Block) pairsOf128(qs []byte) {
	for i, v := range qs {
		at := i/32*128 + i%32
		for k := range 4 {
			b.Q[at+32*k] = int8(v >> (2 * k) & 3)
		}
	}
}

// unpackQ2K: 16 bytes of S below N, then the quants.
func (b *Block) unpackQ2K(src []byte) {
	for g, v := range src[:16] {
		b.S[g], b.N[g] = int8(v&15), int8(v>>4)
	}
	b.pairsOf128(src[16:80])
}

// unpackQ3K: 32 bytes whose bit g says of element i of the g-th 32 that nothing is taken off, 64 bytes of
// two bits, and 12 of six-bit scales: eight bytes with the low four bits of two, four with the high two
// bits of four.
func (b *Block) unpackQ3K(src []byte) {
	b.pairsOf128(src[32:96])
	for i, v := range src[:32] {
		for g := range 8 {
			b.Q[32*g+i] -= int8(^v >> g & 1 << 2)
		}
	}
	low, high := src[96:104], src[104:108]
	for g := range 16 {
		b.S[g] = int8(low[g%8]>>(g/8*4)&15|high[g%4]>>(g/4*2)&3<<4) - 32
	}
	b.N = [16]int8{}
}

// unpackQ6K: 128 bytes with the low four bits of two, 64 with the high two bits of four, and 16 scales. Of
// 128 elements the first 64 are low halves.
func (b *Block) unpackQ6K(src []byte) {
	b.pairsOf128(src[128:192])
	for i, v := range src[:128] {
		at := i/64*128 + i%64
		b.Q[at] = b.Q[at]<<4 + int8(v&15) - 32
		b.Q[at+64] = b.Q[at+64]<<4 + int8(v>>4) - 32
	}
	for g, v := range src[192:208] {
		b.S[g] = int8(v)
	}
	b.N = [16]int8{}
}

// unpackIQ4XS: two bytes with the high two bits of eight scales, four with the low four bits of two, then
// the quants of 32 elements in 16 bytes each.
func (b *Block) unpackIQ4XS(src []byte) {
	high, low := binary.LittleEndian.Uint16(src[2:]), src[4:8]
	for g := range 8 {
		s := int8(low[g/2]>>(g%2*4)&15|byte(high>>(2*g)&3)<<4) - 32
		b.S[2*g], b.S[2*g+1] = s, s
		named(b.Q[32*g:32*g+32], src[8+16*g:24+16*g])
	}
	b.N = [16]int8{}
}
