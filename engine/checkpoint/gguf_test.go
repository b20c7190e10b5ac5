//go:build !js

package checkpoint

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"math"
	"reflect"
	"strings"
	"testing"
)

func TestGGUFRoundTrip(t *testing.T) {
	for typ := range numTypes {
		t.Run(typ.String(), func(t *testing.T) {
			m := newToy(toyFor(typ), typ == Q4_0) // one of them tied
			f, err := openGGUFBytes(m.gguf(t, typ))
			if err != nil {
				t.Fatal(err)
			}
			wantToy(t, f, m, typ)
			if f.Format != "GGUF v3" || f.Model != "toy" || f.Name != "x.gguf" {
				t.Errorf("Format %q, Model %q, Name %q", f.Format, f.Model, f.Name)
			}
		})
	}
}

func TestGGUFVersion2IsRead(t *testing.T) {
	b := newToy(specimen, false).gguf(t, F32)
	b[4] = 2
	f, err := openGGUFBytes(b)
	if err != nil {
		t.Fatal(err)
	}
	if f.Format != "GGUF v2" {
		t.Errorf("Format %q, want GGUF v2", f.Format)
	}
}

// allKinds holds a value of every Go type that metadata can have.
var allKinds = []KV{
	{"uint8", uint8(200)}, {"int8", int8(-100)}, {"uint16", uint16(60000)}, {"int16", int16(-30000)},
	{"uint32", uint32(4e9)}, {"int32", int32(-2e9)}, {"uint64", uint64(1 << 63)}, {"int64", int64(-1 << 62)},
	{"float32", float32(1.5)}, {"float64", math.Pi}, {"true", true}, {"false", false},
	{"string", "a\x00\xff\n"}, {"", ""},
	{"[]uint8", []uint8{1, 255}}, {"[]int8", []int8{-1, 127}}, {"[]uint16", []uint16{1, 65535}},
	{"[]int16", []int16{-1, 5}}, {"[]uint32", []uint32{7}}, {"[]int32", []int32{-7, 8, 9}},
	{"[]uint64", []uint64{1 << 60}}, {"[]int64", []int64{-1}}, {"[]float32", []float32{0.25, -1}},
	{"[]float64", []float64{1e300}}, {"[]bool", []bool{true, false}}, {"[]string", []string{"", "x y"}},
	{"no strings", []string{}}, {"no arrays", []any{}},
	{"nested", []any{[]int32{1, 2}, []string{"a"}, []any{[]bool{true}}}},
}

func TestMetadataRoundTrip(t *testing.T) {
	b := writeGGUF(t, allKinds, nil)
	meta, err := ReadGGUFMeta(bytes.NewReader(b), int64(len(b)), "x.gguf")
	if err != nil {
		t.Fatal(err)
	}
	for _, kv := range allKinds {
		if !reflect.DeepEqual(meta[kv.Key], kv.Value) {
			t.Errorf("%s: %#v, want %#v", kv.Key, meta[kv.Key], kv.Value)
		}
	}
	if len(meta) != len(allKinds) {
		t.Errorf("%d entries, want %d", len(meta), len(allKinds))
	}
}

func TestGGUFAlignmentIsKept(t *testing.T) {
	m := newToy(toyConfig, false)
	small, err := openGGUFBytes(writeGGUF(t, append(m.meta(), KV{"general.alignment", uint32(8)}), m.tensorData(Q5_0)))
	if err != nil {
		t.Fatal(err)
	}
	wantToy(t, small, m, Q5_0)
	large, err := openGGUFBytes(writeGGUF(t, append(m.meta(), KV{"general.alignment", uint32(4096)}), m.tensorData(F16)))
	if err != nil {
		t.Fatal(err)
	}
	wantToy(t, large, m, F16)
	for _, tensor := range large.Tensors() {
		if tensor.offset%4096 != 0 {
			t.Errorf("%s at byte %d, want a multiple of 4096", tensor.Name, tensor.offset)
		}
	}
}

