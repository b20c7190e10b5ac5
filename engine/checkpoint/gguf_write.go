package checkpoint

import (
	"bufio"
	"fmt"
	"io"
)

// KV is one metadata entry for WriteGGUF. Value has one of the Go types that ReadGGUFMeta lists.
type KV struct {
	Key   string
	Value any
}

// TensorData is one tensor for WriteGGUF.
type TensorData struct {
	Name       string
	Type       Type
	Rows, Cols int    // Rows 0: a vector of Cols elements, written with one dimension
	Data       []byte // rows one after the other, in Type

	// From is read instead where Data is nil, so that a file may be larger than memory. It has to
	// yield as many bytes as Data would have, and may go on behind them.
	From io.Reader
}

// bytes returns the size of the tensor in the file.
func (t TensorData) bytes() int { return max(t.Rows, 1) * t.Type.RowBytes(t.Cols) }

// WriteGGUF writes a GGUF v3 file: fixtures, and models saved again in another type. Offsets are
// multiples of the entry general.alignment (a uint32 power of two), or of 32 without it.
// It fails on values and sizes that a reader would refuse, and on the errors of w.
func WriteGGUF(w io.Writer, meta []KV, tensors []TensorData) error {
	alignment, err := checkMetadata(meta)
	if err == nil {
		err = checkTensorData(tensors)
	}
	if err != nil {
		return fmt.Errorf("write GGUF: %w", err)
	}
	e := &encoder{w: bufio.NewWriter(w)}

	// 1. Header and metadata.
	e.raw([]byte("GGUF"))
	e.uint32(3)
	e.uint64(uint64(len(tensors)))
	e.uint64(uint64(len(meta)))
	for _, kv := range meta {
		e.string(kv.Key)
		kind, _ := kindOf(kv.Value)
		e.uint32(kind)
		e.value(kv.Value)
	}

	// 2. The tensor table. Each tensor begins at the next multiple of alignment.
	offset := 0
	for _, t := range tensors {
		e.string(t.Name)
		if t.Rows == 0 {
			e.uint32(1)
			e.uint64(uint64(t.Cols))
		} else {
			e.uint32(2)
			e.uint64(uint64(t.Cols))
			e.uint64(uint64(t.Rows))
		}
		e.uint32(typeTable[t.Type].ggml)
		e.uint64(uint64(offset))
		offset += t.bytes() + padding(t.bytes(), alignment)
	}

	// 3. The weights.
	e.raw(make([]byte, padding(e.n, alignment)))
	for _, t := range tensors {
		if t.Data == nil {
			e.from(t.Name, t.From, t.bytes())
		} else {
			e.raw(t.Data)
		}
		e.raw(make([]byte, padding(t.bytes(), alignment)))
	}
	if e.err == nil {
		e.err = e.w.Flush()
	}
	if e.err != nil {
		return fmt.Errorf("write GGUF: %w", e.err)
	}
	return nil
}

// checkMetadata refuses entries that a reader would, and returns the alignment of tensors.
func checkMetadata(meta []KV) (alignment int, err error) {
	alignment = 32
	for i, kv := range meta {
		for _, other := range meta[:i] {
			if other.Key == kv.Key {
				return 0, fmt.Errorf("metadata %s occurs twice", kv.Key)
			}
		}
		if _, ok := kindOf(kv.Value); !ok {
			return 0, fmt.Errorf("metadata %s has Go type %T, which GGUF cannot hold", kv.Key, kv.Value)
		}
		if kv.Key == "general.alignment" {
			a, ok := kv.Value.(uint32)
			if !ok || a < 1 || a > 1<<20 || a&(a-1) != 0 {
				return 0, fmt.Errorf("general.alignment is %v (%T), want a uint32 power of two", kv.Value, kv.Value)
			}
			alignment = int(a)
		}
	}
	return alignment, nil
}

func checkTensorData(tensors []TensorData) error {
	names := make(map[string]bool, len(tensors))
	for _, t := range tensors {
		if t.Type >= numTypes {
			return fmt.Errorf("tensor %s has %s, want %s", t.Name, t.Type, TypeNames)
		}
		if t.Rows < 0 || t.Cols < 1 || t.Cols%t.Type.BlockSize() != 0 {
			return fmt.Errorf("tensor %s has shape (%d, %d), want columns in multiples of %d",
				t.Name, t.Rows, t.Cols, t.Type.BlockSize())
		}
		if (t.Data != nil || t.From == nil) && len(t.Data) != t.bytes() {
			return fmt.Errorf("tensor %s has %d bytes, want %d", t.Name, len(t.Data), t.bytes())
		}
		if names[t.Name] {
			return fmt.Errorf("tensor %s occurs twice", t.Name)
		}
		names[t.Name] = true
	}
	return nil
}

// padding returns the bytes from n to the next multiple of alignment.
func padding(n, alignment int) int { return (alignment - n%alignment) % alignment }
