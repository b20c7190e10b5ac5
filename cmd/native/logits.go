//go:build !js

package main

import (
	"bufio"
	"context"
	"encoding/binary"
	"io"

	"keyfold/engine"
)

func logitsCommand(ctx context.Context, t terminal, args []string) error {
	fs := newFlags("logits", `usage: keyfold logits -model M -tokens 1,2,3 -o FILE [flags]

Writes the teacher-forced logits after every token: float32 little-endian,
(n, vocab). Ids are taken as given, no BOS is added, no tokenizer is needed.
With a method the first -prefill tokens are read and compressed, and the rest
decoded one by one on the compressed cache, which is compressed again -every so
many of them.
`)
	var r runFlags
	r.register(fs, "f16")
	list := fs.String("tokens", "", "comma-separated token `IDS`")
	out := fs.String("o", "", "`FILE` to write; an existing one is replaced when the new one is complete")
	prefill := fs.Int("prefill", 0, "tokens `P` to read and compress, with -method")
	r.registerEvery(fs)
	chunk := fs.Int("chunk", engine.DefaultChunk, "tokens `N` per submit; 1 uses the decode kernels throughout")
	if err := r.parse(t, fs, args, 0); err != nil {
		return err
	}
	ids, err := parseIDs("-tokens", *list)
	if err != nil {
		return err
	}
	if *out == "" {
		return usageError("-o is missing: want a FILE to write")
	}
	if *chunk < 1 {
		return usageError("-chunk is %d, want at least 1", *chunk)
	}
	kv, err := r.cacheType()
	if err != nil {
		return err
	}
	method, err := r.newMethod()
	if err != nil {
		return err
	}
	if err := r.canRepeat(method); err != nil {
		return err
	}
	switch {
	case !given(fs, "method") && (given(fs, "prefill") || given(fs, "every")):
		return usageError("-prefill and -every need a -method to compress with")
	case !given(fs, "method"):
		method = nil
	case *prefill < 1 || *prefill > len(ids):
		return usageError("-prefill is %d, want 1 to %d, the number of tokens", *prefill, len(ids))
	}
	f, _, err := r.open(false)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := checkIDs(ids, f.Config.VocabSize); err != nil {
		return err
	}
	e, err := engine.Open(ctx, f, nil, engine.DeviceKind(r.device))
	if err != nil {
		return err
	}
	defer e.Close()
	return writeFile(*out, func(w io.Writer) error {
		buffered := bufio.NewWriter(w)
		write := func(rows []float32) error { return binary.Write(buffered, binary.LittleEndian, rows) }
		o := engine.Settings{KV: kv, Chunk: *chunk, InCache: r.inCache(), Logits: write}
		if method == nil {
			*prefill = len(ids)
		} else {
			o.Method, o.Every, o.Future = method, r.every, ids[*prefill:]
		}
		p, err := e.Prefill(ctx, ids[:*prefill], o)
		if err != nil {
			return err
		}
		defer p.Free()
		if method != nil {
			if _, _, err := p.Compress(); err != nil {
				return err
			}
			if err := p.Decode(ctx, ids[*prefill:], write); err != nil {
				return err
			}
		}
		return buffered.Flush()
	})
}
