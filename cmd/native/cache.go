//go:build !js

package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"keyfold/engine"
	"keyfold/engine/tokenizer"
)

const cacheUsage = `usage: keyfold cache save|load|info ...

A compressed cache as a file: read and compress a text once, go on from it as
often as wanted, on any device.

    keyfold cache save [flags] -o FILE [PROMPT]    read a prompt, compress its cache, write it
    keyfold cache load FILE [flags] [TEXT]         go on from it, behind TEXT if there is any
    keyfold cache info FILE [flags]                what is in it

"keyfold cache load -help" and so on list the flags.
`

const cacheSaveUsage = `usage: keyfold cache save [flags] -o FILE [PROMPT]

Reads a prompt, compresses its cache and writes it to FILE, completely or not at
all. Statistics go to standard error.

example:
    keyfold cache save -method kvmerger -budget 0.35 -prompt-file long.txt -o long.cache
`

const cacheLoadUsage = `usage: keyfold cache load FILE [flags] [TEXT]

Goes on from a saved cache, with the model that it was saved with: the same
tokens come as without saving. TEXT goes behind what was saved and is not
compressed; several questions can be asked of one file. TEXT and its
continuation go to standard output, statistics to standard error.

example:
    keyfold cache load long.cache -temperature 0 -n 20 " Where is the lantern?"
`

const cacheInfoUsage = `usage: keyfold cache info FILE [flags]

Prints what is in a saved cache. Needs no model.
`

func cacheCommand(ctx context.Context, t terminal, args []string) error {
	what := ""
	if len(args) > 0 {
		what, args = args[0], args[1:]
	}
	switch what {
	case "save":
		return cacheSave(ctx, t, args)
	case "load":
		return cacheLoad(ctx, t, args)
	case "info":
		return cacheInfo(t, args)
	case "-h", "-help", "--help":
		fmt.Fprint(t.out, cacheUsage)
		return flag.ErrHelp
	case "":
		return usageError("cache: want save, load or info behind it")
	}
	return usageError("cache: %q is unknown, want save, load or info", what)
}

func cacheSave(ctx context.Context, t terminal, args []string) error {
	g := &generation{}
	fs := newFlags("cache save", cacheSaveUsage)
	g.register(fs, "f16")
	g.registerPrompt(fs)
	out := fs.String("o", "", "`FILE` to write")
	if err := g.parse(t, fs, args, 1); err != nil {
		return err
	}
	if *out == "" {
		return usageError("-o is missing: want the file to write")
	}
	if err := g.takePrompt(fs); err != nil {
		return err
	}
	kv, err := g.cacheType()
	if err != nil {
		return err
	}
	method, err := g.newMethod()
	if err != nil {
		return err
	}
	if err := knowsNoFuture("cache save", g.method, method); err != nil {
		return err
	}
	if err := g.readPrompt(t); err != nil {
		return err
	}
	f, tok, err := g.open(true)
	if err != nil {
		return err
	}
	defer f.Close()
	prompt, err := tok.Encode(g.prompt, tok.AddsBOS() || g.prompt == "")
	if err != nil {
		return err
	}
	sum, err := f.SHA256()
	if err != nil {
		return err
	}
	e, err := engine.Open(ctx, f, tok, engine.DeviceKind(g.device))
	if err != nil {
		return err
	}
	defer e.Close()
	printDevice(t.err, e)

	p, err := e.Prefill(ctx, prompt, engine.Settings{KV: kv, Method: method, InCache: g.inCache()})
	if err != nil {
		return err
	}
	defer p.Free()
	plan, _, err := p.Compress()
	if err != nil {
		return err
	}
	saved := engine.Saved{Model: f.Model, SHA256: sum, Method: plan.Method, Options: plan.Options, Tokens: prompt, Logits: p.Logits}
	if err := writeFile(*out, func(w io.Writer) error { return p.Cache.Save(w, saved) }); err != nil {
		return fmt.Errorf("-o %s: %w", *out, err)
	}
	return describeCacheFile(t.err, *out)
}

