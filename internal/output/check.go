package output

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// A Named is a path with the option that gave it. An empty path is none.
type Named struct{ Option, Path string }

// String returns both as a command line has them.
func (n Named) String() string { return n.Option + " " + n.Path }

// Check fails if one of the outputs could not be written in the end, if two of
// them are the same file, or if one is an input. Nothing is changed by it.
func Check(outputs, inputs []Named) error {
	var named []Named
	var targets []target
	for _, out := range outputs {
		if out.Path == "" {
			continue
		}
		t, err := find(out.Path)
		if err == nil {
			err = t.check(out.Path)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", out, err)
		}
		if t.isRedirected() {
			return fmt.Errorf("%s is where standard output goes; %s is for that", out, Stdout)
		}
		for i, other := range targets {
			if t.collides(other) {
				return fmt.Errorf("%s and %s are the same", named[i], out)
			}
		}
		for _, in := range inputs {
			if t.isInput(in.Path) {
				return fmt.Errorf("%s is what %s reads", out, in)
			}
		}
		named, targets = append(named, out), append(targets, t)
	}
	return nil
}

// check fails if nothing can be written to the target. path is what was given.
func (t target) check(path string) error {
	switch {
	case t.kind == stdout || t.kind == stderr:
		return nil
	case !t.exists():
		return t.checkFolder(path)
	case t.info.IsDir():
		return errors.New("is a folder, want a file")
	case t.info.Mode()&fs.ModeSocket != 0:
		return errors.New("is a socket, which takes no file")
	case t.info.Mode()&fs.ModeNamedPipe != 0:
		return nil // opening it would tell its reader that all is written
	}
	f, err := os.OpenFile(t.path, os.O_WRONLY, 0)
	if err != nil {
		return reason(err)
	}
	if err := f.Close(); err != nil {
		return reason(err)
	}
	if t.kind == replaced {
		return t.checkFolder(path)
	}
	return nil
}

// checkFolder fails if the target's folder takes no file.
func (t target) checkFolder(path string) error {
	if os.IsPathSeparator(path[len(path)-1]) {
		return errors.New("is a folder's name, want a file")
	}
	folder := filepath.Dir(t.path)
	switch info, err := os.Stat(folder); {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("there is no folder %s", folder)
	case err != nil:
		return reason(err)
	case !info.IsDir():
		return fmt.Errorf("%s is not a folder", folder)
	}
	f, err := t.beside()
	if err != nil {
		return fmt.Errorf("the folder %s takes no file: %w", folder, reason(err))
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}

// reason returns an error without the operation and the path, which its reader
// knows.
func reason(err error) error {
	var pathErr *fs.PathError
	if errors.As(err, &pathErr) {
		return pathErr.Err
	}
	return err
}

// collides reports whether one of two outputs would take the other's place.
// Devices take any number.
func (t target) collides(other target) bool {
	switch {
	case t.kind == stdout || other.kind == stdout || t.kind == stderr || other.kind == stderr:
		return t.kind == stdout && other.kind == stdout
	case t.exists() != other.exists():
		return false
	case t.exists():
		return t.info.Mode()&fs.ModeDevice == 0 && os.SameFile(t.info, other.info)
	}
	first, err1 := filepath.Abs(t.path)
	second, err2 := filepath.Abs(other.path)
	return err1 == nil && err2 == nil && first == second
}

// isRedirected reports whether the target is a file that standard output was
// redirected to: its text would be lost with the file that it is in.
func (t target) isRedirected() bool {
	info, err := os.Stdout.Stat()
	return err == nil && t.exists() && t.kind != stdout && info.Mode().IsRegular() && os.SameFile(info, t.info)
}

// isInput reports whether the target is a file that is read, or one of a folder
// that is read as a whole.
func (t target) isInput(path string) bool {
	info, err := os.Stat(path)
	if path == "" || err != nil || !t.exists() {
		return false
	}
	if !info.IsDir() {
		return t.info.Mode()&fs.ModeDevice == 0 && os.SameFile(t.info, info)
	}
	folder, err := os.Stat(filepath.Dir(t.path))
	return err == nil && os.SameFile(folder, info) && ofModel(filepath.Base(t.path))
}

// ofModel reports whether a file of this name in a model's folder is a part of it.
func ofModel(name string) bool {
	switch filepath.Ext(name) {
	case ".safetensors", ".gguf", ".bin", ".model":
		return true
	}
	return name == "config.json" || strings.HasPrefix(name, "tokenizer") || strings.HasSuffix(name, "_config.json") ||
		strings.HasSuffix(name, ".index.json")
}

// CheckFolder fails if a folder cannot be made, or takes no files.
func CheckFolder(option, path string) error {
	said := func(err error) error { return fmt.Errorf("%s %s: %w", option, path, err) }
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		above := filepath.Dir(filepath.Clean(path))
		for above != filepath.Dir(above) {
			if _, err := os.Stat(above); err == nil {
				break
			}
			above = filepath.Dir(above)
		}
		path = filepath.Join(above, "new")
	case err != nil:
		return said(reason(err))
	case !info.IsDir():
		return said(errors.New("is not a folder"))
	default:
		path = filepath.Join(path, "new")
	}
	if err := (target{path: path}).checkFolder(path); err != nil {
		return said(err)
	}
	return nil
}
