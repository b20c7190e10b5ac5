package engine

import (
	"encoding/binary"
	"math"

	"keyfold/engine/checkpoint"
	"keyfold/layout"
)

// residentTypes maps each checkpoint type to the type it has on the device,
// which loses nothing.
var residentTypes = map[checkpoint.Type]layout.WeightType{
	checkpoint.F32:    layout.F32,
	checkpoint.BF16:   layout.F32,
	checkpoint.F16:    layout.F16,
	checkpoint.Q8_0:   layout.Q8_0,
	checkpoint.Q5_0:   layout.Q8_0, // its 5-bit quants are small signed bytes
	checkpoint.IQ4_NL: layout.Q8_0, // and so are the values that its nibbles name
	checkpoint.Q4_0:   layout.Q4_0,
	checkpoint.Q4_1:   layout.Q4M,
	checkpoint.Q5_1:   layout.Q8M,
	checkpoint.Q4_K:   layout.Q4K,
	checkpoint.Q2_K:   layout.Q8K,
	checkpoint.Q3_K:   layout.Q8K,
	checkpoint.Q5_K:   layout.Q8K,
	checkpoint.Q6_K:   layout.Q8K,
	checkpoint.IQ4_XS: layout.Q8K,
}

// pack converts rows from a checkpoint's encoding to the resident one, into words of
// zero: blocks are taken apart into aligned arrays of quants and of scales.
func pack(w *layout.Weights, t checkpoint.Type, data []byte) {
	if !packWords(w, t, data) {
		packElements(w, t, data)
	}
}

// packElements does so element by element, which is plain for every type.
func packElements(w *layout.Weights, t checkpoint.Type, data []byte) {
	switch w.Type {
	case layout.F32:
		packFloats(w, t, data)
		return
	case layout.F16:
		for i := range w.Words {
			w.Words[i] = binary.LittleEndian.Uint32(data[4*i:])
		}
		return
	}
	quants, scales := w.Words, w.Words[w.Type.QuantWords(w.Rows, w.Cols):]
	var b checkpoint.Block
	for block := 0; len(data) > 0; block++ {
		t.Unpack(&b, data)
		data = data[t.BlockBytes():]
		q := b.Q[:t.BlockSize()]
		switch w.Type {
		case layout.Q4_0:
			packNibbles(quants, q, 8)
			quants = quants[len(q)/8:]
		case layout.Q4M, layout.Q4K:
			packNibbles(quants, q, 0)
			quants = quants[len(q)/8:]
		default:
			packBytes(quants, q)
			quants = quants[len(q)/4:]
		}
		switch w.Type {
		case layout.Q4_0, layout.Q8_0:
			scales[block/2] |= uint32(b.D) << (16 * (block % 2))
		case layout.Q4M, layout.Q8M:
			scales[block] = uint32(b.D) | uint32(b.M)<<16
		case layout.Q4K, layout.Q8K:
			packRecord(scales[block*w.Type.RecordWords():], &b, w.Type.Group())
		}
	}
}

// packFloats stores rows as float32, each as it is dequantised.
func packFloats(w *layout.Weights, t checkpoint.Type, data []byte) {
	row, size := make([]float32, w.Cols), t.RowBytes(w.Cols)
	for r := range w.Rows {
		t.Dequantize(row, data[r*size:(r+1)*size])
		for i, v := range row {
			w.Words[r*w.Cols+i] = math.Float32bits(v)
		}
	}
}

// packNibbles stores the low four bits of q + zero, eight a word.
func packNibbles(words []uint32, q []int8, zero int8) {
	for i := range words[:len(q)/8] {
		word := uint32(0)
		for j := 7; j >= 0; j-- {
			word = word<<4 | uint32(q[8*i+j]+zero)&15
		}
		words[i] = word
	}
}

// packBytes stores q, four a word.
func packBytes(words []uint32, q []int8) {
	for i := range words[:len(q)/4] {
		four := (*[4]int8)(q[4*i:])
		words[i] = uint32(uint8(four[0])) | uint32(uint8(four[1]))<<8 | uint32(uint8(four[2]))<<16 | uint32(uint8(four[3]))<<24
	}
}

// packRecord stores the scales of 256 columns, see [layout.WeightType.RecordWords].
func packRecord(words []uint32, b *checkpoint.Block, group int) {
	words[0] = uint32(b.D) | uint32(b.M)<<16
	for g := range layout.LargeBlock / group {
		i := g * group / 16 // of the scales of 16 columns
		pair := uint32(uint8(b.S[i])) | uint32(uint8(b.N[i]))<<8
		words[1+g/2] |= pair << (16 * (g % 2))
	}
}
