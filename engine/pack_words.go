package engine

import (
	"unsafe"

	"keyfold/engine/checkpoint"
	"keyfold/layout"
)

// Types whose quants lie on the device in the bits of the checkpoint are packed by whole
// words, several times as fast as by elements: as wasm above all, and most models in
// use have these types. Every machine that keyfold runs on is little-endian and loads
// words from any address.

// packWords packs rows if they are of such a type, and says whether they are.
func packWords(w *layout.Weights, t checkpoint.Type, data []byte) bool {
	scales := w.Words[w.Type.QuantWords(w.Rows, w.Cols):]
	switch t {
	case checkpoint.F32, checkpoint.F16:
		copy(unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(w.Words))), 4*len(w.Words)), data)
	case checkpoint.BF16:
		for i := range len(w.Words) / 2 {
			two := word(data, 4*i)
			w.Words[2*i], w.Words[2*i+1] = two<<16, two&0xffff0000
		}
		if n := len(w.Words); n%2 == 1 {
			w.Words[n-1] = uint32(data[2*n-2])<<16 | uint32(data[2*n-1])<<24
		}
	case checkpoint.Q8_0:
		for block := range len(data) / 34 {
			src := (*[34]byte)(data[34*block:])
			*(*[32]byte)(unsafe.Pointer((*[8]uint32)(w.Words[8*block:]))) = *(*[32]byte)(src[2:])
			scales[block/2] |= (uint32(src[0]) | uint32(src[1])<<8) << (16 * (block % 2))
		}
	case checkpoint.Q4_0:
		for block := range len(data) / 18 {
			src := data[18*block : 18*block+18]
			nibbles32((*[4]uint32)(w.Words[4*block:]), long(src, 2), long(src, 10))
			scales[block/2] |= (uint32(src[0]) | uint32(src[1])<<8) << (16 * (block % 2))
		}
	case checkpoint.Q4_1:
		for block := range len(data) / 20 {
			src := data[20*block : 20*block+20]
			nibbles32((*[4]uint32)(w.Words[4*block:]), long(src, 4), long(src, 12))
			scales[block] = word(src, 0)
		}
	case checkpoint.Q4_K:
		for block := range len(data) / 144 {
			src, quants := data[144*block:144*block+144], (*[32]uint32)(w.Words[32*block:])
			for i := range 4 { // 64 elements: the low halves of 32 bytes, then the high ones
				for j := range 4 {
					eight := long(src, 16+32*i+8*j)
					quants[8*i+j], quants[8*i+j+4] = gather(eight), gather(eight>>4)
				}
			}
			recordQ4K((*[5]uint32)(scales[5*block:]), word(src, 0), word(src, 4), word(src, 8), word(src, 12))
		}
	default:
		return false
	}
	return true
}

// word and long return four and eight bytes of data.
func word(data []byte, at int) uint32 { return *(*uint32)(unsafe.Pointer((*[4]byte)(data[at:]))) }
func long(data []byte, at int) uint64 { return *(*uint64)(unsafe.Pointer((*[8]byte)(data[at:]))) }

// nibbles32 packs 32 elements, of which the first 16 are the low halves of 16 bytes.
func nibbles32(words *[4]uint32, a, b uint64) {
	words[0], words[1], words[2], words[3] = gather(a), gather(b), gather(a>>4), gather(b>>4)
}

// gather returns the low halves of eight bytes, the first one lowest.
func gather(bytes uint64) uint32 {
	x := bytes & 0x0f0f0f0f_0f0f0f0f
	x = (x | x>>4) & 0x00ff00ff_00ff00ff
	x = (x | x>>8) & 0x0000ffff_0000ffff
	return uint32(x | x>>16)
}

// recordQ4K packs the scales of 256 columns as [packRecord] does: d and m, then eight pairs
// of six bits each. a has four s and b four n, with two bits of four more above each of
// them, whose low bits are c's: s below n.
func recordQ4K(words *[5]uint32, halves, a, b, c uint32) {
	pairs := func(s, n uint32) uint32 { return s&0xff | n&0xff<<8 | s&0xff00<<8 | n&0xff00<<16 }
	s, n := a&0x3f3f3f3f, b&0x3f3f3f3f
	words[0], words[1], words[2] = halves, pairs(s, n), pairs(s>>16, n>>16)
	s, n = c&0x0f0f0f0f|a>>2&0x30303030, c>>4&0x0f0f0f0f|b>>2&0x30303030
	words[3], words[4] = pairs(s, n), pairs(s>>16, n>>16)
}
