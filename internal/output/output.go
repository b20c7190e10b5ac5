// Package output writes the files that a command is asked for.
//
// A path may name anything that can be written to. A regular file, or one that
// is not there yet, gets its new content at once when that is complete: from a
// temporary file beside it, through links, with the mode and the owner that it
// had. A device, a pipe or standard output is written to as it is.
package output

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// Stdout is the path that stands for standard output.
const Stdout = "-"

// A kind says how a target is written.
type kind int

const (
	replaced  kind = iota // a regular file, or none: by a new file of its name
	rewritten             // a regular file whose name cannot be given to another: in place
	sent                  // a pipe, a device or an open file: behind what it has
	stdout
	stderr
)

// A target is what a path leads to.
type target struct {
	path string // behind all links
	kind kind
	info fs.FileInfo // nil: it is not there yet
}

// exists reports whether there is something at the target.
func (t target) exists() bool { return t.info != nil }

// IsStdout reports whether a path is standard output's: "-", /dev/stdout and
// what else the system calls it.
func IsStdout(path string) bool {
	t, err := find(path)
	return err == nil && t.kind == stdout
}

// IsFile reports whether a path is that of a regular file, or could become one.
func IsFile(path string) bool {
	t, err := find(path)
	return err == nil && (t.kind == replaced || t.kind == rewritten)
}

// Write gives a path the content that write writes. out is standard output.
func Write(path string, out io.Writer, write func(io.Writer) error) error {
	t, err := find(path)
	if err != nil {
		return err
	}
	switch t.kind {
	case stdout:
		return write(out)
	case stderr:
		return write(os.Stderr)
	case sent:
		err = t.send(write)
	case rewritten:
		err = t.rewrite(write)
	default:
		err = t.replace(write)
	}
	return named(path, err)
}

// named returns an error of a file operation with the path that was asked for, in
// place of a temporary file's.
func named(path string, err error) error {
	var pathErr *fs.PathError
	if !errors.As(err, &pathErr) || pathErr.Op != "write" && pathErr.Op != "open" && pathErr.Op != "close" {
		return err
	}
	return &fs.PathError{Op: pathErr.Op, Path: path, Err: pathErr.Err}
}

// descriptor finds names of a process's open files.
var descriptor = regexp.MustCompile(`^/(?:dev|proc/(self|[0-9]+))/fd/([0-9]+)$`)

// standard returns what a name of standard output or error is written as.
func standard(path string) (kind, bool) {
	number := ""
	if m := descriptor.FindStringSubmatch(path); m != nil && (m[1] == "" || m[1] == "self" || m[1] == strconv.Itoa(os.Getpid())) {
		number = m[2]
	}
	switch {
	case path == "/dev/stdout" || number == "1":
		return stdout, true
	case path == "/dev/stderr" || number == "2":
		return stderr, true
	}
	return 0, false
}

// mostLinks is how many links a path may go through.
const mostLinks = 40

// find follows a path through all links, the last of which may lead nowhere yet.
func find(path string) (target, error) {
	if path == Stdout {
		return target{path: path, kind: stdout}, nil
	}
	name := path
	for range mostLinks {
		name = filepath.Join(folderOf(name), filepath.Base(name))
		if k, ok := standard(name); ok {
			return target{path: name, kind: k}, nil
		}
		info, err := os.Lstat(name)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return target{path: name, kind: replaced}, nil
		case err != nil:
			return target{}, err
		case info.Mode()&fs.ModeSymlink == 0:
			return target{path: name, kind: kindOf(name, info), info: info}, nil
		}
		if strings.HasPrefix(name, "/proc/") { // a link to an open file, not to a name
			if info, err = os.Stat(name); err != nil {
				return target{}, err
			}
			return target{path: name, kind: sent, info: info}, nil
		}
		to, err := os.Readlink(name)
		if err != nil {
			return target{}, err
		}
		if !filepath.IsAbs(to) {
			to = filepath.Join(filepath.Dir(name), to)
		}
		name = to
	}
	return target{}, fmt.Errorf("%s: more than %d links", path, mostLinks)
}

// folderOf returns the folder of a name without links, as far as it is there.
func folderOf(name string) string {
	folder := filepath.Dir(name)
	if real, err := filepath.EvalSymlinks(folder); err == nil {
		return real
	}
	return folder
}

// kindOf says how something that is there is written.
func kindOf(name string, info fs.FileInfo) kind {
	switch {
	case !info.Mode().IsRegular():
		return sent
	case mustKeep(name, info):
		return rewritten
	}
	return replaced
}

// send writes to something that stays what it is.
func (t target) send(write func(io.Writer) error) error {
	f, err := os.OpenFile(t.path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	if err := write(f); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}

// replace writes a temporary file and gives it the target's name.
func (t target) replace(write func(io.Writer) error) (err error) {
	f, err := t.beside()
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			f.Close()
			os.Remove(f.Name())
		}
	}()
	if err := write(f); err != nil {
		return err
	}
	if t.exists() {
		if err := keepOwner(f.Name(), t.info); err != nil {
			return err
		}
		if err := f.Chmod(t.info.Mode().Perm()); err != nil {
			return err
		}
	}
	if err := f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), t.path)
}

// beside makes an empty file in the folder of the target: with the rights that the
// system gives to new files, or closed to others where the target has its own.
func (t target) beside() (*os.File, error) {
	mode := fs.FileMode(0o666)
	if t.exists() {
		mode = 0o600
	}
	folder, name := filepath.Split(t.path)
	for try := 0; ; try++ {
		path := filepath.Join(folder, fmt.Sprintf(".%.200s-%d-%d", name, os.Getpid(), try))
		f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
		if !errors.Is(err, fs.ErrExist) || try == 1000 {
			return f, err
		}
	}
}

// rewrite writes to a temporary file elsewhere and copies that over the target, so
// that what write fails to finish does no harm.
func (t target) rewrite(write func(io.Writer) error) (err error) {
	spool, err := os.CreateTemp("", "keyfold-*")
	if err != nil {
		return err
	}
	defer os.Remove(spool.Name())
	defer spool.Close()
	if err := write(spool); err != nil {
		return err
	}
	if _, err := spool.Seek(0, io.SeekStart); err != nil {
		return err
	}
	f, err := os.OpenFile(t.path, os.O_WRONLY|os.O_TRUNC, 0)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, spool)
	return errors.Join(err, f.Close())
}
