//go:build !js

package models

import (
	"bytes"
	_ "embed"

	"keyfold/engine/checkpoint"
)

// Name is what the built-in model is called where a file could be named instead.
const Name = "keyfold"

// The page fetches the same file from its own folder, so the wasm module does
// not hold it.
//
//go:embed keyfold.gguf
var data []byte

// Open returns the built-in model, as if it were a GGUF file of that name. See
// README.md beside this file.
func Open() (*checkpoint.File, error) {
	return checkpoint.OpenGGUF(bytes.NewReader(data), int64(len(data)), Name)
}
