//go:build !js

package main

import (
	"encoding/json"
	"io"
	"os"
	"path/filepath"
)

// writeJSON writes a report to a file, or to standard output if path is "-".
func writeJSON(t terminal, path string, report any) error {
	encode := func(w io.Writer) error {
		enc := json.NewEncoder(w)
		enc.SetIndent("", " ")
		return enc.Encode(report)
	}
	if path == "-" {
		return encode(t.out)
	}
	return writeFile(path, encode)
}

// writeFile writes a file completely or not at all: an existing one is
// replaced once the new one is written.
func writeFile(path string, write func(w io.Writer) error) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			f.Close()
			os.Remove(f.Name())
		}
	}()
	if err := f.Chmod(0o644); err != nil {
		return err
	}
	if err := write(f); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
