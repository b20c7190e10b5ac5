//go:build !js

package main

import (
	"encoding/json"
	"os"
	"path/filepath"

	"keyfold/engine"
)

// kernelMemory keeps which kernels are fastest in the user's cache folder. Where
// the system names none there is no memory.
func kernelMemory() *engine.Memory {
	folder, err := os.UserCacheDir()
	if err != nil {
		return nil
	}
	return memoryIn(filepath.Join(folder, "keyfold", "kernels.json"))
}

// memoryIn keeps it in a file. One that cannot be read, or holds something else, is
// none, and replaced.
func memoryIn(path string) *engine.Memory {
	return &engine.Memory{
		Load: func() (known []engine.Choice) {
			data, err := os.ReadFile(path)
			if err != nil || json.Unmarshal(data, &known) != nil {
				return nil
			}
			return known
		},
		Save: func(choices []engine.Choice) error {
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				return err
			}
			return writeJSON(terminal{}, path, choices)
		},
	}
}
