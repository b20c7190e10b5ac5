package tokenizer

import "fmt"

// metadata reads typed values out of the map and keeps the first error.
type metadata struct {
	meta map[string]any
	err  error
}

func (m *metadata) value(key string) any { return m.meta["tokenizer.ggml."+key] }

// wrong records that the value of key cannot be used.
func (m *metadata) wrong(key string, v any, want string) {
	if m.err != nil {
		return
	}
	if v == nil {
		m.err = fmt.Errorf("the file holds no tokenizer.ggml.%s, want %s", key, want)
		return
	}
	m.err = fmt.Errorf("tokenizer.ggml.%s is of type %T, want %s", key, v, want)
}

func (m *metadata) text(key, absent string) string {
	v := m.value(key)
	if v == nil {
		return absent
	}
	s, ok := v.(string)
	if !ok {
		m.wrong(key, v, "a string")
	}
	return s
}

func (m *metadata) texts(key string) []string {
	v := m.value(key)
	s, ok := v.([]string)
	if !ok {
		m.wrong(key, v, "an array of strings")
	}
	return s
}

func (m *metadata) flag(key string, absent bool) bool {
	v := m.value(key)
	if v == nil {
		return absent
	}
	b, ok := v.(bool)
	if !ok {
		m.wrong(key, v, "a bool")
	}
	return b
}

func (m *metadata) floats(key string) []float32 {
	switch v := m.value(key).(type) {
	case []float32:
		return v
	case []float64:
		out := make([]float32, len(v))
		for i, x := range v {
			out[i] = float32(x)
		}
		return out
	default:
		m.wrong(key, v, "an array of floats")
		return nil
	}
}

// types reads token_type for n tokens; all are normal where it is absent.
func (m *metadata) types(n int) []tokenType {
	v := m.value("token_type")
	out := make([]tokenType, n)
	if v == nil {
		for i := range out {
			out[i] = normalToken
		}
		return out
	}
	ints, ok := toInts(v)
	if !ok {
		m.wrong("token_type", v, "an array of integers")
		return out
	}
	if len(ints) != n && m.err == nil {
		m.err = fmt.Errorf("tokenizer.ggml.token_type holds %d entries for %d tokens, "+
			"want one each", len(ints), n)
	}
	for i, x := range ints[:min(n, len(ints))] {
		if x == 0 { // the type of a token that nobody gave one
			x = int64(normalToken)
		}
		if x < int64(normalToken) || x > int64(byteToken) {
			if m.err == nil {
				m.err = fmt.Errorf("token %d has type %d, want 1 to 6", i, x)
			}
			return out
		}
		out[i] = tokenType(x)
	}
	return out
}

// id reads a token id below n; -1 where it is absent or all bits are set, which means the same.
func (m *metadata) id(key string, n int) int {
	v := m.value(key)
	if v == nil {
		return -1
	}
	x, ok := toInt(v)
	if !ok {
		m.wrong(key, v, "an integer")
		return -1
	}
	const allBits = 1<<32 - 1
	if x == -1 || x == allBits {
		return -1
	}
	if x < 0 || x >= int64(n) {
		if m.err == nil {
			m.err = fmt.Errorf("tokenizer.ggml.%s is %d, want 0 to %d", key, x, n-1)
		}
		return -1
	}
	return int(x)
}

// toInt reads an integer of any of Go's types. A uint64 above the range of int64 comes out negative
// and is refused by the caller as every other id out of range.
func toInt(v any) (int64, bool) {
	switch x := v.(type) {
	case uint8:
		return int64(x), true
	case uint16:
		return int64(x), true
	case uint32:
		return int64(x), true
	case uint64:
		return int64(x), true
	case int8:
		return int64(x), true
	case int16:
		return int64(x), true
	case int32:
		return int64(x), true
	case int64:
		return x, true
	case int:
		return int64(x), true
	}
	return 0, false
}

// toInts reads an array of integers.
func toInts(v any) ([]int64, bool) {
	switch x := v.(type) {
	case []int32:
		return widen(x), true
	case []uint32:
		return widen(x), true
	case []int64:
		return x, true
	case []uint64:
		return widen(x), true
	case []int:
		return widen(x), true
	case []int8:
		return widen(x), true
	case []uint8:
		return widen(x), true
	case []int16:
		return widen(x), true
	case []uint16:
		return widen(x), true
	}
	return nil, false
}

func widen[T int | int8 | int16 | int32 | uint8 | uint16 | uint32 | uint64](xs []T) []int64 {
	out := make([]int64, len(xs))
	for i, x := range xs {
		out[i] = int64(x)
	}
	return out
}
