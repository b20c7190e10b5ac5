//go:build !js

package checkpoint

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Open opens a model by its path:
//
//	a file that begins with "GGUF"            GGUF
//	a file named *.safetensors                safetensors, with config.json from the same folder
//	any other file named *.bin                llama2.c
//	a folder                                  config.json with model.safetensors, or with the
//	                                          shards of model.safetensors.index.json, or with
//	                                          the only *.safetensors there is
//
// The File keeps the files open until Close. A browser has no paths; there, see OpenGGUF.
func Open(path string) (*File, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, source{name: path}.errorf("%w", bare(err))
	}
	if info.IsDir() {
		return openFolder(os.DirFS(path), path, path, "")
	}
	dir, base := filepath.Split(path)
	fsys := os.DirFS(filepath.Clean("./" + dir))
	if filepath.IsAbs(path) {
		fsys = os.DirFS(dir)
	}
	src, closer, err := openPath(path)
	if err != nil {
		return nil, err
	}
	if strings.EqualFold(filepath.Ext(path), ".safetensors") && !hasMagic(src, "GGUF") {
		closer.Close()
		return openFolder(fsys, dir, path, base)
	}
	f, err := openFile(src)
	if err != nil {
		closer.Close()
		return nil, err
	}
	f.close = append(f.close, closer)
	return f, nil
}

// openFile opens a GGUF or llama2.c file.
func openFile(src source) (*File, error) {
	switch ext := strings.ToLower(filepath.Ext(src.name)); {
	case hasMagic(src, "GGUF"):
		return OpenGGUF(src.r, src.size, src.name)
	case ext == ".gguf":
		return nil, src.errorf("%s, want a GGUF file", whatIs(src))
	case ext == ".bin" && !foreign(src):
		return OpenLlama2C(src.r, src.size, src.name)
	}
	return nil, src.errorf("%s, want a GGUF file, *.safetensors or a llama2.c *.bin", whatIs(src))
}

// hasMagic reports whether a file begins with these bytes.
func hasMagic(src source, magic string) bool {
	head := make([]byte, len(magic))
	n, _ := src.r.ReadAt(head, 0)
	return string(head[:n]) == magic
}

// foreign reports whether a file is known to be something else than a model of llama2.c, which
// begins with no fixed bytes.
func foreign(src source) bool { return !strings.HasPrefix(whatIs(src), "begins with") }

// openSource opens one regular file of fsys; path stands for it in errors. The reader stays valid
// until the Closer is closed.
func openSource(fsys fs.FS, name, path string) (source, io.Closer, error) {
	file, err := fsys.Open(name)
	if err != nil {
		return source{}, nil, source{name: path}.errorf("%w", bare(err))
	}
	return newSource(file, path)
}

// openPath is openSource for a path, which may be no UTF-8, as names in a file system of Go must be.
func openPath(path string) (source, io.Closer, error) {
	file, err := os.Open(path)
	if err != nil {
		return source{}, nil, source{name: path}.errorf("%w", bare(err))
	}
	return newSource(file, path)
}

// newSource returns an open file as a source, if it is a regular one.
func newSource(file fs.File, path string) (source, io.Closer, error) {
	src := source{name: path}
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = errors.New("not a regular file")
	}
	r, ok := file.(io.ReaderAt)
	if err == nil && !ok {
		err = errors.New("cannot be read from any position")
	}
	if err != nil {
		file.Close()
		return src, nil, src.errorf("%w", bare(err))
	}
	src.r, src.size = r, info.Size()
	return src, file, nil
}

// bare takes the operation and the path off an error of the file system: our errors begin with the
// path anyway.
func bare(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}
