//go:build !js

package checkpoint

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// blocked returns the types that have blocks.
func blocked() (types []Type) {
	for t := range numTypes {
		if t.BlockSize() > 1 {
			types = append(types, t)
		}
	}
	return types
}

// Blocks of random bits are, bit for bit, what gguf-py makes of them. testdata/blocks.py wrote the file.
func TestDequantizeAsGGUFPy(t *testing.T) {
	data, err := os.ReadFile(filepath.Join("testdata", "blocks.json"))
	if err != nil {
		t.Fatal(err)
	}
	var want map[string]struct{ Blocks, Values []byte }
	if err := json.Unmarshal(data, &want); err != nil {
		t.Fatal(err)
	}
	for _, typ := range blocked() {
		w := want[typ.String()]
		got, values := make([]float32, len(w.Values)/4), make([]float32, len(w.Values)/4)
		F32.Dequantize(values, w.Values)
		if len(got) != 3*typ.BlockSize() {
			t.Fatalf("%v: %d values, want those of three blocks", typ, len(got))
		}
		typ.Dequantize(got, w.Blocks)
		wantEqual(t, typ.String(), got, values)
	}
}

// What is packed comes back, whatever the bits are: the blocks of random bits hold every scale and quant
// that their type can.
func TestPackIsTheInverse(t *testing.T) {
	for _, typ := range blocked() {
		if typ.BlockSize() < 256 {
			continue
		}
		seen := map[int8]bool{}
		for i := range 50 {
			src := encode(typ, normals(typ.String(), 256))
			for at := range src {
				src[at] = byte(hash(typ, i, at))
			}
			var b Block
			typ.Unpack(&b, src)
			for _, q := range b.Q {
				seen[q] = true
			}
			packed := make([]byte, len(src))
			typ.pack(packed, &b)
			if !slices.Equal(packed, src) {
				t.Fatalf("%v: % x packs to\n% x", typ, src, packed)
			}
		}
		want := map[Type]int{Q2_K: 4, Q3_K: 8, Q4_K: 16, Q5_K: 32, Q6_K: 64, IQ4_XS: 16}[typ]
		if len(seen) != want {
			t.Errorf("%v: %d different quants, want %d", typ, len(seen), want)
		}
	}
}

// hash returns random bits.
func hash(t Type, i, j int) uint32 {
	h := uint32(t)*2654435761 + uint32(i)*40503 + uint32(j)*2246822519
	h ^= h >> 15
	h *= 2654435769
	return h ^ h>>13
}

// A quantiser that does not search is still no further off than a step of the largest group.
func TestQuantizeGrids(t *testing.T) {
	x := normals("grid", 256*40)
	for typ, most := range map[Type]float64{ // root of the mean square error, of that of the numbers
		Q2_K: 0.45, Q3_K: 0.24, Q4_K: 0.11, Q5_K: 0.055, Q6_K: 0.033, IQ4_XS: 0.14, IQ4_NL: 0.14,
	} {
		var off, all float64
		for i, v := range roundTrip(typ, x) {
			off, all = off+math.Pow(float64(v-x[i]), 2), all+math.Pow(float64(x[i]), 2)
		}
		if r := math.Sqrt(off / all); !(r < most && r > most/2) {
			t.Errorf("%v: the error is %.4f of the numbers, want %.4f to %.4f", typ, r, most/2, most)
		}
		if zeros := roundTrip(typ, make([]float32, 256)); slices.ContainsFunc(zeros, func(v float32) bool { return v != 0 }) {
			t.Errorf("%v: zeros become %v", typ, zeros)
		}
	}
}
