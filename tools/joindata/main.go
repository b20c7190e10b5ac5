// Command joindata makes a wasm module that Go has linked smaller after gzip.
// Go leaves out every run of eight zeros or more from the memory that the
// program begins with, and so writes some 73,000 segments of 16 bytes, each
// with its address. Zeros cost gzip almost nothing, addresses cost it two bytes
// each: with the zeros written out the page's module is 123 kB smaller after
// gzip, though 730 kB larger before, and starts sooner.
//
//	joindata FILE
package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"log"
	"os"
	"slices"
)

func main() {
	log.SetFlags(0)
	log.SetPrefix("joindata: ")
	if len(os.Args) != 2 {
		log.Fatal("usage: joindata FILE")
	}
	if err := rewrite(os.Args[1]); err != nil {
		log.Fatal(err)
	}
}

// rewrite joins the data segments of a file, in its place.
func rewrite(path string) error {
	module, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	joined, err := join(module)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return os.WriteFile(path, joined, 0o644)
}

const (
	header    = "\x00asm\x01\x00\x00\x00" // magic number and version of every module
	dataID    = 11                        // of the section with the data segments
	i32Const  = 0x41
	end       = 0x0b
	signBit   = 0x40 // of the last byte of a number that has a sign
	mostZeros = 64   // longer runs stay out: more saves nothing after gzip
)

// join returns a module that begins with the same memory, written in as few
// segments as have more than mostZeros zeros between them. All other sections
// stay as they are. Source: WebAssembly 1.0, sections 5.5.2 and 5.5.14.
func join(module []byte) ([]byte, error) {
	if len(module) < len(header) || string(module[:len(header)]) != header {
		return nil, errors.New("is not a wasm module of version 1")
	}
	out := []byte(header)
	for r := (reader{rest: module[len(header):]}); len(r.rest) > 0; {
		id := r.bytes(1)
		section := r.bytes(r.number())
		if r.err != nil {
			return nil, r.err
		}
		if id[0] == dataID {
			list, err := segments(section)
			if err != nil {
				return nil, err
			}
			section = encode(list)
		}
		out = append(out, id[0])
		out = binary.AppendUvarint(out, uint64(len(section)))
		out = append(out, section...)
	}
	return out, nil
}

// segment is what the memory holds from an address on before the program runs.
type segment struct {
	address int
	data    []byte
}

func (s segment) end() int { return s.address + len(s.data) }

// segments reads a data section and returns its joined segments, by address.
func segments(section []byte) ([]segment, error) {
	r := reader{rest: section}
	var list []segment
	for range r.number() {
		if memory := r.bytes(1); r.err == nil && memory[0] != 0 {
			return nil, fmt.Errorf("data segment %d is of kind %d, want 0: data at an address", len(list), memory[0])
		}
		address := r.address()
		data := r.bytes(r.number())
		if r.err != nil {
			return nil, r.err
		}
		list = append(list, segment{address, data})
	}
	if r.err != nil || len(list) == 0 {
		return nil, r.err
	}
	slices.SortFunc(list, func(a, b segment) int { return a.address - b.address })

	joined := []segment{{list[0].address, slices.Clone(list[0].data)}}
	for _, next := range list[1:] {
		last := &joined[len(joined)-1]
		switch gap := next.address - last.end(); {
		case gap < 0:
			return nil, fmt.Errorf("a data segment ends at %d, another begins at %d, want none to overlap", last.end(), next.address)
		case gap <= mostZeros:
			last.data = append(append(last.data, make([]byte, gap)...), next.data...)
		default:
			joined = append(joined, segment{next.address, slices.Clone(next.data)})
		}
	}
	return joined, nil
}

// encode returns the data section with these segments.
func encode(list []segment) []byte {
	out := binary.AppendUvarint(nil, uint64(len(list)))
	for _, s := range list {
		out = append(out, 0, i32Const)
		out = binary.AppendUvarint(out, uint64(s.address))
		if last := len(out) - 1; out[last]&signBit != 0 {
			out[last] |= 0x80
			out = append(out, 0)
		}
		out = append(out, end)
		out = binary.AppendUvarint(out, uint64(len(s.data)))
		out = append(out, s.data...)
	}
	return out
}

// reader takes apart what is left of a module. Its first error stays.
type reader struct {
	rest []byte
	err  error
}

// bytes returns the next n bytes.
func (r *reader) bytes(n int) []byte {
	if r.err == nil && (n < 0 || n > len(r.rest)) {
		r.err = fmt.Errorf("ends early: %d bytes are left, want %d", len(r.rest), n)
	}
	if r.err != nil {
		return nil
	}
	b := r.rest[:n]
	r.rest = r.rest[n:]
	return b
}

// number returns the next number without a sign, in LEB128.
func (r *reader) number() int {
	v, n := binary.Uvarint(r.rest)
	if r.err == nil && (n <= 0 || v >= 1<<32) {
		r.err = fmt.Errorf("want a number below 2^32 where %d bytes are left", len(r.rest))
	}
	if r.err != nil {
		return 0
	}
	r.rest = r.rest[n:]
	return int(v)
}

// address returns the address of a segment: an expression of one constant. As
// that has a sign, it is not negative if the last byte's bit for it is 0.
func (r *reader) address() int {
	op := r.bytes(1)
	constant := r.rest
	address := r.number()
	constant = constant[:len(constant)-len(r.rest)]
	stop := r.bytes(1)
	if r.err == nil && (op[0] != i32Const || stop[0] != end || constant[len(constant)-1]&signBit != 0) {
		r.err = fmt.Errorf("a data segment has the address %x %x %x, want a constant of 0 or more", op, constant, stop)
	}
	return address
}
