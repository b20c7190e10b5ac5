//go:build !js

package main

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"path/filepath"

	"keyfold/compress"
	"keyfold/internal/output"
)

// arrayWriter writes arrays of 32-bit elements and keeps its first error.
type arrayWriter struct {
	dir    string
	shapes map[string][]int
	err    error
}

// write writes values, a []float32 or []uint32, as an array of the given shape.
func (a *arrayWriter) write(name string, values any, shape ...int) {
	n := 1
	for _, d := range shape {
		n *= d
	}
	if size := binary.Size(values); size != 4*n {
		panic(fmt.Sprintf("BUG: %s has %d bytes, its shape %v wants %d", name, size, shape, 4*n))
	}
	if a.err != nil {
		return
	}
	a.shapes[name] = shape
	a.err = output.Write(filepath.Join(a.dir, name), nil, func(w io.Writer) error {
		buffered := bufio.NewWriter(w)
		if err := binary.Write(buffered, binary.LittleEndian, values); err != nil {
			return err
		}
		return buffered.Flush()
	})
}

// join puts the values of all heads one behind the other.
func join[T any](heads [][]T) []T {
	var all []T
	for _, values := range heads {
		all = append(all, values...)
	}
	return all
}

func perHead(s *compress.Signals, get func(compress.Head) []float32) []float32 {
	var all []float32
	for _, head := range s.Heads {
		all = append(all, get(head)...)
	}
	return all
}
