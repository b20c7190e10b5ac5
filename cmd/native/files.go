//go:build !js

package main

import (
	"encoding/json"
	"io"
	"slices"

	"keyfold/internal/output"
	"keyfold/models"
)

// named is a path with the option that gave it; "" is none.
func named(option, path string) output.Named { return output.Named{Option: option, Path: path} }

// inputs are the files that the flags name, which no output may be.
func (m *modelFlags) inputs(more ...output.Named) []output.Named {
	if m.model != models.Name {
		more = append(more, named("-model", m.model))
	}
	return append(more, named("-tokenizer", m.tokenizer))
}

// besides is where a command prints for people: standard output, or standard error
// where one of its outputs is that.
func (t terminal) besides(outputs ...string) io.Writer {
	if slices.ContainsFunc(outputs, output.IsStdout) {
		return t.err
	}
	return t.out
}

// write gives an output its content; without a path there is none.
func (t terminal) write(path string, write func(io.Writer) error) error {
	if path == "" {
		return nil
	}
	return output.Write(path, t.out, write)
}

// writeJSON gives an output a report.
func (t terminal) writeJSON(path string, report any) error {
	return t.write(path, func(w io.Writer) error {
		enc := json.NewEncoder(w)
		enc.SetIndent("", " ")
		return enc.Encode(report)
	})
}

// A watched writer keeps its first error, for printing that does not look at it.
type watched struct {
	io.Writer
	err error
}

func (w *watched) Write(p []byte) (int, error) {
	n, err := w.Writer.Write(p)
	if w.err == nil {
		w.err = err
	}
	return n, err
}
