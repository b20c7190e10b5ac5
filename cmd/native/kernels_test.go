//go:build !js

package main

import (
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"keyfold/engine"
)

// The file holds what was saved, whatever was there before; what is no such file is
// no memory.
func TestKernelMemory(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "keyfold", "kernels.json")
	m := memoryIn(path)
	if got := m.Load(); got != nil {
		t.Errorf("without a file: %+v", got)
	}
	choices := []engine.Choice{{Device: "a", Task: "1 token, q8_0 (3, 4)", Sources: "5", Kernel: "matvec"}, {Device: "b"}}
	for _, before := range []string{"", "{", `[{"device": 3}]`, `[{"device": "c"}, 5]`, `"kernels"`, "null"} {
		if before != "" {
			if err := os.WriteFile(path, []byte(before), 0o644); err != nil {
				t.Fatal(err)
			}
			if got := m.Load(); got != nil {
				t.Errorf("%s: %+v", before, got)
			}
		}
		if err := m.Save(choices); err != nil {
			t.Fatal(err)
		}
		if got := m.Load(); !reflect.DeepEqual(got, choices) {
			t.Errorf("after %q: %+v, want %+v", before, got, choices)
		}
	}
	if files, err := os.ReadDir(filepath.Dir(path)); err != nil || len(files) != 1 {
		t.Errorf("%v, %v, want one file", files, err)
	}
	if err := memoryIn(filepath.Join(path, "below", "a.json")).Save(choices); err == nil {
		t.Error("saved below a file")
	}
}
