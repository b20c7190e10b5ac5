package checkpoint

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
)

// kindOf returns GGUF's number for the Go type of v.
func kindOf(v any) (kind uint32, ok bool) {
	switch v := v.(type) {
	case uint8:
		return kindUint8, true
	case int8:
		return kindInt8, true
	case uint16:
		return kindUint16, true
	case int16:
		return kindInt16, true
	case uint32:
		return kindUint32, true
	case int32:
		return kindInt32, true
	case uint64:
		return kindUint64, true
	case int64:
		return kindInt64, true
	case float32:
		return kindFloat32, true
	case float64:
		return kindFloat64, true
	case bool:
		return kindBool, true
	case string:
		return kindString, true
	case []uint8, []int8, []uint16, []int16, []uint32, []int32, []uint64, []int64,
		[]float32, []float64, []bool, []string:
		return kindArray, true
	case []any:
		for _, element := range v {
			if k, ok := kindOf(element); !ok || k != kindArray {
				return 0, false
			}
		}
		return kindArray, true
	}
	return 0, false
}

// An encoder writes GGUF's basic types and keeps its first error.
type encoder struct {
	w   *bufio.Writer
	n   int // bytes written
	err error
}

func (e *encoder) raw(b []byte) {
	if e.err == nil {
		_, e.err = e.w.Write(b)
		e.n += len(b)
	}
}

// from copies the n bytes of a tensor from r.
func (e *encoder) from(tensor string, r io.Reader, n int) {
	if e.err == nil {
		var got int64
		if got, e.err = io.CopyN(e.w, r, int64(n)); e.err == io.EOF {
			e.err = fmt.Errorf("tensor %s: %d bytes, want %d", tensor, got, n)
		}
		e.n += n
	}
}

func (e *encoder) uint32(v uint32) { e.raw(binary.LittleEndian.AppendUint32(nil, v)) }
func (e *encoder) uint64(v uint64) { e.raw(binary.LittleEndian.AppendUint64(nil, v)) }

func (e *encoder) string(s string) {
	e.uint64(uint64(len(s)))
	e.raw([]byte(s))
}

// value writes v, which kindOf knows, without the type of v itself but with that of its elements.
func (e *encoder) value(v any) {
	switch v := v.(type) {
	case string:
		e.string(v)
	case []uint8:
		array(e, v)
	case []int8:
		array(e, v)
	case []uint16:
		array(e, v)
	case []int16:
		array(e, v)
	case []uint32:
		array(e, v)
	case []int32:
		array(e, v)
	case []uint64:
		array(e, v)
	case []int64:
		array(e, v)
	case []float32:
		array(e, v)
	case []float64:
		array(e, v)
	case []bool:
		array(e, v)
	case []string:
		array(e, v)
	case []any:
		e.uint32(kindArray)
		e.uint64(uint64(len(v)))
		for _, element := range v {
			e.value(element)
		}
	default: // a number or bool
		b, err := binary.Append(nil, binary.LittleEndian, v)
		if err != nil {
			panic("BUG: " + err.Error())
		}
		e.raw(b)
	}
}

// array writes the element type, the length and the elements of s.
func array[T any](e *encoder, s []T) {
	var zero T
	kind, _ := kindOf(zero)
	e.uint32(kind)
	e.uint64(uint64(len(s)))
	for _, v := range s {
		e.value(v)
	}
}