func cacheLoad(ctx context.Context, t terminal, args []string) error {
	path, args := cutFile(args)
	g := &generation{}
	fs := newFlags("cache load", cacheLoadUsage)
	g.registerDevice(fs)
	g.registerSampling(fs)
	if err := g.parse(t, fs, args, 1); err != nil {
		return err
	}
	if path == "" {
		return usageError("cache load: FILE is missing; it comes before the flags")
	}
	if err := g.takeSampling(fs); err != nil {
		return err
	}

	// 1. Load the model and the cache.
	saved, closeFile, err := openCacheFile(path)
	if err != nil {
		return err
	}
	defer closeFile()
	f, tok, err := g.open(true)
	if err != nil {
		return err
	}
	defer f.Close()
	sum, err := f.SHA256()
	if err != nil {
		return err
	}
	e, err := engine.Open(ctx, f, tok, engine.DeviceKind(g.device))
	if err != nil {
		return err
	}
	defer e.Close()
	printDevice(t.err, e)
	start := time.Now()
	text, err := e.LoadCache(saved, sum)
	if err != nil {
		return err
	}
	defer text.Free()
	loadTime := time.Since(start)

	// 2. Read TEXT behind it.
	more, joined, err := encodeBehind(tok, saved.Tokens, fs.Arg(0))
	if err != nil {
		return err
	}
	if !joined {
		fmt.Fprintln(t.err, "note        the saved text's end and TEXT's beginning would share a token if they were read as one text; TEXT is cut into tokens by itself")
	}
	used := text.Cache.Used() + len(more)
	if err := g.fitContext(f.Config, fmt.Sprintf("a cache and TEXT that use %d positions", used), used); err != nil {
		return err
	}
	start = time.Now()
	if err := text.Read(ctx, more); err != nil {
		return err
	}
	readTime := time.Since(start)

	// 3. Generate.
	stream := tok.Stream()
	for _, id := range saved.Tokens {
		stream.Next(id)
	}
	for _, id := range more {
		fmt.Fprint(t.out, stream.Next(id))
	}
	start = time.Now()
	n := 0
	err = text.Generate(ctx, engine.Generation{N: g.n, Sampler: g.sampler, Emit: func(token engine.Token) error {
		n++
		_, err := fmt.Fprint(t.out, stream.Next(token.ID))
		return err
	}})
	fmt.Fprintln(t.out, stream.Rest())
	if err != nil {
		return err
	}
	decodeTime := time.Since(start)
	fmt.Fprintf(t.err, "\nsaved       %s, %d slots of a text of %d tokens\n", saved.Method, saved.Total(), len(saved.Tokens))
	fmt.Fprintf(t.err, "cache       %d bytes occupied, %d allocated\n", text.Cache.Occupied(), text.Cache.Allocated())
	fmt.Fprintf(t.err, "time        loading %.1f ms, %d tokens of TEXT in %.1f ms, %d tokens in %.1f ms (%.1f tokens/s)\n",
		milliseconds(loadTime), len(more), milliseconds(readTime), n, milliseconds(decodeTime), float64(n)/decodeTime.Seconds())
	return nil
}

func milliseconds(d time.Duration) float64 { return 1e3 * d.Seconds() }

// encodeBehind returns the tokens of text behind others: those that it has where
// both are read as one text. Where a token of that lies across the seam, joined
// is false and text has the tokens that it has by itself.
func encodeBehind(tok *tokenizer.Tokenizer, before []int, text string) (ids []int, joined bool, err error) {
	if text == "" {
		return nil, true, nil
	}
	begin, err := tok.Decode(before)
	if err != nil {
		return nil, false, err
	}
	whole, err := tok.Encode(begin+text, before[0] == tok.BOS())
	if err != nil {
		return nil, false, err
	}
	if len(whole) > len(before) && slices.Equal(whole[:len(before)], before) {
		return whole[len(before):], true, nil
	}
	ids, err = tok.Encode(text, false)
	return ids, false, err
}

// cutFile takes FILE off the front of the arguments; "" where flags begin at once.
func cutFile(args []string) (path string, rest []string) {
	if len(args) == 0 || strings.HasPrefix(args[0], "-") {
		return "", args
	}
	return args[0], args[1:]
}

// openCacheFile opens a saved cache, to be closed when its rows have been read.
func openCacheFile(path string) (*engine.CacheFile, func() error, error) {
	in, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	info, err := in.Stat()
	if err == nil {
		var f *engine.CacheFile
		if f, err = engine.OpenCacheFile(in, info.Size(), path); err == nil {
			return f, in.Close, nil
		}
	}
	in.Close()
	return nil, nil, err
}

