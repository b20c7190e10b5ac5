//go:build !js

package main

import (
	"context"
	"io"

	"keyfold/engine"
	"keyfold/internal/output"
)

const cacheSaveUsage = `usage: keyfold cache save [flags] -o FILE [PROMPT]

Reads a prompt, compresses its cache and writes it to FILE, completely or not at
all. Statistics go to standard error.

example:
    keyfold cache save -method kvmerger -budget 0.35 -prompt-file long.txt -o long.cache
`

func cacheSave(ctx context.Context, t terminal, args []string) error {
	var r runFlags
	var promptFlags promptFlags
	fs := newFlags("cache save", cacheSaveUsage)
	r.register(fs, "f16")
	promptFlags.register(fs)
	out := fs.String("o", "", "`FILE` to write; - is standard output")
	if err := r.parse(t, fs, args, 1); err != nil {
		return err
	}
	if *out == "" {
		return usageError("-o is missing: want the file to write")
	}
	settings, err := r.settingsOf("cache save")
	if err != nil {
		return err
	}
	if err := output.Check([]output.Named{named("-o", *out)}, r.inputs(named("-prompt-file", promptFlags.file))); err != nil {
		return err
	}
	text, err := promptFlags.read(ctx, t, fs)
	if err != nil {
		return err
	}
	f, tok, err := r.open(true)
	if err != nil {
		return err
	}
	defer f.Close()
	prompt, err := encodePrompt(tok, text)
	if err != nil {
		return err
	}
	sum, err := f.SHA256()
	if err != nil {
		return err
	}
	if err := r.fits(f, settings.KV, len(prompt)); err != nil {
		return err
	}
	e, err := r.start(ctx, t.err, f, tok)
	if err != nil {
		return err
	}
	defer e.Close()
	saved := engine.Saved{Model: f.Model, SHA256: sum}
	err = saveCache(ctx, t, *out, e, prompt, settings, saved)
	if err != nil || !output.IsFile(*out) {
		return err
	}
	return describeCacheFile(t.err, *out)
}

// saveCache reads and compresses a prompt and writes its cache. saved says which
// model it is.
func saveCache(ctx context.Context, t terminal, path string, e *engine.Engine, prompt []int, o engine.Settings, saved engine.Saved) error {
	p, err := e.Prefill(ctx, prompt, o)
	if err != nil {
		return err
	}
	defer p.Free()
	plan, _, err := p.Compress()
	if err != nil {
		return err
	}
	saved.Method, saved.Options, saved.Tokens, saved.Logits = plan.Method, plan.Options, p.Tokens, p.Logits
	return t.write(path, func(w io.Writer) error { return p.Cache.Save(w, saved) })
}
