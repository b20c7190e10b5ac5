//go:build !js

package checkpoint

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"keyfold/engine/untrusted"
)

// A Description is what a model's files say of themselves, whether this program can run it or not.
// All of it is for people to read.
type Description struct {
	Format   string
	Settings [][2]string // metadata of a GGUF file, or config.json: name and value
	Tensors  []TensorLine
}

// TensorLine describes one tensor, as the file has it.
type TensorLine struct{ Name, Type, Shape string }

// Describe describes a GGUF file or a Hugging Face folder. Where the description breaks off it
// returns what there is beside the error.
func Describe(path string) (Description, error) {
	info, err := os.Stat(path)
	if err != nil {
		return Description{}, source{name: path}.errorf("%w", bare(err))
	}
	if info.IsDir() {
		return describeFolder(os.DirFS(path), path, "")
	}
	dir, base := filepath.Split(path)
	fsys := os.DirFS(filepath.Join(dir, "."))
	src, closer, err := openPath(path)
	if err != nil {
		return Description{}, err
	}
	defer closer.Close()
	switch {
	case hasMagic(src, "GGUF"):
		return describeGGUF(src)
	case strings.EqualFold(filepath.Ext(path), ".safetensors"):
		return describeFolder(fsys, dir, base)
	}
	return Description{}, src.errorf("%s", whatIs(src))
}

// describeGGUF reads the metadata and the tensor table of any GGUF file.
func describeGGUF(src source) (Description, error) {
	d := newDecoder(src)
	version, n, meta := d.header()
	desc := Description{Format: ggufFormat(version)}
	for _, key := range slices.Sorted(maps.Keys(meta)) {
		desc.Settings = append(desc.Settings, [2]string{untrusted.Name(key), short(meta[key])})
	}
	for range n {
		e := d.entry()
		if d.err != nil {
			break
		}
		slices.Reverse(e.dims)
		desc.Tensors = append(desc.Tensors, TensorLine{untrusted.Name(e.name), ggmlName(e.typ), dimensions(e.dims)})
	}
	return desc, d.err
}

// short renders a value of metadata on a part of a line.
func short(v any) string {
	switch v := v.(type) {
	case string:
		return untrusted.Name(v)
	case []string:
		return fmt.Sprintf("%d strings", len(v))
	}
	text := fmt.Sprint(v)
	if strings.HasPrefix(text, "[") && len(text) > 80 {
		return fmt.Sprintf("%T of %d", v, strings.Count(text, " ")+1)
	}
	return untrusted.Name(text)
}

// dimensions renders a shape, rows first.
func dimensions(dims []uint64) string {
	if len(dims) > 8 {
		return few(dims)
	}
	return "(" + strings.ReplaceAll(strings.Trim(fmt.Sprint(dims), "[]"), " ", ", ") + ")"
}

// describeFolder reads config.json and the headers of the safetensors files of a folder, or of one
// of them.
func describeFolder(fsys fs.FS, dir, file string) (Description, error) {
	desc := Description{Format: "safetensors"}
	at := func(name string) string { return filepath.Join(dir, name) }
	config, err := readSmall(fsys, "config.json", at("config.json"))
	if err != nil {
		return desc, err
	}
	err = object(config, func(key string, value json.RawMessage) error {
		desc.Settings = append(desc.Settings, [2]string{untrusted.Name(key), untrusted.Name(strings.Join(strings.Fields(string(value)), " "))})
		return nil
	})
	if err != nil {
		return desc, source{name: at("config.json")}.errorf("%w", err)
	}
	files := []string{file}
	if file == "" {
		files = others(fsys, ".safetensors")
	}
	for _, name := range files {
		src, closer, err := openSource(fsys, name, at(name))
		if err != nil {
			return desc, err
		}
		err = describeSafetensors(src, &desc)
		closer.Close()
		if err != nil {
			return desc, err
		}
	}
	return desc, nil
}

// describeSafetensors adds the tensors of a file.
func describeSafetensors(src source, desc *Description) error {
	var b [8]byte
	if n, err := src.r.ReadAt(b[:], 0); n < len(b) {
		return src.errorf("header: %w", err)
	}
	n := binary.LittleEndian.Uint64(b[:])
	if n > uint64(max(src.size-8, 0)) || n > 100_000_000 {
		return src.errorf("%s", whatIs(src))
	}
	header := make([]byte, n)
	if n, err := src.r.ReadAt(header, 8); n < len(header) {
		return src.errorf("header: %w", err)
	}
	err := object(header, func(name string, value json.RawMessage) error {
		var e entry
		if name != "__metadata__" && json.Unmarshal(value, &e) == nil {
			desc.Tensors = append(desc.Tensors, TensorLine{untrusted.Name(name), untrusted.Name(e.Dtype), dimensions(e.Shape)})
		}
		return nil
	})
	if err != nil {
		return src.errorf("%w", err)
	}
	return nil
}
