//go:build !js

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"keyfold/engine"
	"keyfold/engine/checkpoint"
	"keyfold/engine/tokenizer"
	"keyfold/layout"
	"keyfold/models"
)

// modelFlags name the model and its tokenizer.
type modelFlags struct{ model, tokenizer string }

func (m *modelFlags) register(fs *flagSet) {
	fs.model = m
	fs.StringVar(&m.model, "model", models.Name, "`NAME` of a model (\"keyfold models\" lists them), or path of a .gguf, .bin or .safetensors file or of a folder with config.json")
	fs.StringVar(&m.tokenizer, "tokenizer", "", "`PATH` of tokenizer.json, tokenizer.bin or a .gguf; without it the model's own, or the one beside it")
}

// open opens the model, and its tokenizer if one is wanted and found.
func (m *modelFlags) open(wantTokenizer bool) (*checkpoint.File, *tokenizer.Tokenizer, error) {
	var f *checkpoint.File
	var err error
	if m.model == models.Name {
		f, err = models.Open()
	} else {
		f, err = checkpoint.Open(m.model)
	}
	if err != nil {
		return nil, nil, err
	}
	if !wantTokenizer {
		return f, nil, nil
	}
	tok, err := m.findTokenizer(f.Meta, f.Config.VocabSize)
	if err == nil {
		err = engine.FitVocabulary(f, tok)
	}
	if err != nil {
		f.Close()
		return nil, nil, err
	}
	return f, tok, nil
}

// findTokenizer returns the tokenizer that -tokenizer names, else the one in the
// model's metadata, else the one beside the model that fits vocab tokens (0: any).
func (m *modelFlags) findTokenizer(meta map[string]any, vocab int) (*tokenizer.Tokenizer, error) {
	if m.tokenizer != "" {
		tok, err := readTokenizer(m.tokenizer, vocab)
		if err != nil {
			return nil, fmt.Errorf("-tokenizer %s: %w", m.tokenizer, err)
		}
		return tok, nil
	}
	if _, ok := meta["tokenizer.ggml.model"]; ok {
		tok, err := tokenizer.FromGGUF(meta)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", m.model, err)
		}
		return tok, nil
	}
	return m.tokenizerBeside(vocab)
}

// tokenizerBeside returns the tokenizer in the model's folder.
func (m *modelFlags) tokenizerBeside(vocab int) (*tokenizer.Tokenizer, error) {
	folder := m.model
	if info, err := os.Stat(folder); err == nil && !info.IsDir() {
		folder = filepath.Dir(folder)
	}
	for _, name := range []string{"tokenizer.json", "tokenizer.bin"} {
		path := filepath.Join(folder, name)
		if _, err := os.Stat(path); err == nil {
			tok, err := readTokenizer(path, vocab)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", path, err)
			}
			return tok, nil
		}
	}
	paths, _ := filepath.Glob(filepath.Join(folder, "tok*.bin"))
	var found []string
	var tok *tokenizer.Tokenizer
	for _, path := range paths {
		if path == filepath.Clean(m.model) {
			continue
		}
		if t, err := readTokenizer(path, vocab); err == nil {
			found, tok = append(found, path), t
		}
	}
	switch len(found) {
	case 0:
		if sp := filepath.Join(folder, "tokenizer.model"); exists(sp) {
			return nil, fmt.Errorf("%s: %w", sp, errSentencePiece)
		}
		return nil, fmt.Errorf("%s has no tokenizer and none of %d tokens lies beside it; name one with -tokenizer", m.model, vocab)
	case 1:
		return tok, nil
	}
	return nil, fmt.Errorf("%s: %s would all do as its tokenizer; name one with -tokenizer", m.model, strings.Join(found, " and "))
}

// errSentencePiece is about a tokenizer.model.
var errSentencePiece = errors.New("a SentencePiece model, want tokenizer.json; transformers' AutoTokenizer.save_pretrained writes it")

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// readTokenizer reads a tokenizer by its file's name.
func readTokenizer(path string, vocab int) (*tokenizer.Tokenizer, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var tok *tokenizer.Tokenizer
	switch filepath.Ext(path) {
	case ".model":
		return nil, errSentencePiece
	case ".json":
		if filepath.Base(path) == "tokenizer.json" {
			tok, err = tokenizer.FromFolder(os.DirFS(filepath.Dir(path)))
		} else {
			tok, err = tokenizer.FromJSON(f)
		}
	case ".gguf":
		var info os.FileInfo
		if info, err = f.Stat(); err != nil {
			return nil, err
		}
		var meta map[string]any
		if meta, err = checkpoint.ReadGGUFMeta(f, info.Size(), path); err != nil {
			return nil, err
		}
		tok, err = tokenizer.FromGGUF(meta)
	default:
		tok, err = tokenizer.FromLlama2C(f, vocab)
	}
	if err != nil {
		return nil, err
	}
	return tok, nil
}

