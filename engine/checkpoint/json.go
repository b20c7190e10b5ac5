//go:build !js

package checkpoint

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"keyfold/engine/untrusted"
	"keyfold/internal/textfile"
)

// indexName is the file that says which shard holds which tensor.
const indexName = "model.safetensors.index.json"

// object calls visit for each member of the one JSON object in data, in order. Unlike
// json.Unmarshal it refuses a key that occurs twice, since readers would not agree on which counts.
func object(data []byte, visit func(key string, value json.RawMessage) error) error {
	d := json.NewDecoder(bytes.NewReader(data))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		if kind := untrusted.Kind(data[:min(len(data), untrusted.HeadBytes)]); kind != "" {
			return fmt.Errorf("%s, want a JSON object", kind)
		}
		return errors.New("does not begin with a JSON object")
	}
	seen := make(map[string]bool)
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return fmt.Errorf("JSON, byte %d: %w", d.InputOffset(), err)
		}
		key := t.(string) // the decoder lets nothing else stand here
		if seen[key] {
			return fmt.Errorf("JSON, byte %d: %s occurs twice", d.InputOffset(), plain(key))
		}
		seen[key] = true
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return fmt.Errorf("JSON, byte %d: %w", d.InputOffset(), err)
		}
		if err := visit(key, value); err != nil {
			return err
		}
	}
	if _, err := d.Token(); err != nil {
		return fmt.Errorf("JSON, byte %d: %w", d.InputOffset(), err)
	}
	end := d.InputOffset()
	if _, err := d.Token(); err != io.EOF {
		return fmt.Errorf("JSON, byte %d: more text after the object", end)
	}
	return nil
}

// readSmall reads a JSON file of at most 64 MiB. path stands for it in errors.
func readSmall(fsys fs.FS, name, path string) ([]byte, error) {
	const limit = 64 << 20
	src, closer, err := openSource(fsys, name, path)
	if err != nil {
		return nil, err
	}
	defer closer.Close()
	if src.size > limit {
		return nil, src.errorf("%d bytes, want at limit %d", src.size, limit)
	}
	data := make([]byte, src.size)
	if n, err := src.r.ReadAt(data, 0); n < len(data) {
		return nil, src.errorf("%w", err)
	}
	text, err := textfile.UTF8(data)
	if err != nil {
		if kind := untrusted.Kind(data[:min(len(data), untrusted.HeadBytes)]); kind != "" && kind != untrusted.JSON {
			return nil, src.errorf("%s, want a JSON object", kind)
		}
		return nil, src.errorf("%w", err)
	}
	return text, nil
}

// findShards decides which safetensors files make up the model. With file given it is that one
// alone; otherwise see openFolder. index maps tensors to files where the folder has an index.
func findShards(fsys fs.FS, dir, file string) (index map[string]string, files []string, err error) {
	at := func(name string) source { return source{name: filepath.Join(dir, name)} }
	exists := func(name string) bool { _, err := fs.Stat(fsys, name); return err == nil }
	switch {
	case file != "":
		if exists(indexName) && strings.Contains(file, "-of-") {
			return nil, nil, at(file).errorf("one part of several, open its folder instead")
		}
		return nil, []string{file}, nil
	case exists("model.safetensors"):
		return nil, []string{"model.safetensors"}, nil
	case !exists(indexName):
		files, err = fs.Glob(fsys, "*.safetensors")
		if err != nil || len(files) != 1 {
			return nil, nil, noWeights(fsys, dir, files)
		}
		return nil, files, nil
	}
	data, err := readSmall(fsys, indexName, at(indexName).name)
	if err != nil {
		return nil, nil, err
	}
	if index, err = parseIndex(data); err != nil {
		return nil, nil, at(indexName).errorf("%w", err)
	}
	for _, name := range index {
		if !slices.Contains(files, name) {
			files = append(files, name)
		}
		if len(files) > 1000 {
			return nil, nil, at(indexName).errorf("names more than 1000 files")
		}
	}
	slices.Sort(files)
	for _, name := range files {
		if _, err := fs.Stat(fsys, name); err != nil {
			return nil, nil, at(indexName).errorf("names %s: %w", plain(name), bare(err))
		}
	}
	return index, files, nil
}

// parseIndex reads {"weight_map": {tensor: file, ...}, ...}. The files must lie in the same folder.
func parseIndex(data []byte) (map[string]string, error) {
	index := make(map[string]string)
	err := object(data, func(key string, value json.RawMessage) error {
		if key != "weight_map" {
			return nil // "metadata" holds sizes, which the shards themselves say
		}
		err := object(value, func(tensor string, value json.RawMessage) error {
			var file string
			if err := json.Unmarshal(value, &file); err != nil {
				return fmt.Errorf("tensor %s: %w", plain(tensor), err)
			}
			file = strings.TrimPrefix(file, "./")
			if strings.ContainsAny(file, `/\:`) || !strings.HasSuffix(file, ".safetensors") {
				return fmt.Errorf("tensor %s is in %s, "+
					"want a *.safetensors file of the same folder",
					plain(tensor), plain(file))
			}
			index[tensor] = file
			return nil
		})
		if err != nil {
			return fmt.Errorf("weight_map: %w", err)
		}
		return nil
	})
	if err == nil && len(index) == 0 {
		err = errors.New("weight_map names no tensors")
	}
	return index, err
}
