package checkpoint

import (
	"fmt"
	"strconv"
	"strings"
)

// Type is how the elements of a tensor are stored in the file, and so also how ReadRows hands
// them out.
type Type uint8

// The plain types hold one element at a time, little-endian. The block types hold 32 or 256
// consecutive elements of one row in one block; Dequantize gives their formulas.
const (
	F32    Type = iota // IEEE 754 single
	F16                // IEEE 754 half
	BF16               // the upper 16 bits of an F32
	Q8_0               // f16 scale d, 32 signed bytes q                             34 bytes
	Q4_0               // f16 scale d, 32 nibbles q                                  18 bytes
	Q4_1               // f16 scale d, f16 minimum m, 32 nibbles q                   20 bytes
	Q5_0               // f16 scale d, 32 fifth bits, 32 nibbles                     22 bytes
	Q5_1               // f16 scale d, f16 minimum m, 32 fifth bits, 32 nibbles      24 bytes
	IQ4_NL             // f16 scale d, 32 nibbles that name one of 16 values         18 bytes
	Q2_K               // 256 of 2 bits, groups of 16 with scale and minimum         84 bytes
	Q3_K               // 256 of 3 bits, groups of 16 with a scale                  110 bytes
	Q4_K               // 256 of 4 bits, groups of 32 with scale and minimum        144 bytes
	Q5_K               // 256 of 5 bits, groups of 32 with scale and minimum        176 bytes
	Q6_K               // 256 of 6 bits, groups of 16 with a scale                  210 bytes
	IQ4_XS             // 256 nibbles as IQ4_NL's, groups of 32 with a scale        136 bytes
	numTypes
)

// Types lists the types in the order of their numbers.
var Types = [numTypes]Type{F32, F16, BF16, Q8_0, Q4_0, Q4_1, Q5_0, Q5_1, IQ4_NL, Q2_K, Q3_K, Q4_K, Q5_K, Q6_K, IQ4_XS}

// typeTable has one row per Type: ggml's name and number, elements and bytes per block, and where
// the halves of a block of quants lie, how many they are: its scale, and its minimum.
var typeTable = [numTypes]struct {
	name         string
	ggml         uint32
	block, bytes int
	at, halves   int
}{
	F32:    {"F32", 0, 1, 4, 0, 0},
	F16:    {"F16", 1, 1, 2, 0, 0},
	BF16:   {"BF16", 30, 1, 2, 0, 0},
	Q8_0:   {"Q8_0", 8, 32, 34, 0, 1},
	Q4_0:   {"Q4_0", 2, 32, 18, 0, 1},
	Q4_1:   {"Q4_1", 3, 32, 20, 0, 2},
	Q5_0:   {"Q5_0", 6, 32, 22, 0, 1},
	Q5_1:   {"Q5_1", 7, 32, 24, 0, 2},
	IQ4_NL: {"IQ4_NL", 20, 32, 18, 0, 1},
	Q2_K:   {"Q2_K", 10, 256, 84, 80, 2},
	Q3_K:   {"Q3_K", 11, 256, 110, 108, 1},
	Q4_K:   {"Q4_K", 12, 256, 144, 0, 2},
	Q5_K:   {"Q5_K", 13, 256, 176, 0, 2},
	Q6_K:   {"Q6_K", 14, 256, 210, 208, 1},
	IQ4_XS: {"IQ4_XS", 23, 256, 136, 0, 1},
}

// String returns ggml's name of the type, such as "Q8_0".
func (t Type) String() string {
	if t >= numTypes {
		return "type " + strconv.Itoa(int(t))
	}
	return typeTable[t].name
}

// BlockSize returns the elements of one block: 1 for the plain types, 32 or 256 for the others. The
// columns of a tensor are a multiple of it.
func (t Type) BlockSize() int { return typeTable[t].block }

// BlockBytes returns the bytes of one block.
func (t Type) BlockBytes() int { return typeTable[t].bytes }

// RowBytes returns the bytes of a row of cols elements. It panics where cols is not a multiple of
// BlockSize: such a row cannot be stored.
func (t Type) RowBytes(cols int) int {
	b := typeTable[t]
	if cols < 0 || cols%b.block != 0 {
		panic(fmt.Sprintf("BUG: checkpoint: a row of %d %s elements, want a multiple of %d",
			cols, b.name, b.block))
	}
	return cols / b.block * b.bytes
}

// TypeOf returns the Type of a name, in upper or lower case, and whether there is one.
func TypeOf(name string) (Type, bool) {
	for t, row := range typeTable {
		if strings.EqualFold(row.name, name) {
			return Type(t), true
		}
	}
	return 0, false
}

// typeOfGGML returns the Type with ggml's number id.
func typeOfGGML(id uint32) (Type, bool) {
	for t, row := range typeTable {
		if row.ggml == id {
			return Type(t), true
		}
	}
	return 0, false
}

// ggmlName names every type that a GGUF file may declare, so that the unsupported ones are refused
// by name. Numbers not listed were withdrawn or are newer. Source: enum ggml_type in ggml.h of
// llama.cpp.
func ggmlName(id uint32) string {
	if t, ok := typeOfGGML(id); ok {
		return t.String()
	}
	names := map[uint32]string{
		9: "Q8_1", 15: "Q8_K", 16: "IQ2_XXS", 17: "IQ2_XS", 18: "IQ3_XXS", 19: "IQ1_S",
		21: "IQ3_S", 22: "IQ2_S", 24: "I8", 25: "I16", 26: "I32", 27: "I64", 28: "F64",
		29: "IQ1_M", 34: "TQ1_0", 35: "TQ2_0", 39: "MXFP4",
		40: "NVFP4", 41: "Q1_0", 42: "Q2_0",
	}
	if name, ok := names[id]; ok {
		return name
	}
	return "number " + strconv.FormatUint(uint64(id), 10)
}

// TypeNames lists the types for messages.
const TypeNames = "F32, F16, BF16, Q8_0, Q4_0, Q4_1, Q5_0, Q5_1, IQ4_NL, Q2_K, Q3_K, Q4_K, Q5_K, Q6_K or IQ4_XS"
