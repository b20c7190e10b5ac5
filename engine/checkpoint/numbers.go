package checkpoint

import "encoding/binary"

// CheckNumbers returns an error that names the first weight that is NaN or infinite among rows of
// t from row0 on, as [File.ReadRows] read them. It names the row as the file counts it.
func (t *Tensor) CheckNumbers(row0 int, rows []byte) error {
	at := t.Type.firstBad(rows)
	if at < 0 {
		return nil
	}
	block, size := at/t.Type.BlockBytes(), t.Type.BlockSize()
	row, col := row0+block*size/t.Cols, block*size%t.Cols
	weights := make([]float32, size)
	t.Type.Dequantize(weights, rows[block*t.Type.BlockBytes():(block+1)*t.Type.BlockBytes()])
	first := 0
	for weights[first]-weights[first] == 0 { // not so for NaN and infinity
		first++
	}
	switch {
	case t.pairs > 0 && t.Rows == 1:
		col = interleavedRow(col, t.pairs)
	case t.pairs > 0:
		row = interleavedRow(row, t.pairs)
	}
	return t.src.errorf("tensor %s: weight %d of row %d is %g, want a number",
		plain(t.fileName), col+first, row, weights[first])
}

// firstBad returns the byte at which a block lies that holds NaN or infinity, or -1. A block
// does if one of its halves does, whose exponent is then all ones: integers times a number are one.
// Eight bytes of plain elements are looked at together.
//
// An exponent is all ones where adding its lowest bit carries into the bit above it, which for the
// exponent alone, without sign and mantissa, is the sign's place.
func (t Type) firstBad(data []byte) int {
	switch t {
	case F32:
		return firstOnes(data, 4, 0x7f800000_7f800000, 0x00800000_00800000, 0x80000000_80000000)
	case F16:
		return firstOnes(data, 2, 0x7c00_7c00_7c00_7c00, 0x0400_0400_0400_0400, 0x8000_8000_8000_8000)
	case BF16:
		return firstOnes(data, 2, 0x7f80_7f80_7f80_7f80, 0x0080_0080_0080_0080, 0x8000_8000_8000_8000)
	}
	for block := 0; block < len(data); block += t.BlockBytes() {
		for i := range typeTable[t].halves {
			if binary.LittleEndian.Uint16(data[block+typeTable[t].at+2*i:])&0x7c00 == 0x7c00 {
				return block
			}
		}
	}
	return -1
}

// firstOnes returns the byte of the first element, of so many bytes each, whose exponent is all
// ones, or -1.
func firstOnes(data []byte, size int, exponent, lowest, sign uint64) int {
	at := 0
	for ; at+8 <= len(data); at += 8 {
		if x := binary.LittleEndian.Uint64(data[at:]); (x&exponent+lowest)&sign != 0 {
			break
		}
	}
	for ; at < len(data); at += size {
		var element [8]byte
		copy(element[:], data[at:at+size])
		if x := binary.LittleEndian.Uint64(element[:]); (x&exponent+lowest)&sign != 0 {
			return at
		}
	}
	return -1
}
