package checkpoint

import (
	"fmt"
	"io"
	"math"
)

// OpenGGUF opens a GGUF file, version 2 or 3, of architecture "llama". name stands for the file in
// errors and in File.Name; size is its length in bytes. r is read when needed and must stay open as
// long as the File is in use.
//
// Layout, all little-endian:
//
//	"GGUF"   version u32   tensors u64   metadata u64
//	metadata times   key string   type u32   value
//	tensors times    name string  n u32  n dimensions u64, columns first  type u32  offset u64
//	padding to general.alignment, then the weights; offsets count from here
//
// Source: docs/gguf.md in github.com/ggml-org/ggml.
func OpenGGUF(r io.ReaderAt, size int64, name string) (*File, error) {
	src := source{name, r, size}
	d := newDecoder(src)
	version, nTensors, meta := d.header()
	if d.err != nil {
		return nil, d.err
	}
	m := metaReader{src: src, meta: meta}
	m.refuseUnsupported()
	alignment := m.alignment()
	if m.err != nil {
		return nil, m.err
	}
	found := d.tensorTable(nTensors, alignment)
	if d.err != nil {
		return nil, d.err
	}
	embd := found["token_embd.weight"]
	if embd == nil {
		return nil, src.errorf("tensor token_embd.weight is missing among %d "+
			"(a vocabulary without weights?)", nTensors)
	}
	f := &File{Name: name, Format: fmt.Sprintf("GGUF v%d", version), Model: src.base(), Meta: meta}
	if s, ok := meta["general.name"].(string); ok && s != "" {
		f.Model = s
	}
	f.sources = []source{src}
	f.Config = m.config(embd.Rows)
	if m.err != nil {
		return nil, m.err
	}
	if err := f.adopt(src, found, func(name string) string { return name }); err != nil {
		return nil, err
	}
	return f, nil
}

// ReadGGUFMeta reads only the metadata of a GGUF file, of any architecture, with or without
// weights; a tokenizer needs no more. Arguments are as for OpenGGUF.
//
// Values have these Go types: uint8, int8, uint16, int16, uint32, int32, uint64, int64, float32,
// float64, bool, string; arrays are slices of these, and arrays of arrays are []any of slices.
// Strings are the bytes of the file, not always UTF-8.
func ReadGGUFMeta(r io.ReaderAt, size int64, name string) (map[string]any, error) {
	d := newDecoder(source{name, r, size})
	_, _, meta := d.header()
	return meta, d.err
}

// tensorTable reads n tensor descriptions and checks types, shapes and places. It returns the
// tensors by name.
func (d *decoder) tensorTable(n uint64, alignment int64) map[string]*Tensor {
	d.what = "tensor table"
	const smallest = 8 + 4 + 8 + 4 + 8 // bytes with an empty name and one dimension
	if n > maxTensors {
		d.fail("%d tensors, want at most %d", n, maxTensors)
	}
	if !d.fits(n, smallest) {
		return nil
	}
	found := make(map[string]*Tensor, n)
	order := make([]*Tensor, 0, n)
	for range n {
		t := d.tensor(alignment)
		if d.err == nil && found[t.fileName] != nil {
			d.fail("tensor %s occurs twice", plain(t.fileName))
		}
		if d.err != nil {
			return nil
		}
		found[t.fileName] = t
		order = append(order, t)
	}
	start := (d.pos + alignment - 1) / alignment * alignment
	extents := make([]extent, 0, n)
	for _, t := range order {
		size, left := t.Bytes(), d.src.size-start
		if size > left || t.offset > left-size {
			d.fail("tensor %s takes %d bytes from offset %d, "+
				"the file has %d bytes of weights (file cut short?)",
				plain(t.fileName), size, t.offset, max(left, 0))
			return nil
		}
		t.offset += start
		extents = append(extents, extent{t.fileName, t.offset, t.offset + size})
	}
	if err := checkExtents(d.src, extents, start, false); err != nil {
		d.err = err
	}
	return found
}

// tensor reads one tensor description. The offset of the result still counts from the weights.
func (d *decoder) tensor(alignment int64) *Tensor {
	t := &Tensor{fileName: d.string(), src: d.src}
	d.what = "tensor " + plain(t.fileName)
	dims := [4]uint64{1, 1, 1, 1}
	n := d.uint32()
	if d.err == nil && (n < 1 || n > 4) {
		d.fail("%s has %d dimensions, want 1 or 2", d.what, n)
	}
	if d.err != nil {
		return t
	}
	for i := range n {
		dims[i] = d.uint64()
		if d.err == nil && (dims[i] < 1 || dims[i] > math.MaxInt32) {
			d.fail("%s has dimension %d of size %d, want 1 to %d",
				d.what, i, dims[i], math.MaxInt32)
		}
	}
	id, offset := d.uint32(), d.uint64()
	if d.err != nil {
		return t
	}
	typ, ok := typeOfGGML(id)
	switch {
	case dims[2] != 1 || dims[3] != 1:
		d.fail("%s has shape %v (columns first), want 1 or 2 dimensions", d.what, dims[:n])
	case !ok:
		d.fail("%s has type %s, want %s", d.what, ggmlName(id), TypeNames)
	case dims[0]%uint64(typ.BlockSize()) != 0:
		d.fail("%s has rows of %d elements, want a multiple of %d for %s",
			d.what, dims[0], typ.BlockSize(), typ)
	case offset > uint64(d.src.size):
		d.fail("%s has offset %d, the file has %d bytes", d.what, offset, d.src.size)
	case offset%uint64(alignment) != 0:
		d.fail("%s has offset %d, want a multiple of %d", d.what, offset, alignment)
	}
	if d.err != nil {
		return t
	}
	t.Type, t.Rows, t.Cols, t.offset = typ, int(dims[1]), int(dims[0]), int64(offset)
	// Rows and columns are below 2^31, so their product in bytes may not fit an int64.
	if limit := d.src.size / int64(typ.RowBytes(t.Cols)); dims[1] > uint64(limit) {
		d.fail("%s has %d rows of %d bytes, the file has %d bytes",
			d.what, t.Rows, typ.RowBytes(t.Cols), d.src.size)
	}
	return t
}