// cacheContents is what info prints with -json. Bytes are those of occupied
// slots; full is the text's uncompressed cache.
type cacheContents struct {
	Model struct {
		Name    string `json:"name"`
		SHA256  string `json:"sha256"`
		Layers  int    `json:"layers"`
		KVHeads int    `json:"kv_heads"`
		HeadDim int    `json:"head_dim"`
		Vocab   int    `json:"vocab"`
	} `json:"model"`
	Method struct {
		Name    string         `json:"name"`
		Options map[string]any `json:"options"`
	} `json:"method"`
	KV        string `json:"kv"`
	Positions string `json:"positions"` // where those of keys count: text or cache
	Tokens    []int  `json:"tokens"`
	Next      int    `json:"next"` // position of the next token in the text
	Cache     struct {
		BytesFull     int     `json:"bytes_full"`
		BytesOccupied int     `json:"bytes_occupied"`
		Ratio         float64 `json:"ratio"`          // kept / total slots
		PerLayerHead  [][]int `json:"per_layer_head"` // (n_layers)(n_kv_heads) slots
	} `json:"cache"`
}

var positionsIn = map[bool]string{false: "text", true: "cache"}

func contentsOf(f *engine.CacheFile) *cacheContents {
	c := &cacheContents{KV: f.Type.String(), Positions: positionsIn[f.InCache], Tokens: f.Tokens, Next: f.Next}
	m := &c.Model
	m.Name, m.SHA256, m.Layers, m.KVHeads, m.HeadDim, m.Vocab = f.Model, f.SHA256, f.NLayers, f.NKVHeads, f.HeadDim, len(f.Logits)
	c.Method.Name, c.Method.Options = f.Method, f.Options
	full := f.NLayers * f.NKVHeads * f.Next
	c.Cache.BytesFull, c.Cache.BytesOccupied = full*f.RowBytes(), f.Total()*f.RowBytes()
	c.Cache.Ratio, c.Cache.PerLayerHead = float64(f.Total())/float64(full), f.Slots
	return c
}

func cacheInfo(t terminal, args []string) error {
	path, args := cutFile(args)
	fs := newFlags("cache info", cacheInfoUsage)
	to := fs.String("json", "", "`FILE` for all of it as JSON, token ids too, in place of the table; - is standard output")
	if err := fs.parse(t, args, 0); err != nil {
		return err
	}
	if path == "" {
		return usageError("cache info: FILE is missing; it comes before the flags")
	}
	if *to == "" {
		return describeCacheFile(t.out, path)
	}
	f, closeFile, err := openCacheFile(path)
	if err != nil {
		return err
	}
	defer closeFile()
	return writeJSON(t, *to, contentsOf(f))
}

// describeCacheFile prints for people what is in a saved cache.
func describeCacheFile(w io.Writer, path string) error {
	f, closeFile, err := openCacheFile(path)
	if err != nil {
		return err
	}
	defer closeFile()
	c := contentsOf(f)
	var options []string
	for _, key := range slices.Sorted(maps.Keys(c.Method.Options)) {
		value, err := json.Marshal(c.Method.Options[key])
		if err != nil {
			return err
		}
		options = append(options, key+"="+string(value))
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	row := func(name, format string, args ...any) {
		fmt.Fprintf(table, "%s\t"+format+"\n", append([]any{name}, args...)...)
	}
	row("file", "%s", path)
	row("model", "%s, %d layers, %d KV heads, head_dim %d, a vocabulary of %d tokens", c.Model.Name, c.Model.Layers, c.Model.KVHeads, c.Model.HeadDim, c.Model.Vocab)
	row("sha256", "%s", c.Model.SHA256)
	row("text", "%d tokens, goes on at position %d; keys have positions in the %s", len(c.Tokens), c.Next, c.Positions)
	row("method", "%s", strings.Join(append([]string{c.Method.Name}, options...), " "))
	row("slots", "%v per layer and KV head, kept %.3f of all", c.Cache.PerLayerHead, c.Cache.Ratio)
	row("cache", "%s, %d bytes; the full cache would take %d", c.KV, c.Cache.BytesOccupied, c.Cache.BytesFull)
	return table.Flush()
}
