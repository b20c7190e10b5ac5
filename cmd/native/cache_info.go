//go:build !js

package main

import (
	"encoding/json"
	"io"
	"maps"
	"slices"
	"strings"

	"keyfold/engine"
	"keyfold/internal/output"
)

const cacheInfoUsage = `usage: keyfold cache info FILE [flags]

Prints what is in a saved cache. Needs no model.
`

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
	if err := output.Check([]output.Named{named("-json", *to)}, []output.Named{named("FILE", path)}); err != nil {
		return err
	}
	f, closeFile, err := openCacheFile(path)
	if err != nil {
		return err
	}
	defer closeFile()
	return t.writeJSON(*to, contentsOf(f))
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
	table := newTable(w)
	table.row("file", "%s", path)
	table.row("model", "%s, %d layers, %d KV heads, head_dim %d, a vocabulary of %d tokens", c.Model.Name, c.Model.Layers, c.Model.KVHeads, c.Model.HeadDim, c.Model.Vocab)
	table.row("sha256", "%s", c.Model.SHA256)
	table.row("text", "%d tokens, goes on at position %d; keys have positions in the %s", len(c.Tokens), c.Next, c.Positions)
	table.row("method", "%s", strings.Join(append([]string{c.Method.Name}, options...), " "))
	table.row("slots", "%v per layer and KV head, kept %.3f of all", c.Cache.PerLayerHead, c.Cache.Ratio)
	table.row("cache", "%s, %d bytes; the full cache would take %d", c.KV, c.Cache.BytesOccupied, c.Cache.BytesFull)
	return table.Flush()
}
