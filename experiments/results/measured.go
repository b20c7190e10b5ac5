//go:build !js

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"keyfold/corpus"
	"keyfold/engine"
	"keyfold/engine/checkpoint"
	"keyfold/engine/tokenizer"
	"keyfold/models"
)

// A measurement is a run that asks no questions: what a model's keys are like,
// what methods keep of them, how fast it decodes.
type measurement struct {
	name   string // of its file
	model  string // variable of the environment that names a GGUF file; "": the built-in model
	tokens int    // that are read
	take   func(s *subject, path string) error
}

var measurements = []measurement{
	{"similarity", "", 256, taking(mapKeys)},
	{"similarity-260k", "STORIES260K", 256, taking(mapKeys)},
	{"inputs", "", 512, taking(readInputs)},
	{"inputs-260k", "STORIES260K", 512, taking(readInputs)},
	{"speed", "", 1024, taking(timeDecoding)},
}

// A Measured is what the repository keeps of a measurement.
type Measured[Row row] struct {
	About
	Rows []Row `json:"rows"`
}

// About says what was measured, and where.
type About struct {
	Model   engine.ModelReport  `json:"model"`
	Device  engine.DeviceReport `json:"device"`
	Machine string              `json:"machine"`
	Tokens  int                 `json:"tokens"`
}

// A row is one line of a measurement.
type row interface{ check(a *About) error }

// taking returns what writes a measurement's rows with what they are about.
func taking[Row row](rows func(*subject) ([]Row, error)) func(*subject, string) error {
	return func(s *subject, path string) error {
		list, err := rows(s)
		if err != nil {
			return err
		}
		m := Measured[Row]{s.About, list}
		if err := m.check(); err != nil {
			return err
		}
		return writeList(path, m.About, "rows", m.Rows)
	}
}

// run takes a measurement unless its file is there, and of the same model. One
// that needs a file which is not there is left out, and said so.
func (m measurement) run(dir string, anew bool) error {
	file := os.Getenv(m.model) // of no variable: ""
	if m.model != "" && file == "" {
		fmt.Fprintf(os.Stderr, "%s is left out: the environment's %s names no file\n", m.name, m.model)
		return nil
	}
	s, err := m.open(file)
	if err != nil {
		return err
	}
	defer s.e.Close()
	path := filepath.Join(dir, m.name+".json")
	if !anew {
		before, err := readJSON[Measured[none]](path)
		if err == nil && before.Model.SHA256 == s.Model.SHA256 || err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	fmt.Fprintln(os.Stderr, m.name)
	if err := m.take(s, path); err != nil {
		return fmt.Errorf("%s: %w", m.name, err)
	}
	return nil
}

// none is a row of which nothing is wanted.
type none struct{}

func (none) check(*About) error { return nil }

// A subject is a model that is measured, on the CPU.
type subject struct {
	About
	e *engine.Engine
}

// open opens a model, with a context that has room for what is decoded behind
// the measurement's tokens if its own has none.
func (m measurement) open(file string) (*subject, error) {
	open := models.Open
	if file != "" {
		open = func() (*checkpoint.File, error) { return checkpoint.Open(file) }
	}
	f, err := open()
	if err != nil {
		return nil, err
	}
	defer f.Close()
	tok, err := tokenizer.FromGGUF(f.Meta)
	if err != nil {
		return nil, err
	}
	sum, err := f.SHA256()
	if err != nil {
		return nil, err
	}
	f.Config.SeqLen = max(f.Config.SeqLen, m.tokens+decoded)
	e, err := engine.Open(context.Background(), f, tok, engine.CPU)
	if err != nil {
		return nil, err
	}
	model := e.DescribeModel(f.Model, sum)
	if file != "" { // many files say "llama"
		model.Name = strings.TrimSuffix(filepath.Base(file), ".gguf")
	}
	return &subject{e: e, About: About{
		Model: model, Device: e.Device.Describe(), Tokens: m.tokens,
		Machine: fmt.Sprintf("%s/%s, %d CPUs, %s", runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), runtime.Version()),
	}}, nil
}

// repeated is the kind of text that says the first sentence of a story again and again.
const repeated = "one sentence, repeated"

// text returns the subject's tokens of a text of a kind, BOS in front where the
// model expects it. Documents of a task, with their questions and answers, stand
// one behind the other.
func (s *subject) text(kind string, number int) ([]int, error) {
	var begin, ids []int
	if s.e.Tokenizer.AddsBOS() {
		begin = []int{s.e.Tokenizer.BOS()}
	}
	want := s.Tokens - len(begin)
	size := corpus.Size{Tokens: s.Tokens, Trained: true, Count: func(text string) int {
		ids, err := s.e.Tokenizer.Encode(text, false)
		if err != nil {
			return s.Tokens + 1 // fits nowhere; encoding the document says why
		}
		return len(ids)
	}}
	task := kind
	if kind == repeated {
		task = "story"
	}
	for seed := corpus.EvalFrom + uint64(number*s.Tokens); len(ids) < want; seed++ {
		doc, err := corpus.New(task, seed, size)
		if err != nil {
			return nil, err
		}
		text := doc.Text()
		if kind == repeated {
			sentence, _, _ := strings.Cut(text, ".")
			text = strings.Repeat(sentence+". ", s.Tokens)
		}
		more, err := s.e.Tokenizer.Encode(text, false)
		if err != nil {
			return nil, err
		}
		ids = append(ids, more...)
	}
	return slices.Concat(begin, ids[:want]), nil
}

// check reports the first thing that is wrong with what was read from a file.
func (m *Measured[Row]) check() error {
	if m.Model.SHA256 == "" || m.Model.Layers < 1 || m.Tokens < 1 || len(m.Rows) == 0 {
		return fmt.Errorf("%d rows of %d tokens read by the model %q of %d layers", len(m.Rows), m.Tokens, m.Model.SHA256, m.Model.Layers)
	}
	for i, r := range m.Rows {
		if err := r.check(&m.About); err != nil {
			return fmt.Errorf("row %d: %w", i, err)
		}
	}
	return nil
}

// readMeasured reads a measurement; nil if it has not run.
func readMeasured[Row row](dir, name string) (*Measured[Row], error) {
	path := filepath.Join(dir, name+".json")
	m, err := readJSON[Measured[Row]](path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err == nil {
		err = m.check()
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return m, nil
}

// readJSON reads a file of one value.
func readJSON[T any](path string) (*T, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	v := new(T)
	if err := json.Unmarshal(data, v); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return v, nil
}
