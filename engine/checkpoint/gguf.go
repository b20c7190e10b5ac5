package checkpoint

import (
	"fmt"
	"io"
	"math"

	"keyfold/engine/untrusted"
)

// OpenGGUF opens a GGUF file, version 2 or 3, of one of the architectures. name stands for the file in
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
	f := &File{Name: name, Format: ggufFormat(version), Model: untrusted.Name(src.base()), Meta: meta, sources: []source{src}}
	if s, ok := meta["general.name"].(string); ok && s != "" {
		f.Model = untrusted.Name(s)
	}
	refused := &refusal{name: name}
	m := newMetaReader(src, meta, refused)
	f.Architecture = m.arch.model
	if m.isPart() {
		return nil, refused.err()
	}
	m.refuseUnsupported()
	alignment := m.alignment()
	if alignment == 0 {
		return nil, refused.err()
	}
	found := d.tensorTable(nTensors, alignment, refused)
	if d.err != nil {
		refused.addErr(d.err)
		return nil, refused.err()
	}
	if found["token_embd.weight"] == nil {
		refused.add(src, "tensor token_embd.weight is missing among %d (a vocabulary without weights?)", nTensors)
		return nil, refused.err()
	}
	read := len(refused.reasons)
	f.Config = m.config(found)
	if len(refused.reasons) == read { // else more would only follow from it
		f.adopt(src, found, func(name string) string { return name }, refused)
	}
	if m.arch.ggufHalves && f.byName != nil {
		f.interleave(refused)
	}
	if err := refused.err(); err != nil {
		return nil, err
	}
	return f, nil
}

func ggufFormat(version uint32) string { return fmt.Sprintf("GGUF v%d", version) }

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
// tensors by name, those of a type that this program cannot read among them: they are refused.
func (d *decoder) tensorTable(n uint64, alignment int64, refused *refusal) map[string]*Tensor {
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
		t, known := d.tensor(alignment, refused)
		if d.err == nil && found[t.fileName] != nil {
			d.fail("tensor %s occurs twice", plain(t.fileName))
		}
		if d.err != nil {
			return nil
		}
		found[t.fileName] = t
		if known {
			order = append(order, t)
		}
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

// A tableEntry is one tensor description, as the file has it.
type tableEntry struct {
	name   string
	dims   []uint64 // columns first
	typ    uint32   // ggml's number
	offset uint64   // from the beginning of the weights
}

// entry reads the next tensor description, of a tensor of any type.
func (d *decoder) entry() tableEntry {
	e := tableEntry{name: d.string()}
	d.what = "tensor " + plain(e.name)
	n := d.uint32()
	if d.err == nil && (n < 1 || n > 4) {
		d.fail("%s has %d dimensions, want 1 or 2", d.what, n)
	}
	for i := range n {
		if d.err != nil {
			return e
		}
		size := d.uint64()
		if d.err == nil && (size < 1 || size > math.MaxInt32) {
			d.fail("%s has dimension %d of size %d, want 1 to %d", d.what, i, size, math.MaxInt32)
		}
		e.dims = append(e.dims, size)
	}
	e.typ, e.offset = d.uint32(), d.uint64()
	return e
}

// tensor reads one tensor description and checks it. The offset of the result still counts from the
// weights. known is false for a type that this program cannot read, which is a reason to refuse the
// model and not to stop reading: nothing but the name and the shape of the result counts then.
func (d *decoder) tensor(alignment int64, refused *refusal) (t *Tensor, known bool) {
	e := d.entry()
	t = &Tensor{fileName: e.name, src: d.src}
	if d.err != nil {
		return t, false
	}
	dims := append(e.dims, 1, 1, 1)
	t.Rows, t.Cols = int(dims[1]), int(dims[0])
	typ, known := typeOfGGML(e.typ)
	switch {
	case dims[2] != 1 || dims[3] != 1:
		d.fail("%s has shape %v (columns first), want 1 or 2 dimensions", d.what, e.dims)
	case !known:
		t.unreadable = true
		refused.addTensor(d.src, "type "+ggmlName(e.typ), e.name, fmt.Sprintf(" has type %s, want %s", ggmlName(e.typ), TypeNames))
		return t, false
	case dims[0]%uint64(typ.BlockSize()) != 0:
		d.fail("%s has rows of %d elements, want a multiple of %d for %s",
			d.what, dims[0], typ.BlockSize(), typ)
	case e.offset > uint64(d.src.size):
		d.fail("%s has offset %d, the file has %d bytes", d.what, e.offset, d.src.size)
	case e.offset%uint64(alignment) != 0:
		d.fail("%s has offset %d, want a multiple of %d", d.what, e.offset, alignment)
	}
	if d.err != nil {
		return t, false
	}
	t.Type, t.offset = typ, int64(e.offset)
	// Rows and columns are below 2^31, so their product in bytes may not fit an int64.
	if limit := d.src.size / int64(typ.RowBytes(t.Cols)); dims[1] > uint64(limit) {
		d.fail("%s has %d rows of %d bytes, the file has %d bytes",
			d.what, t.Rows, typ.RowBytes(t.Cols), d.src.size)
	}
	return t, true
}
