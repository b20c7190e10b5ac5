package repo

import (
	"os"
	"path/filepath"
	"testing"
)

// Models are part of every clone, so all of them together stay small.
func TestSizeOfTheModels(t *testing.T) {
	const most = 8_500_000
	found, total := 0, int64(0)
	for _, file := range files(t) {
		if filepath.Ext(file) != ".gguf" {
			continue
		}
		info, err := os.Stat(filepath.Join(root, file))
		if err != nil {
			t.Fatal(err)
		}
		found++
		total += info.Size()
	}
	if found == 0 || total > most {
		t.Errorf("%d .gguf files of %d bytes together, want at least models/keyfold.gguf and at most %d bytes", found, total, most)
	}
}
