//go:build !js

package main

import (
	"bufio"
	"context"
	"encoding/binary"
	"io"

	"keyfold/engine"
	"keyfold/internal/output"
)

const logitsUsage = `usage: keyfold logits -model M -tokens 1,2,3 -o FILE [flags]

Writes the teacher-forced logits after every token: float32 little-endian,
(n, vocab). Ids are taken as given, no BOS is added, no tokenizer is needed.
With a method the first -prefill tokens are read and compressed, and the rest
decoded one by one on the compressed cache, which is compressed again -every so
many of them.
`

func logitsCommand(ctx context.Context, t terminal, args []string) error {
	f := &idFlags{}
	fs := newFlags("logits", logitsUsage)
	f.register(fs, "f16", "tokens `P` to read and compress, with -method")
	f.registerEvery(fs)
	out := fs.String("o", "", "`FILE` to write; an existing one is replaced when the new one is complete; - is standard output")
	chunk := fs.Int("chunk", engine.DefaultChunk, "tokens `N` per submit; 1 uses the decode kernels throughout")
	if err := f.parse(t, fs, args, 0); err != nil {
		return err
	}
	if err := f.check(); err != nil {
		return err
	}
	if *out == "" {
		return usageError("-o is missing: want a FILE to write")
	}
	if err := output.Check([]output.Named{named("-o", *out)}, f.inputs()); err != nil {
		return err
	}
	if f.read.Chunk = *chunk; *chunk < 1 {
		return usageError("-chunk is %d, want at least 1", *chunk)
	}
	if given(fs, "method") {
		if err := f.checkPrefill(); err != nil {
			return err
		}
	} else {
		if given(fs, "prefill") || given(fs, "every") {
			return usageError("-prefill and -every need a -method to compress with")
		}
		f.prefill, f.read.Method = len(f.ids), nil
	}
	e, err := f.start(ctx)
	if err != nil {
		return err
	}
	defer e.Close()
	return t.write(*out, func(w io.Writer) error {
		buffered := bufio.NewWriter(w)
		if err := f.writeLogits(ctx, buffered, e); err != nil {
			return err
		}
		return buffered.Flush()
	})
}

// writeLogits reads the ids and writes the logits after each of them: (n, vocab).
func (f *idFlags) writeLogits(ctx context.Context, w io.Writer, e *engine.Engine) error {
	write := func(rows []float32) error { return binary.Write(w, binary.LittleEndian, rows) }
	o := f.read
	o.Logits = write
	p, err := e.Prefill(ctx, f.ids[:f.prefill], o)
	if err != nil {
		return err
	}
	defer p.Free()
	if o.Method == nil {
		return nil
	}
	if _, _, err := p.Compress(); err != nil {
		return err
	}
	return p.Decode(ctx, f.ids[f.prefill:], write)
}
