//go:build !js

package engine

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
)

// Logits of the architectures as transformers computed them: on both devices, token by token (the
// decode kernels) and in chunks (those of prefill).
func TestLogitsOfArchitectures(t *testing.T) {
	for _, name := range []string{"llama3-rope", "linear-rope", "qwen2", "qwen3", "mistral"} {
		t.Run(name, func(t *testing.T) {
			folder := sharedData(t, "real/"+name)
			eachDevice(t, func(t *testing.T, kind DeviceKind) { checkFolder(t, folder, kind) })
		})
	}
}

// checkFolder holds a Hugging Face folder against the ids and logits in it.
func checkFolder(t *testing.T, folder string, kind DeviceKind) {
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
	e := open(t, folder, kind)
	for _, chunk := range []int{1, 7, DefaultChunk} {
		d, at := worst(e.allLogits(t, text.IDs, chunk, nil, 0), want)
		if d > bound {
			t.Errorf("chunk %d: logits differ by %g at %d, want at most %g", chunk, d, at, bound)
		}
		t.Logf("chunk %d: logits differ by %.2g", chunk, d)
	}
}
