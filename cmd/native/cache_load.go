//go:build !js

package main

import (
	"context"
	"fmt"
	"time"

	"keyfold/engine"
)

const cacheLoadUsage = `usage: keyfold cache load FILE [flags] [TEXT]

Goes on from a saved cache, with the model that it was saved with: the same
tokens come as without saving. TEXT goes behind what was saved and is not
compressed; several questions can be asked of one file. TEXT and its
continuation go to standard output, statistics to standard error.

example:
    keyfold cache load long.cache -temperature 0 -n 20 " Where is the lantern?"
`

// loadArgs are the flags and arguments of cache load.
type loadArgs struct {
	runFlags   // without those of a method
	sampling   samplingFlags
	path, text string
}

func parseCacheLoad(t terminal, args []string) (*loadArgs, error) {
	l := &loadArgs{}
	l.path, args = cutFile(args)
	fs := newFlags("cache load", cacheLoadUsage)
	l.registerDevice(fs)
	l.sampling.register(fs)
	if err := l.parse(t, fs, args, 1); err != nil {
		return nil, err
	}
	if l.path == "" {
		return nil, usageError("cache load: FILE is missing; it comes before the flags")
	}
	l.text = fs.Arg(0)
	return l, l.sampling.check(fs, l.seed)
}

func cacheLoad(ctx context.Context, t terminal, args []string) error {
	l, err := parseCacheLoad(t, args)
	if err != nil {
		return err
	}
	saved, closeFile, err := openCacheFile(l.path)
	if err != nil {
		return err
	}
	defer closeFile()
	f, tok, err := l.open(true)
	if err != nil {
		return err
	}
	defer f.Close()
	sum, err := f.SHA256()
	if err != nil {
		return err
	}
	e, err := l.start(ctx, t.err, f, tok)
	if err != nil {
		return err
	}
	defer e.Close()
	start := time.Now()
	text, err := e.LoadCache(saved, sum)
	if err != nil {
		return err
	}
	defer text.Free()
	return l.goOn(ctx, t, e, text, saved, time.Since(start))
}

// goOn reads TEXT behind the saved text and writes what comes next.
func (l *loadArgs) goOn(ctx context.Context, t terminal, e *engine.Engine, text *engine.Text, saved *engine.CacheFile, loadTime time.Duration) error {
	// 1. Read TEXT.
	more, joined, err := encodeBehind(e.Tokenizer, saved.Tokens, l.text)
	if err != nil {
		return err
	}
	if !joined {
		fmt.Fprintln(t.err, "note        the saved text's end and TEXT's beginning would share a token if they were read as one text; TEXT is cut into tokens by itself")
	}
	used := text.Cache.Used() + len(more)
	if err := l.sampling.fitContext(e.Config, fmt.Sprintf("a cache and TEXT that use %d positions", used), used); err != nil {
		return err
	}
	start := time.Now()
	if err := text.Read(ctx, more); err != nil {
		return err
	}
	readTime := time.Since(start)

	// 2. Generate.
	stream := e.Tokenizer.Stream()
	for _, id := range saved.Tokens {
		stream.Next(id)
	}
	for _, id := range more {
		fmt.Fprint(t.out, stream.Next(id))
	}
	start = time.Now()
	tokens, err := l.sampling.write(ctx, t.out, text, nil)
	if err != nil {
		return err
	}
	decodeTime := time.Since(start)
	fmt.Fprintf(t.err, "\nsaved       %s, %d slots of a text of %d tokens\n", saved.Method, saved.Total(), len(saved.Tokens))
	fmt.Fprintf(t.err, "cache       %d bytes occupied, %d allocated\n", text.Cache.Occupied(), text.Cache.Allocated())
	fmt.Fprintf(t.err, "time        loading %.1f ms, %d tokens of TEXT in %.1f ms, %d tokens in %.1f ms (%.1f tokens/s)\n",
		milliseconds(loadTime), len(more), milliseconds(readTime), len(tokens), milliseconds(decodeTime), float64(len(tokens))/decodeTime.Seconds())
	return nil
}

func milliseconds(d time.Duration) float64 { return 1e3 * d.Seconds() }