// tokenizerAlone returns a tokenizer for a command that does not need the model
// itself. One that -tokenizer names need not fit the built-in model.
func (m *modelFlags) tokenizerAlone() (*tokenizer.Tokenizer, error) {
	if m.model == models.Name && m.tokenizer != "" {
		return m.findTokenizer(nil, 0)
	}
	meta, vocab, err := m.metadata()
	if err != nil {
		return nil, err
	}
	return m.findTokenizer(meta, vocab)
}

// metadata returns the metadata and the vocabulary size (0: not known) of the
// model, of a GGUF without opening its tensors.
func (m *modelFlags) metadata() (map[string]any, int, error) {
	if filepath.Ext(m.model) == ".gguf" {
		f, err := os.Open(m.model)
		if err != nil {
			return nil, 0, err
		}
		defer f.Close()
		info, err := f.Stat()
		if err != nil {
			return nil, 0, err
		}
		meta, err := checkpoint.ReadGGUFMeta(f, info.Size(), m.model)
		return meta, 0, err
	}
	f, _, err := m.open(false)
	if err != nil {
		return nil, 0, err
	}
	defer f.Close()
	return f.Meta, f.Config.VocabSize, nil
}

// deviceFlags name a model and the device that it runs on.
type deviceFlags struct {
	modelFlags
	device string

	// openEngine is engine.OpenTelling; tests have GPUs that fail.
	openEngine func(context.Context, *checkpoint.File, *tokenizer.Tokenizer, engine.DeviceKind, func(step string, kernels int)) (*engine.Engine, error)
}

func (d *deviceFlags) register(fs *flagSet) {
	d.modelFlags.register(fs)
	d.openEngine = engine.OpenTelling
	fs.StringVar(&d.device, "device", "auto", "`DEVICE` to run on: auto, gpu or cpu")
}

func (d *deviceFlags) check() error {
	switch engine.DeviceKind(d.device) {
	case engine.Auto, engine.GPU, engine.CPU:
		return nil
	}
	return usageError("-device is %q, want auto, gpu or cpu", d.device)
}

// use calls do with an open model on the device. If a GPU that was not asked for fails
// meanwhile, do is called again, with the model on the CPU.
func (d *deviceFlags) use(ctx context.Context, w io.Writer, f *checkpoint.File, tok *tokenizer.Tokenizer, do func(*engine.Engine) error) error {
	e, err := d.start(ctx, w, f, tok)
	if err != nil {
		return err
	}
	err = do(e)
	e.Close()
	if !e.Replaceable(err) {
		return err
	}
	if e, err = engine.OpenInstead(ctx, f, tok, err); err != nil {
		return err
	}
	defer e.Close()
	printDevice(w, e)
	return do(e)
}

// start puts an open model on the device and prints which device that is.
func (d *deviceFlags) start(ctx context.Context, w io.Writer, f *checkpoint.File, tok *tokenizer.Tokenizer) (*engine.Engine, error) {
	if err := d.fits(f, layout.CacheF16, 0); err != nil {
		return nil, err
	}
	var e *engine.Engine
	err := tellSlow(w, patience, func(tell func(what string)) (err error) {
		e, err = d.openEngine(ctx, f, tok, engine.DeviceKind(d.device), func(step string, kernels int) {
			tell(fmt.Sprintf("%ss %d kernels, which a driver that has not seen them takes long for", step, kernels))
		})
		return err
	})
	if err != nil {
		return nil, err
	}
	printDevice(w, e)
	return e, nil
}

// tellSlow runs do, and prints what it told last if it is not done so long after it told
// anything.
func tellSlow(w io.Writer, after time.Duration, do func(tell func(what string)) error) error {
	steps, done := make(chan string), make(chan struct{})
	go func() {
		defer close(done)
		var slow <-chan time.Time
		last := ""
		for {
			select {
			case step, more := <-steps:
				if !more {
					return
				}
				if last = step; slow == nil {
					slow = time.After(after)
				}
			case <-slow:
				fmt.Fprintln(w, last)
			}
		}
	}()
	err := do(func(what string) { steps <- what })
	close(steps)
	<-done
	return err
}
