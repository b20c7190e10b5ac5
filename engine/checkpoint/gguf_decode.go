package checkpoint

import (
	"bufio"
	"encoding/binary"
	"io"
	"math"
)

// Limits of the part of a GGUF file before the weights: far above any real file, and low enough
// that a damaged one cannot make the reader allocate without end.
const (
	maxHeader  = 64 << 20 // bytes of metadata and tensor table
	maxMeta    = 1 << 16  // metadata entries
	maxTensors = 1 << 16
	maxString  = 16 << 20 // bytes
	maxArray   = 16 << 20 // elements
	maxDepth   = 4        // arrays in arrays
)

// The value types of GGUF metadata. Source: docs/gguf.md, gguf_metadata_value_type.
const (
	kindUint8 = iota
	kindInt8
	kindUint16
	kindInt16
	kindUint32
	kindInt32
	kindFloat32
	kindBool
	kindString
	kindArray
	kindUint64
	kindInt64
	kindFloat64
)

// A decoder reads the front of a GGUF file. Like bufio.Writer it keeps its first error; after it,
// all values read are zero.
type decoder struct {
	src  source
	r    *bufio.Reader
	pos  int64  // bytes read so far
	what string // the thing being read, for errors
	buf  []byte // scratch for take
	err  error
}

func newDecoder(src source) *decoder {
	buffer := int(min(max(src.size, 16), 256<<10))
	return &decoder{
		src: src, what: "header",
		r: bufio.NewReaderSize(io.NewSectionReader(src.r, 0, src.size), buffer),
	}
}

func (d *decoder) fail(format string, args ...any) {
	if d.err == nil {
		d.err = d.src.errorf(format, args...)
	}
}

// take returns the next n bytes, valid until the next call, or nil after an error.
func (d *decoder) take(n int) []byte {
	if d.err != nil {
		return nil
	}
	if left := d.src.size - d.pos; int64(n) > left {
		d.fail("%s needs %d bytes at byte %d, %d remain (file cut short?)", d.what, n, d.pos, left)
		return nil
	}
	if d.pos+int64(n) > maxHeader {
		d.fail("metadata and tensor table go beyond byte %d, which is the most this program reads",
			maxHeader)
		return nil
	}
	if n > len(d.buf) {
		d.buf = make([]byte, max(n, 16))
	}
	if _, err := io.ReadFull(d.r, d.buf[:n]); err != nil {
		d.fail("%s: byte %d: %w", d.what, d.pos, err)
		return nil
	}
	d.pos += int64(n)
	return d.buf[:n]
}

// fits reports whether n things of at least size bytes can still follow, and fails otherwise.
// Nothing is allocated for a declared number before this check.
func (d *decoder) fits(n uint64, size int64) bool {
	if left := d.src.size - d.pos; d.err == nil && n > uint64(left/size) {
		d.fail("%s: %d elements of at least %d bytes at byte %d, %d remain (file cut short?)",
			d.what, n, size, d.pos, left)
	}
	return d.err == nil
}

// one reads a value of width bytes.
func one[T any](d *decoder, width int, get func([]byte) T) T {
	if b := d.take(width); b != nil {
		return get(b)
	}
	var zero T
	return zero
}

// scalarOrSlice reads one value of width bytes, or with array set a []T of n of them.
func scalarOrSlice[T any](d *decoder, array bool, n uint64, width int, get func([]byte) T) any {
	if !array {
		return one(d, width, get)
	}
	if !d.fits(n, int64(width)) {
		return nil
	}
	s := make([]T, n)
	for i := range s {
		s[i] = one(d, width, get)
	}
	return s
}

func (d *decoder) uint32() uint32 { return one(d, 4, binary.LittleEndian.Uint32) }
func (d *decoder) uint64() uint64 { return one(d, 8, binary.LittleEndian.Uint64) }

func (d *decoder) string() string {
	n := d.uint64()
	if n > maxString {
		d.fail("%s: string of %d bytes at byte %d, want at most %d", d.what, n, d.pos, maxString)
	}
	if left := d.src.size - d.pos; n > uint64(left) {
		d.fail("%s: string of %d bytes at byte %d, %d remain (file cut short?)",
			d.what, n, d.pos, left)
	}
	return string(d.take(int(n)))
}

