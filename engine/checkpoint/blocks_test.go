//go:build !js

package checkpoint

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"hash"
	"maps"
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

// The tensors of a real file are, bit for bit, what gguf-py makes of them: Gemma 3 270M in Q4_K_M.
// testdata/tensors.py printed the sums.
func TestRealTensorsAsGGUFPy(t *testing.T) {
	path := filepath.Join("..", "..", "build", "real", "gemma-3-270m-q4_k_m.gguf")
	if _, err := os.Stat(path); err != nil {
		const missing = "needs build/real, which make test-real gets"
		if os.Getenv("REQUIRE_REAL") != "" {
			t.Fatal(missing)
		}
		t.Skip(missing)
	}
	type sum struct {
		sha256  string
		tensors int
	}
	want := map[string]sum{
		"F32":  {"be0596e364b653e983766b856bace83554b9021e1a702568fc9c1a6e06102e59", 109},
		"Q4_K": {"4b24b8f4d9ee77823293fcb48c3711f1df3e39e4e6875ac22ecfbae80b599b86", 27},
		"Q5_0": {"e0b6c21c5e8f3f532a35a1e42775fafe59b3ee3fd8a67e6e7ed89c700d35723a", 81},
		"Q6_K": {"2fe1f9d8afaabdb29cae3fa3ef5dbeb4d73260f28ecc91b48fee24c971b47fba", 9},
		"Q8_0": {"7f497d87d3b851e832b8799eba9ade01a2b8b7ae86499075e7cf6089a8f3f370", 10},
	}
	src, closer, err := openPath(path)
	if err != nil {
		t.Fatal(err)
	}
	defer closer.Close()
	d := newDecoder(src)
	_, n, _ := d.header()
	var entries []tableEntry
	for range n {
		entries = append(entries, d.entry())
	}
	if d.err != nil {
		t.Fatal(d.err)
	}
	start := (d.pos + 31) / 32 * 32
	hashes, got := map[string]hash.Hash{}, map[string]sum{}
	for _, e := range entries {
		typ, known := typeOfGGML(e.typ)
		if !known {
			t.Fatalf("%s is of %s", e.name, ggmlName(e.typ))
		}
		rows := 1
		for _, size := range e.dims[1:] {
			rows *= int(size)
		}
		tensor := Tensor{fileName: e.name, Type: typ, Rows: rows, Cols: int(e.dims[0]), src: src, offset: start + int64(e.offset)}
		data := make([]byte, tensor.Bytes())
		if err := tensor.readAt(data, 0); err != nil {
			t.Fatal(err)
		}
		if err := tensor.CheckNumbers(0, data); err != nil {
			t.Error(err)
		}
		values := make([]float32, rows*tensor.Cols)
		typ.Dequantize(values, data)
		if hashes[typ.String()] == nil {
			hashes[typ.String()] = sha256.New()
		}
		hashes[typ.String()].Write(encode(F32, values))
		got[typ.String()] = sum{fmt.Sprintf("%x", hashes[typ.String()].Sum(nil)), got[typ.String()].tensors + 1}
	}
	if !maps.Equal(got, want) {
		t.Errorf("sums\n%v, want\n%v", got, want)
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
				src[at] = byte(bitsOf(typ, i, at))
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

// bitsOf returns random bits.
func bitsOf(t Type, i, j int) uint32 {
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
