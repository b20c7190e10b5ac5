//go:build !js

package checkpoint

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
)

// A browser hashes with its own crypto.subtle: Go's would make the wasm module
// a fifth larger.

// SHA256 returns the hash of the file that holds the weights, in hex, by reading all of it. For a
// model in several files it is the hash of them one after the other in order of name, as of
// "cat model-*.safetensors"; config.json is not part of it.
func (f *File) SHA256() (string, error) {
	h := sha256.New()
	buf := make([]byte, 1<<20)
	for _, s := range f.sources {
		n, err := io.CopyBuffer(h, io.NewSectionReader(s.r, 0, s.size), buf)
		if err != nil {
			return "", s.errorf("byte %d: %w", n, err)
		}
		if n != s.size {
			return "", s.errorf("%d bytes, had %d when opened", n, s.size)
		}
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
