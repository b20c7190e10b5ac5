//go:build unix

package output

import (
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// mustKeep reports whether a regular file has to stay the same one: it has more
// than one name, it is another's, or its folder takes no other.
func mustKeep(path string, info fs.FileInfo) bool {
	is, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return false
	}
	if is.Nlink > 1 || os.Geteuid() != 0 && int(is.Uid) != os.Geteuid() {
		return true
	}
	return syscall.Access(filepath.Dir(path), 2) != nil // W_OK
}

// keepOwner gives a new file the owner and the group of an old one.
func keepOwner(path string, old fs.FileInfo) error {
	was, ok := old.Sys().(*syscall.Stat_t)
	if !ok {
		return nil
	}
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if is, ok := info.Sys().(*syscall.Stat_t); ok && is.Uid == was.Uid && is.Gid == was.Gid {
		return nil
	}
	return os.Chown(path, int(was.Uid), int(was.Gid))
}
