//go:build !js

package checkpoint

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"strings"
)

// readSafetensors reads the description at the front of a safetensors file:
//
//	n u64   n bytes of JSON {name: {dtype, shape, data_offsets: [begin, end]}}   the weights
//
// Offsets count from the end of the JSON, and the tensors fill the rest of the file. Tables of
// rotation frequencies, which the forward pass computes itself, come out as nil.
//
// Source: README of github.com/huggingface/safetensors, section "Format".
func readSafetensors(src source, refused *refusal) (map[string]*Tensor, error) {
	const limit = 100_000_000 // bytes of JSON; the limit of the reference implementation
	var b [8]byte
	if src.size < int64(len(b)) {
		return nil, src.errorf("%d bytes, want a safetensors header (file cut short?)", src.size)
	}
	if n, err := src.r.ReadAt(b[:], 0); n < len(b) {
		return nil, src.errorf("header: %w", err)
	}
	n := binary.LittleEndian.Uint64(b[:])
	if n > uint64(src.size-8) || n > limit {
		if kind := whatIs(src); !strings.HasPrefix(kind, "begins") && !strings.HasPrefix(kind, "a safetensors") {
			return nil, src.errorf("%s, want safetensors", kind)
		}
		return nil, src.errorf("header of %d bytes, want at most %d in a file of %d bytes "+
			"(file cut short, or not safetensors?)", n, min(limit, src.size-8), src.size)
	}
	header := make([]byte, n)
	if n, err := src.r.ReadAt(header, 8); n < len(header) {
		return nil, src.errorf("header: %w", err)
	}
	found := make(map[string]*Tensor)
	var extents []extent
	start := 8 + int64(n)
	err := object(header, func(name string, value json.RawMessage) error {
		if name == "__metadata__" {
			return nil // strings about the file, such as {"format": "pt"}
		}
		t, bytes, err := readEntry(src, name, value, start, refused)
		if err == nil {
			found[name] = t
			extents = append(extents, bytes)
		}
		return err
	})
	if err != nil {
		return nil, src.errorf("%w", err)
	}
	if err := checkExtents(src, extents, start, true); err != nil {
		return nil, err
	}
	return found, nil
}

// An entry of the header. Offsets are bytes.
type entry struct {
	Dtype   string   `json:"dtype"`
	Shape   []uint64 `json:"shape"`
	Offsets []uint64 `json:"data_offsets"`
}

// readEntry reads one entry of the header. start is where the weights begin. A type or a shape that
// this program cannot read is a reason to refuse the model and not to stop reading; nothing but the
// name of the result counts then.
func readEntry(
	src source, name string, value json.RawMessage, start int64, refused *refusal,
) (*Tensor, extent, error) {
	fail := func(format string, args ...any) (*Tensor, extent, error) {
		return nil, extent{}, fmt.Errorf("tensor %s: %w", plain(name), fmt.Errorf(format, args...))
	}
	var e entry
	if err := json.Unmarshal(value, &e); err != nil {
		return fail("want dtype, shape and data_offsets: %w", err)
	}
	room := uint64(src.size - start)
	if len(e.Offsets) != 2 || e.Offsets[0] > e.Offsets[1] || e.Offsets[1] > room {
		return fail("data_offsets are %v, want [begin, end] "+
			"in the %d bytes of weights (file cut short?)",
			few(e.Offsets), room)
	}
	bytes := extent{name, start + int64(e.Offsets[0]), start + int64(e.Offsets[1])}
	if strings.HasSuffix(name, "rotary_emb.inv_freq") {
		return nil, bytes, nil
	}
	typ, ok := map[string]Type{"F32": F32, "F16": F16, "BF16": BF16}[e.Dtype]
	if len(e.Shape) < 1 || len(e.Shape) > 2 {
		refused.addTensor(src, "dimensions", name, fmt.Sprintf(": shape is %s, want 1 or 2 dimensions", few(e.Shape)))
		return nil, bytes, nil
	}
	for _, n := range e.Shape {
		if n < 1 || n > math.MaxInt32 {
			return fail("shape is %v, want sizes from 1 to %d", e.Shape, math.MaxInt32)
		}
	}
	shape := append([]uint64{1}, e.Shape...)[len(e.Shape)-1:] // a vector is one row
	if !ok {
		refused.addTensor(src, "dtype "+e.Dtype, name, fmt.Sprintf(": dtype is %s, want F32, F16 or BF16", plain(e.Dtype)))
		return &Tensor{Rows: int(shape[0]), Cols: int(shape[1]), fileName: name, src: src, unreadable: true}, bytes, nil
	}
	elements, size := shape[0]*shape[1], e.Offsets[1]-e.Offsets[0]
	if size != elements*uint64(typ.BlockBytes()) { // below 2^31 * 2^31 * 4
		return fail("%d bytes, want %d elements of %s as its shape %v says",
			size, elements, typ, e.Shape)
	}
	return &Tensor{
		Type: typ, Rows: int(shape[0]), Cols: int(shape[1]),
		fileName: name, src: src, offset: bytes.begin,
	}, bytes, nil
}

// few prints a short list, and says of a long one only how long it is.
func few(list []uint64) string {
	if len(list) > 4 {
		return fmt.Sprintf("a list of %d", len(list))
	}
	return fmt.Sprint(list)
}
