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
	if strings.EqualFold(filepath.Ext(path), ".safetensors") {
		return openFolder(fsys, dir, path, base)
	}
	src, closer, err := openSource(fsys, base, path)
	if err != nil {
		return nil, err
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
	var magic [4]byte
	if src.size < int64(len(magic)) {
		return nil, src.errorf("%d bytes, want a model", src.size)
	}
	if n, err := src.r.ReadAt(magic[:], 0); n < len(magic) {
		return nil, src.errorf("%w", err)
	}
	switch ext := filepath.Ext(src.name); {
	case string(magic[:]) == "GGUF":
		return OpenGGUF(src.r, src.size, src.name)
	case string(magic[:]) == "PK\x03\x04":
		return nil, src.errorf("a PyTorch (zip) file, want GGUF, safetensors or llama2.c")
	case strings.EqualFold(ext, ".gguf"):
		return nil, src.errorf("begins with %q, want \"GGUF\"", magic[:])
	case strings.EqualFold(ext, ".bin"):
		return OpenLlama2C(src.r, src.size, src.name)
	}
	return nil, src.errorf("begins with %q, want a GGUF file, *.safetensors or a llama2.c *.bin",
		magic[:])
}

// openSource opens one regular file of fsys; path stands for it in errors. The reader stays valid
// until the Closer is closed.
func openSource(fsys fs.FS, name, path string) (source, io.Closer, error) {
	src := source{name: path}
	file, err := fsys.Open(name)
	if err != nil {
		return src, nil, src.errorf("%w", bare(err))
	}
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
