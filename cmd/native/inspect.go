//go:build !js

package main

import (
	"context"
	"fmt"
	"strings"
	"text/tabwriter"

	"keyfold/layout"
	"keyfold/models"
)

func inspectCommand(_ context.Context, t terminal, args []string) error {
	fs := newFlags("inspect", `usage: keyfold inspect [flags] [MODEL]

Prints what is in a model, by default the built-in one: configuration, tensors,
tokenizer, and what its KV cache takes per token.
`)
	m := modelFlags{model: models.Name}
	fs.StringVar(&m.tokenizer, "tokenizer", "", "`PATH` of the tokenizer; without it the model's own, or the one beside it")
	if err := fs.parse(t, args, 1); err != nil {
		return err
	}
	if fs.NArg() == 1 {
		m.model = fs.Arg(0)
	}
	f, _, err := m.open(false)
	if err != nil {
		return err
	}
	defer f.Close()
	c := f.Config
	var total, parameters int64
	types := map[string]int{}
	for _, tensor := range f.Tensors() {
		total += tensor.Bytes()
		parameters += int64(tensor.Rows) * int64(tensor.Cols)
		types[tensor.Type.String()]++
	}
	w := tabwriter.NewWriter(t.out, 0, 0, 2, ' ', 0)
	row := func(name, format string, args ...any) {
		fmt.Fprintf(w, "%s\t"+format+"\n", append([]any{name}, args...)...)
	}
	row("model", "%s", f.Model)
	row("format", "%s", f.Format)
	row("parameters", "%d", parameters)
	row("weights", "%d bytes", total)
	row("dim", "%d", c.Dim)
	row("hidden_dim", "%d", c.HiddenDim)
	row("n_layers", "%d", c.NLayers)
	row("n_heads", "%d", c.NHeads)
	row("n_kv_heads", "%d", c.NKVHeads)
	row("head_dim", "%d", c.HeadDim)
	row("vocab_size", "%d", c.VocabSize)
	row("context", "%d", c.SeqLen)
	row("norm_eps", "%.6g", c.NormEps)
	row("rope_base", "%g", c.RopeBase)
	_, untied := f.Tensor("output.weight")
	row("tied embeddings", "%v", !untied)
	tok, err := m.findTokenizer(f.Meta, c.VocabSize)
	if err != nil {
		row("tokenizer", "none: %v", err)
	} else {
		row("tokenizer", "%s, %d tokens, BOS %d, EOS %d", tok.Kind(), tok.VocabSize(), tok.BOS(), tok.EOS())
	}
	for _, kv := range layout.CacheTypes {
		if kv.Check(c.HeadDim) != nil {
			continue
		}
		rowBytes := 4 * kv.RowWords(c.HeadDim)
		row("KV cache "+kv.String(), "%d bytes per token: %d layers x %d KV heads x (2 x %d bytes of %d elements + 12)",
			c.NLayers*c.NKVHeads*(2*rowBytes+12), c.NLayers, c.NKVHeads, rowBytes, c.HeadDim)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(t.out)
	w = tabwriter.NewWriter(t.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, strings.Join([]string{"tensor", "type", "shape", "bytes"}, "\t"))
	for _, tensor := range f.Tensors() {
		fmt.Fprintf(w, "%s\t%v\t(%d, %d)\t%d\n", tensor.Name, tensor.Type, tensor.Rows, tensor.Cols, tensor.Bytes())
	}
	return w.Flush()
}
