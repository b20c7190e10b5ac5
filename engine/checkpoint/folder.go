//go:build !js

package checkpoint

import (
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
)

// noConfig is the error for a folder without config.json: what else there is that could be meant,
// or err.
func noConfig(fsys fs.FS, path string, err error) error {
	if found := others(fsys, ".gguf"); len(found) > 0 {
		return source{name: path}.errorf("a folder with %s; name that file", list(found))
	}
	if found := others(fsys, ".safetensors"); len(found) > 0 {
		return source{name: path}.errorf("there is no config.json, which %s needs beside it", list(found))
	}
	if found := others(fsys, ".bin", ".pth", ".pt", ".ckpt"); len(found) > 0 {
		return source{name: path}.errorf("a folder with %s, which is PyTorch's or llama2.c's; "+
			"a folder needs config.json and *.safetensors, a llama2.c model is named by its file", list(found))
	}
	if found := others(fsys, ".model"); len(found) > 0 {
		return source{name: path}.errorf("a folder with %s, a vocabulary, and no weights", list(found))
	}
	return err
}

// noWeights is the error for a folder with config.json and not one set of safetensors.
func noWeights(fsys fs.FS, dir string, files []string) error {
	src := source{name: filepath.Clean(dir)}
	want := fmt.Sprintf("want one, model.safetensors or %s", indexName)
	if len(files) > 0 {
		return src.errorf("holds %d *.safetensors files (%s), %s", len(files), list(files), want)
	}
	if found := others(fsys, ".gguf"); len(found) > 0 {
		return src.errorf("holds no *.safetensors file, but %s; name that file", list(found))
	}
	if found := others(fsys, ".bin", ".pth", ".pt", ".ckpt"); len(found) > 0 {
		return src.errorf("holds no *.safetensors file, but %s, which is PyTorch's; "+
			"transformers' save_pretrained writes safetensors", list(found))
	}
	return src.errorf("holds no *.safetensors file, %s", want)
}

// others returns the files of a folder with one of these extensions.
func others(fsys fs.FS, extensions ...string) []string {
	entries, err := fs.ReadDir(fsys, ".")
	if err != nil {
		return nil
	}
	var found []string
	for _, e := range entries {
		for _, ext := range extensions {
			if !e.IsDir() && strings.EqualFold(filepath.Ext(e.Name()), ext) {
				found = append(found, e.Name())
			}
		}
	}
	return found
}

// list names some files, and counts the rest.
func list(files []string) string {
	const most = 3
	var names []string
	for _, f := range files[:min(most, len(files))] {
		names = append(names, plain(f))
	}
	text := strings.Join(names, ", ")
	if more := len(files) - len(names); more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}
