//go:build linux

package output

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
)

// A named pipe stays one, and its reader gets everything and then the end.
func TestNamedPipe(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Skip(err)
	}
	got := make(chan string)
	go func() {
		data, _ := os.ReadFile(path)
		got <- string(data)
	}()
	text := strings.Repeat("text ", 1<<16)
	write(t, path, text)
	if received := <-got; received != text {
		t.Errorf("the reader got %d bytes, want %d", len(received), len(text))
	}
	if info, err := os.Lstat(path); err != nil || info.Mode()&fs.ModeNamedPipe == 0 {
		t.Error("the pipe is one no more")
	}
	only(t, filepath.Dir(path), "pipe")
	if err := Check([]Named{{"-a", path}, {"-b", path}}, nil); err == nil {
		t.Error("two outputs in one pipe are not refused")
	}
}

// A device is written to, directly or through a link, and tells when it is full.
func TestDevices(t *testing.T) {
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink("/dev/full", link); err != nil {
		t.Fatal(err)
	}
	write(t, "/dev/null", "text")
	for _, path := range []string{"/dev/full", link} {
		if err := Check([]Named{{"-a", path}, {"-b", path}}, nil); err != nil {
			t.Error(err)
		}
		if err := Write(path, nil, writing("text")); !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("%s: error %v", path, err)
		}
	}
	for _, path := range []string{"/dev/null", "/dev/full"} {
		if info, err := os.Lstat(path); err != nil || info.Mode()&fs.ModeCharDevice == 0 {
			t.Fatalf("%s is no device any more", path)
		}
	}
}

// /dev/fd/N is what the descriptor leads to, be it a pipe as of >(command) or a
// file that has text already.
func TestDescriptors(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	name := func(f *os.File) string { return "/dev/fd/" + itoa(int(f.Fd())) }
	write(t, name(w), "text")
	w.Close()
	if got, err := io.ReadAll(r); err != nil || string(got) != "text" {
		t.Errorf("the pipe gave %q, %v", got, err)
	}

	path := filepath.Join(t.TempDir(), "file")
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	before, _ := f.Stat()
	f.WriteString("first ")
	write(t, name(f), "second ")
	f.WriteString("third")
	if after, _ := os.Stat(path); !os.SameFile(before, after) || content(t, path) != "first second third" {
		t.Errorf("the file holds %q", content(t, path))
	}
	for _, path := range []string{"/dev/stdout", "/dev/fd/1", "/proc/self/fd/1", "/dev/../dev/stdout"} {
		if !IsStdout(path) || IsFile(path) {
			t.Errorf("%s is not seen to be standard output", path)
		}
	}
	if IsStdout("/dev/stderr") || IsStdout("/dev/null") {
		t.Error("something else is taken for standard output")
	}
	if err := Check([]Named{{"-a", "/dev/fd/987"}}, nil); err == nil {
		t.Error("a descriptor that is not open is not refused")
	}
}

func itoa(n int) string {
	if n < 10 {
		return string(rune('0' + n))
	}
	return itoa(n/10) + itoa(n%10)
}

// A file keeps its owner, which only root can see to.
func TestOwner(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	file(t, path, "before", 0o660)
	if err := os.Chown(path, 12, 34); err != nil {
		t.Skip("this user cannot give files away")
	}
	write(t, path, "text")
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if is := info.Sys().(*syscall.Stat_t); is.Uid != 12 || is.Gid != 34 || info.Mode().Perm() != 0o660 {
		t.Errorf("the file is now of %d:%d, mode %v", is.Uid, is.Gid, info.Mode())
	}
}

// withoutPrivileges makes the rest of a test a user who may not write everywhere,
// where root runs it. The system call changes the test's own thread alone.
func withoutPrivileges(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		return
	}
	const root, nobody = 0, 65534
	runtime.LockOSThread()
	become := func(user uintptr) {
		if _, _, errno := syscall.RawSyscall(syscall.SYS_SETRESUID, user, user, root); errno != 0 {
			t.Fatalf("becoming user %d: %v", user, errno)
		}
	}
	become(nobody)
	t.Cleanup(func() {
		become(root)
		runtime.UnlockOSThread()
	})
}

// What may not be written is refused before any work.
func TestRights(t *testing.T) {
	withoutPrivileges(t)
	folder, err := os.MkdirTemp("", "rights") // not t.TempDir, which the test's user owns
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(folder)
	path := filepath.Join(folder, "file")
	file(t, path, "before", 0o444)
	if err := Check([]Named{{"-o", path}}, nil); err == nil || !strings.Contains(err.Error(), "permission denied") {
		t.Errorf("a file that is read-only: %v", err)
	}
	// A folder that takes no file is no hindrance for one that is there.
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(folder, 0o555); err != nil {
		t.Fatal(err)
	}
	defer os.Chmod(folder, 0o755)
	write(t, path, "after")
	if got := content(t, path); got != "after" {
		t.Errorf("the file holds %q", got)
	}
	if err := Check([]Named{{"-o", filepath.Join(folder, "new")}}, nil); err == nil || !strings.Contains(err.Error(), "takes no file: permission denied") {
		t.Errorf("a new file in a folder that takes none: %v", err)
	}
}
