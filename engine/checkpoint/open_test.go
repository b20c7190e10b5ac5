//go:build !js

package checkpoint

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Open finds the files by path, with every way that a user can name them.
func TestOpenByPath(t *testing.T) {
	dir := t.TempDir()
	m := newToy(llama2cConfig(), false)
	write := func(name string, b []byte) string {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, b, 0o666); err != nil {
			t.Fatal(err)
		}
		return path
	}
	write("hf/config.json", []byte(m.config(nil)))
	weights := write("hf/weights.safetensors", writeSafetensors(m.safetensors(F32)))
	shards := filepath.Join(dir, "shards")
	for name, text := range sharded(m) {
		write("shards/"+name, []byte(text))
	}
	for _, tc := range []struct{ path, format, model string }{
		{write("toy-1.gguf", m.gguf(t, F32)), "GGUF v3", "toy"},
		{write("blob", m.gguf(t, F32)), "GGUF v3", "toy"},
		{write("stories.bin", m.llama2c()), "llama2.c", "stories"},
		{weights, "safetensors", "weights"},
		{filepath.Dir(weights), "safetensors", "hf"},
		{shards, "safetensors", "shards"},
	} {
		f, err := Open(tc.path)
		if err != nil {
			t.Error(err)
			continue
		}
		typ := F32
		if tc.path == shards {
			typ = F16
		}
		wantToy(t, f, m, typ)
		if f.Format != tc.format || f.Model != tc.model || f.Name != tc.path {
			t.Errorf("%s: Format %q, Model %q, Name %q", tc.path, f.Format, f.Model, f.Name)
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
		embd, _ := f.Tensor("token_embd.weight")
		if err := f.ReadRows(embd, 0, 1, make([]byte, embd.Type.RowBytes(embd.Cols))); err == nil {
			t.Errorf("%s: can be read after Close", tc.path)
		}
	}

	part := filepath.Join(shards, "model-00001-of-00002.safetensors")
	torch := write("pytorch_model.bin", []byte("PK\x03\x04...."))
	text := write("notes.txt", []byte("hello there"))
	gguf := write("bad.gguf", []byte("hello there"))
	empty := write("empty.bin", nil)
	missing := filepath.Join(dir, "none.gguf")
	for path, want := range map[string]string{
		part:    "one part of several, open its folder instead",
		torch:   "a PyTorch or other zip file, want a GGUF file, *.safetensors or a llama2.c *.bin",
		text:    `begins with "hell", want a GGUF file, *.safetensors or a llama2.c *.bin`,
		gguf:    `begins with "hell", want a GGUF file`,
		empty:   "an empty file, want a GGUF file, *.safetensors or a llama2.c *.bin",
		missing: "no such file or directory",
	} {
		_, err := Open(path)
		wantError(t, err, path+": "+want)
	}
	_, err := Open(dir)
	wantError(t, err, dir+": a folder with bad.gguf, toy-1.gguf; name that file")
	_, err = Open(t.TempDir())
	if err == nil || !strings.HasSuffix(err.Error(), "config.json: no such file or directory") {
		t.Errorf("an empty folder: %v", err)
	}

	// A relative path, which has no folder in front.
	t.Chdir(filepath.Dir(weights))
	for _, path := range []string{"weights.safetensors", ".", "../blob"} {
		f, err := Open(path)
		if err != nil {
			t.Error(err)
			continue
		}
		if f.Model != map[string]string{"weights.safetensors": "weights", ".": "hf", "../blob": "toy"}[path] {
			t.Errorf("%s: Model %q", path, f.Model)
		}
		f.Close()
	}
}
