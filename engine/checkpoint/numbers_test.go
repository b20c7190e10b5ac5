//go:build !js

package checkpoint

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// spoilt are floats that are no numbers, and sound the largest ones that are, as F32, F16 and BF16.
var (
	spoilt = map[Type][]uint32{
		F32:  {0x7f800000, 0xff800000, 0x7fc00000, 0x7f800001, 0xffffffff},
		F16:  {0x7c00, 0xfc00, 0x7e00, 0x7c01, 0xffff},
		BF16: {0x7f80, 0xff80, 0x7fc0, 0x7f81, 0xffff},
	}
	sound = map[Type][]uint32{
		F32:  {0x7f7fffff, 0xff7fffff, 1, 0x80000000},
		F16:  {0x7bff, 0xfbff, 1, 0x8000},
		BF16: {0x7f7f, 0xff7f, 1, 0x8000},
	}
)

// put writes a float of type t, or a scale, which is a half.
func put(t Type, b []byte, bits uint32) {
	if t == F32 {
		binary.LittleEndian.PutUint32(b, bits)
	} else {
		binary.LittleEndian.PutUint16(b, uint16(bits))
	}
}

// Wherever a weight is NaN or infinite it is found, by tensor, row and column; the largest numbers
// are numbers.
func TestCheckNumbers(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 0))
	for typ := range numTypes {
		floats, cols, step := typ, 7, typ.BlockBytes()
		if typ.BlockSize() > 1 {
			floats, cols = F16, 2*typ.BlockSize()
		}
		for range 200 {
			rows, row0 := 1+r.IntN(5), r.IntN(9)
			tensor := &Tensor{fileName: "w", Type: typ, Rows: 20, Cols: cols, src: source{name: "toy"}}
			data := encode(typ, normals(fmt.Sprint(r.Uint64()), rows*cols))
			block := r.IntN(len(data) / step)
			at := block * step
			if typ.BlockSize() > 1 {
				at += typeTable[typ].at + 2*r.IntN(typeTable[typ].halves) // the scale or the minimum
			}
			put(floats, data[at:], sound[floats][r.IntN(4)])
			if err := tensor.CheckNumbers(row0, data); err != nil {
				t.Errorf("%v: the largest number: %v", typ, err)
			}
			put(floats, data[at:], spoilt[floats][r.IntN(5)])
			first := block * typ.BlockSize()
			x := make([]float32, rows*cols)
			typ.Dequantize(x, data)
			want := fmt.Sprintf("toy: tensor w: weight %d of row %d is %g, want a number", first%cols, row0+first/cols, x[first])
			wantError(t, tensor.CheckNumbers(row0, data), want)
		}
	}
}

// Rows of Q and K are named as the Hugging Face file counts them.
func TestCheckNumbersNamesTheRowOfTheFile(t *testing.T) {
	tensor := &Tensor{fileName: "q", Type: F32, Rows: 8, Cols: 2, pairs: 4, src: source{name: "toy"}}
	data := encode(F32, make([]float32, 16))
	put(F32, data[4*(3*2+1):], math.Float32bits(float32(math.Inf(-1)))) // row 3 in interleaved order: 1 + 4
	wantError(t, tensor.CheckNumbers(0, data), "toy: tensor q: weight 1 of row 5 is -Inf, want a number")
}

func BenchmarkCheckNumbers(b *testing.B) {
	for _, typ := range []Type{F32, F16, Q8_0, Q4_1} {
		b.Run(typ.String(), func(b *testing.B) {
			tensor := &Tensor{Type: typ, Rows: 1, Cols: 1 << 20}
			data := make([]byte, typ.RowBytes(1<<20))
			b.SetBytes(int64(len(data)))
			for b.Loop() {
				if err := tensor.CheckNumbers(0, data); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