// What the metadata leave out is filled in; what does not change the arithmetic is accepted.
func TestGGUFDefaults(t *testing.T) {
	c := specimen
	c.NHeads, c.NKVHeads, c.Dim, c.HeadDim = 2, 2, 8, 4
	m := newToy(c, false)
	var meta []KV
	for _, kv := range m.meta() {
		switch kv.Key {
		case "llama.attention.key_length", "llama.attention.head_count_kv", "llama.rope.freq_base", "general.name":
		default:
			meta = append(meta, kv)
		}
	}
	meta = append(meta, KV{"llama.rope.scaling.type", "none"}, KV{"llama.rope.scaling.factor", float32(1)},
		KV{"llama.expert_count", uint32(0)}, KV{"llama.vocab_size", uint64(2)}, KV{"llama.attention.causal", true},
		KV{"llama.rope.dimension_count", uint16(4)}, KV{"tokenizer.ggml.tokens", []string{"a", "b"}})
	f, err := openGGUFBytes(writeGGUF(t, meta, m.tensorData(F32)))
	if err != nil {
		t.Fatal(err)
	}
	wantToy(t, f, m, F32)
	if f.Model != "x" {
		t.Errorf("Model %q, want the file's name without extension", f.Model)
	}
	if c.GroupSize() != 1 || toyConfig.GroupSize() != 2 || toyConfig.QDim() != 64 || toyConfig.KVDim() != 32 {
		t.Error("GroupSize, QDim or KVDim is wrong")
	}
}

func TestReadRowsChecksItsArguments(t *testing.T) {
	f, err := openGGUFBytes(newToy(toyConfig, false).gguf(t, Q8_0))
	if err != nil {
		t.Fatal(err)
	}
	k, _ := f.Tensor("blk.1.attn_k.weight") // (32, 32): 34 bytes per row
	for _, tc := range []struct {
		row, n, bytes int
		want          string
	}{
		{0, 32, 32 * 34, ""},
		{32, 0, 0, ""},
		{31, 2, 68, "x.gguf: blk.1.attn_k.weight: 2 rows from row 31, the tensor has 32"},
		{-1, 1, 34, "x.gguf: blk.1.attn_k.weight: 1 rows from row -1, the tensor has 32"},
		{1, -1, 0, "x.gguf: blk.1.attn_k.weight: -1 rows from row 1, the tensor has 32"},
		{33, 0, 0, "x.gguf: blk.1.attn_k.weight: 0 rows from row 33, the tensor has 32"},
		{1, math.MaxInt, 0, // the sum overflows
			"x.gguf: blk.1.attn_k.weight: 9223372036854775807 rows from row 1, the tensor has 32"},
		{0, 2, 67, "x.gguf: blk.1.attn_k.weight: 67 bytes to read into, want 2 rows of 34"},
	} {
		err := f.ReadRows(k, tc.row, tc.n, make([]byte, tc.bytes))
		if tc.want != "" {
			wantError(t, err, tc.want)
		} else if err != nil {
			t.Error(err)
		}
	}
}

// A shrinking reader stands for a file that changes while it is open. Like some readers it reports
// io.EOF together with the last byte.
type shrinking struct {
	io.ReaderAt
	size int64
}

func (s *shrinking) ReadAt(b []byte, at int64) (int, error) {
	n, err := io.NewSectionReader(s.ReaderAt, 0, s.size).ReadAt(b, at)
	if at+int64(n) == s.size {
		err = io.EOF
	}
	return n, err
}

var errDisk = errors.New("disk on fire")

type broken struct{}

func (broken) ReadAt([]byte, int64) (int, error) { return 0, errDisk }