// value reads a metadata value of that kind, or with array set n of them as a slice.
func (d *decoder) value(kind uint32, array bool, n uint64, depth int) any {
	if array && n > maxArray {
		d.fail("%s: array of %d elements, want at most %d", d.what, n, maxArray)
		return nil
	}
	switch kind {
	case kindUint8:
		return scalarOrSlice(d, array, n, 1, func(b []byte) uint8 { return b[0] })
	case kindInt8:
		return scalarOrSlice(d, array, n, 1, func(b []byte) int8 { return int8(b[0]) })
	case kindUint16:
		return scalarOrSlice(d, array, n, 2, binary.LittleEndian.Uint16)
	case kindInt16:
		return scalarOrSlice(d, array, n, 2, func(b []byte) int16 {
			return int16(binary.LittleEndian.Uint16(b))
		})
	case kindUint32:
		return scalarOrSlice(d, array, n, 4, binary.LittleEndian.Uint32)
	case kindInt32:
		return scalarOrSlice(d, array, n, 4, func(b []byte) int32 {
			return int32(binary.LittleEndian.Uint32(b))
		})
	case kindUint64:
		return scalarOrSlice(d, array, n, 8, binary.LittleEndian.Uint64)
	case kindInt64:
		return scalarOrSlice(d, array, n, 8, func(b []byte) int64 {
			return int64(binary.LittleEndian.Uint64(b))
		})
	case kindFloat32:
		return scalarOrSlice(d, array, n, 4, func(b []byte) float32 {
			return math.Float32frombits(binary.LittleEndian.Uint32(b))
		})
	case kindFloat64:
		return scalarOrSlice(d, array, n, 8, func(b []byte) float64 {
			return math.Float64frombits(binary.LittleEndian.Uint64(b))
		})
	case kindBool:
		return scalarOrSlice(d, array, n, 1, func(b []byte) bool {
			if b[0] > 1 {
				d.fail("%s: boolean is %d, want 0 or 1", d.what, b[0])
			}
			return b[0] == 1
		})
	case kindString:
		return d.strings(array, n)
	case kindArray:
		return d.arrays(array, n, depth)
	}
	d.fail("%s has value type %d, want 0 to %d", d.what, kind, kindFloat64)
	return nil
}

func (d *decoder) strings(array bool, n uint64) any {
	if !array {
		return d.string()
	}
	if !d.fits(n, 8) {
		return nil
	}
	s := make([]string, n)
	for i := range s {
		s[i] = d.string()
	}
	return s
}

// arrays reads an array of any element type; with array set, n of them as []any.
func (d *decoder) arrays(array bool, n uint64, depth int) any {
	if depth == maxDepth {
		d.fail("%s: arrays nested deeper than %d", d.what, maxDepth)
		return nil
	}
	if !array {
		kind, n := d.uint32(), d.uint64()
		if d.err != nil {
			return nil
		}
		return d.value(kind, true, n, depth+1)
	}
	if !d.fits(n, 12) {
		return nil
	}
	s := make([]any, n)
	for i := range s {
		s[i] = d.arrays(false, 0, depth)
	}
	return s
}

// header reads everything before the tensor table.
func (d *decoder) header() (version uint32, tensors uint64, meta map[string]any) {
	if magic := d.take(4); magic != nil && string(magic) != "GGUF" {
		d.fail("%s, want a GGUF file", whatIs(d.src))
	}
	version = d.uint32()
	if d.err == nil && version != 2 && version != 3 {
		if version > 0 && version<<16 == 0 {
			d.fail("a big-endian GGUF file, want little-endian")
		}
		d.fail("GGUF version %d, want 2 or 3", version)
	}
	tensors = d.uint64()
	n := d.uint64()
	d.what = "metadata"
	if n > maxMeta {
		d.fail("%d metadata entries, want at most %d", n, maxMeta)
	}
	if !d.fits(n, 8+4+1) { // an empty key, a type, a value of one byte
		return 0, 0, nil
	}
	meta = make(map[string]any, n)
	for range n {
		d.what = "metadata"
		key := d.string()
		d.what = "metadata " + plain(key)
		kind := d.uint32()
		if d.err != nil {
			return 0, 0, nil
		}
		if _, twice := meta[key]; twice {
			d.fail("%s occurs twice", d.what)
		}
		meta[key] = d.value(kind, false, 0, 0)
		if d.err != nil {
			return 0, 0, nil
		}
	}
	return version, tensors, meta
}
