package main

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"testing"
)

// module returns a module with a section of code, these data segments and a
// section after them.
func module(data []byte) []byte {
	m := append([]byte(header), 10, 2, 0xaa, 0xbb, dataID, byte(len(data)))
	return append(append(m, data...), 0, 1, 0xcc)
}

// The bytes are worked out by hand. 63 is the largest address of one byte: 64
// has the bit of the sign.
func TestJoin(t *testing.T) {
	for _, c := range []struct{ name, data, want string }{
		{"none", "\x00", "\x00"},
		{"one", "\x01\x00\x41\x3f\x0b\x02ab", "\x01\x00\x41\x3f\x0b\x02ab"},
		{"near", "\x02\x00\x41\x08\x0b\x02ab\x00\x41\x0d\x0b\x01c", "\x01\x00\x41\x08\x0b\x06ab\x00\x00\x00c"},
		{"touching", "\x02\x00\x41\x08\x0b\x02ab\x00\x41\x0a\x0b\x01c", "\x01\x00\x41\x08\x0b\x03abc"},
		{"64 zeros between", "\x02\x00\x41\x00\x0b\x01a\x00\x41\xc1\x00\x0b\x01c",
			"\x01\x00\x41\x00\x0b\x42a" + strings.Repeat("\x00", 64) + "c"},
		{"65 zeros between", "\x02\x00\x41\x00\x0b\x01a\x00\x41\xc2\x00\x0b\x01c",
			"\x02\x00\x41\x00\x0b\x01a\x00\x41\xc2\x00\x0b\x01c"},
		{"not in order", "\x02\x00\x41\xc0\x00\x0b\x01c\x00\x41\x3d\x0b\x02ab", "\x01\x00\x41\x3d\x0b\x04ab\x00c"},
	} {
		got, err := join(module([]byte(c.data)))
		if err != nil || !bytes.Equal(got, module([]byte(c.want))) {
			t.Errorf("%s: %x (%v), want %x", c.name, got, err, module([]byte(c.want)))
		}
	}
}

func TestJoinRefuses(t *testing.T) {
	good := string(module([]byte("\x01\x00\x41\x08\x0b\x02ab")))
	for _, c := range []struct{ module, want string }{
		{"", "not a wasm module"},
		{strings.Replace(good, "\x01", "\x02", 1), "not a wasm module"},
		{good + "\x0b", "want a number"},
		{good + "\x0b\x05abc", "3 bytes are left, want 5"},
		{string(module([]byte("\x01\x01\x02ab"))), "data segment 0 is of kind 1"},
		{string(module([]byte("\x01\x00\x41\x78\x0b\x02ab"))), "41 78 0b, want a constant"},
		{string(module([]byte("\x01\x00\x23\x08\x0b\x02ab"))), "23 08 0b, want a constant"},
		{string(module([]byte("\x01\x00\x41\x08\x0b\x09ab"))), "2 bytes are left, want 9"},
		{string(module([]byte("\x02\x00\x41\x08\x0b\x02ab\x00\x41\x09\x0b\x01c"))), "ends at 10, another begins at 9"},
	} {
		if _, err := join([]byte(c.module)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%x: %v, want %q", c.module, err, c.want)
		}
	}
}

// Whatever the segments, the memory is the same: it is spelled out here.
func TestJoinKeepsMemory(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	memory := func(list []segment) []byte {
		m := make([]byte, 1<<20)
		for _, s := range list {
			copy(m[s.address:], s.data)
		}
		return m
	}
	for range 20 {
		var list []segment
		for at := rng.IntN(1 << 14); len(list) < 200; at += 1 + rng.IntN(2*mostZeros) {
			s := segment{at, make([]byte, rng.IntN(300))}
			for i := range s.data {
				s.data[i] = byte(rng.IntN(3))
			}
			list = append(list, s)
			at = s.end()
		}
		rng.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
		joined, err := segments(encode(list))
		if err != nil {
			t.Fatal(err)
		}
		if len(joined) > 150 || !bytes.Equal(memory(joined), memory(list)) {
			t.Errorf("200 segments became %d that hold something else, or too many", len(joined))
		}
	}
}
