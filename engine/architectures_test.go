//go:build !js

package engine

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Logits of the architectures as transformers computed them, from Hugging Face folders and from the
// GGUF files of the same weights, where they have one: on both devices, token by token (the decode
// kernels) and in chunks (those of prefill). testdata/architectures.py made those here, and makes
// more for build/architectures.
func TestLogitsOfArchitectures(t *testing.T) {
	here := 0
	for _, pattern := range []string{"testdata/architectures/*", "../build/architectures/*", "../../shared/data/real/*"} {
		folders, err := filepath.Glob(filepath.FromSlash(pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, folder := range folders {
			if _, err := os.Stat(filepath.Join(folder, "config.json")); err != nil {
				continue
			}
			here++
			for _, file := range []string{"", "model.gguf"} {
				model := filepath.Join(folder, file)
				if _, err := os.Stat(model); err == nil {
					t.Run(strings.TrimSpace(filepath.Base(folder)+" "+file), func(t *testing.T) {
						eachDevice(t, func(t *testing.T, kind DeviceKind) { checkLogits(t, folder, model, kind) })
					})
				}
			}
		}
	}
	if here < 4 {
		t.Errorf("found %d models, want those of testdata at least", here)
	}
}

// checkLogits holds a model against the ids and logits of a folder.
func checkLogits(t *testing.T, folder, model string, kind DeviceKind) {
	data, err := os.ReadFile(filepath.Join(folder, "ids.json"))
	if err != nil {
		t.Fatal(err)
	}
	var text struct{ IDs []int }
	if err := json.Unmarshal(data, &text); err != nil {
		t.Fatal(err)
	}
	want := reference{path: filepath.Join(folder, "logits")}.floats(t, ".f32")
	bound := map[DeviceKind]float64{CPU: 1e-4, GPU: 1e-3}[kind]
	e := open(t, model, kind)
	for _, chunk := range []int{1, 7, DefaultChunk} {
		d, at := worst(e.allLogits(t, text.IDs, chunk, nil, 0), want)
		if d > bound {
			t.Errorf("chunk %d: logits differ by %g at %d, want at most %g", chunk, d, at, bound)
		}
		t.Logf("chunk %d: logits differ by %.2g", chunk, d)
	}
}