func TestReadErrorsNameTheFile(t *testing.T) {
	b := newToy(specimen, false).gguf(t, F32)
	r := &shrinking{bytes.NewReader(b), int64(len(b))}
	f, err := OpenGGUF(r, r.size, "x.gguf")
	if err != nil {
		t.Fatal(err)
	}
	out, _ := f.Tensor("output.weight") // (2, 4) F32, the last in the file
	r.size = out.offset + 16
	if err := f.ReadRows(out, 0, 1, make([]byte, 16)); err != nil {
		t.Error(err)
	}
	err = f.ReadRows(out, 1, 1, make([]byte, 16))
	wantError(t, err, "x.gguf: output.weight: bytes 1776 to 1792 cannot be read: "+
		"the file is shorter than when it was opened")
	_, err = f.SHA256()
	wantError(t, err, "x.gguf: 1776 bytes, had 1792 when opened")

	_, err = OpenGGUF(broken{}, 100, "x.gguf")
	wantError(t, err, "x.gguf: header: byte 0: disk on fire")
	if !errors.Is(err, errDisk) {
		t.Error("the reader's error is not wrapped")
	}
}

func TestSHA256IsOfTheWholeFile(t *testing.T) {
	b := newToy(toyConfig, false).gguf(t, F32)
	f, err := openGGUFBytes(b)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(b)
	if got, err := f.SHA256(); err != nil || got != hex.EncodeToString(sum[:]) {
		t.Errorf("SHA256 = %s, %v; want %x", got, err, sum)
	}
}

// A tensor that is read gives the file that one in memory gives.
func TestWriteGGUFReadsTensors(t *testing.T) {
	inMemory := []TensorData{{Name: "a", Cols: 3, Data: []byte("twelve bytes")}, {Name: "b", Rows: 2, Cols: 1, Data: []byte("eight by")}}
	read := []TensorData{{Name: "a", Cols: 3, From: strings.NewReader("twelve bytes and more")}, inMemory[1]}
	if got, want := writeGGUF(t, nil, read), writeGGUF(t, nil, inMemory); !bytes.Equal(got, want) {
		t.Errorf("%q\nwant\n%q", got, want)
	}
}

func TestWriteGGUFRefuses(t *testing.T) {
	two := []TensorData{{Name: "a", Cols: 1, Data: make([]byte, 4)}, {Name: "a", Cols: 1, Data: make([]byte, 4)}}
	for _, tc := range []struct {
		meta    []KV
		tensors []TensorData
		want    string
	}{
		{[]KV{{"k", 1}}, nil, "metadata k has Go type int, which GGUF cannot hold"},
		{[]KV{{"k", []any{1}}}, nil, "metadata k has Go type []interface {}, which GGUF cannot hold"},
		{[]KV{{"k", true}, {"k", true}}, nil, "metadata k occurs twice"},
		{[]KV{{"general.alignment", uint32(3)}}, nil, "general.alignment is 3 (uint32), want a uint32 power of two"},
		{nil, two, "tensor a occurs twice"},
		{nil, []TensorData{{Name: "a", Type: Q4_0, Cols: 33}}, "tensor a has shape (0, 33), want columns in multiples of 32"},
		{nil, []TensorData{{Name: "a", Type: Q4_0, Rows: 2, Cols: 32}}, "tensor a has 0 bytes, want 36"},
		{nil, []TensorData{{Name: "a", Cols: 3, From: strings.NewReader("elevenbytes")}}, "tensor a: 11 bytes, want 12"},
		{nil, []TensorData{{Name: "a", Cols: 1, Data: make([]byte, 3), From: strings.NewReader("four")}}, "tensor a has 3 bytes, want 4"},
		{nil, []TensorData{{Name: "a", Type: 99, Cols: 32}}, "tensor a has type 99, want " + TypeNames},
	} {
		wantError(t, WriteGGUF(io.Discard, tc.meta, tc.tensors), "write GGUF: "+tc.want)
	}
	r, w := io.Pipe()
	r.CloseWithError(errDisk)
	wantError(t, WriteGGUF(w, nil, nil), "write GGUF: disk on fire")
}
