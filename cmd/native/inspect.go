//go:build !js

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"keyfold/engine"
	"keyfold/engine/chat"
	"keyfold/engine/checkpoint"
	"keyfold/layout"
	"keyfold/models"
)

const inspectUsage = `usage: keyfold inspect [flags] [MODEL]

Prints what is in a model, by default the built-in one: configuration, tensors,
tokenizer, and what its KV cache takes per token. Of a model that cannot run it
prints what its files say, and every reason why not.
`

func inspectCommand(_ context.Context, t terminal, args []string) error {
	fs := newFlags("inspect", inspectUsage)
	m := modelFlags{model: models.Name}
	fs.StringVar(&m.tokenizer, "tokenizer", "", "`PATH` of the tokenizer; without it the model's own, or the one beside it")
	if err := fs.parse(t, args, 1); err != nil {
		return err
	}
	if fs.NArg() == 1 {
		m.model = fs.Arg(0)
	}
	if err := m.locate(); err != nil {
		return err
	}
	f, _, err := m.open(false)
	if err != nil {
		describeRefused(t.out, m.model)
		return err
	}
	defer f.Close()
	table := newTable(t.out)
	describeModel(table, f)
	describeTokenizer(table, &m, f)
	describeCacheTypes(table, f.Config)
	if err := table.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(t.out)
	return printTensors(t.out, f)
}

// describeRefused prints what there is to say of a model that cannot run.
func describeRefused(w io.Writer, path string) {
	d, _ := checkpoint.Describe(path) // as far as it goes: why the model cannot run is said anyway
	if d.Format == "" {
		return
	}
	table := newTable(w)
	table.row("format", "%s", d.Format)
	for _, s := range d.Settings {
		table.row(s[0], "%s", s[1])
	}
	table.Flush()
	fmt.Fprintln(w)
	columns := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(columns, "tensor\ttype\tshape")
	for _, tensor := range d.Tensors {
		fmt.Fprintf(columns, "%s\t%s\t%s\n", tensor.Name, tensor.Type, tensor.Shape)
	}
	columns.Flush()
}

// describeModel prints a model's format, size and configuration.
func describeModel(t *table, f *checkpoint.File) {
	var bytes, parameters int64
	for _, tensor := range f.Tensors() {
		bytes += tensor.Bytes()
		parameters += int64(tensor.Rows) * int64(tensor.Cols)
	}
	c := f.Config
	t.row("model", "%s", f.Model)
	t.row("format", "%s", f.Format)
	t.row("architecture", "%s", f.Architecture)
	t.row("parameters", "%d", parameters)
	t.row("weights", "%d bytes", bytes)
	t.row("dim", "%d", c.Dim)
	t.row("hidden_dim", "%d", c.HiddenDim)
	t.row("n_layers", "%d", c.NLayers)
	t.row("n_heads", "%d", c.NHeads)
	t.row("n_kv_heads", "%d", c.NKVHeads)
	t.row("head_dim", "%d", c.HeadDim)
	t.row("vocab_size", "%d", c.VocabSize)
	t.row("context", "%d", c.SeqLen)
	t.row("norm_eps", "%.6g", c.NormEps)
	t.row("rope_base", "%g", c.RopeBase)
	if c.RopeFactors != nil {
		t.row("rope scaling", "%s", describeFactors(c.RopeFactors))
	}
	if c.QKVBias {
		t.row("biases", "of queries, keys and values")
	}
	if c.QKNorm {
		t.row("norms", "of each head of queries and keys")
	}
	_, untied := f.Tensor("output.weight")
	t.row("tied embeddings", "%v", !untied)
}

// describeFactors says what the frequencies of RoPE are divided by.
func describeFactors(factors []float32) string {
	if low, high := slices.Min(factors), slices.Max(factors); low < high {
		return fmt.Sprintf("frequencies divided by %g to %g", low, high)
	}
	return fmt.Sprintf("linear: frequencies divided by %g", factors[0])
}

// describeTokenizer prints which tokenizer the model gets.
func describeTokenizer(t *table, m *modelFlags, f *checkpoint.File) {
	tok, err := m.findTokenizer(f.Meta, f.Config.VocabSize)
	if err == nil {
		err = engine.FitVocabulary(f, tok)
	}
	if err != nil {
		t.row("tokenizer", "none: %v", err)
		return
	}
	t.row("tokenizer", "%s, %d tokens, BOS %d, EOS %d", tok.Kind(), tok.VocabSize(), tok.BOS(), tok.EOS())
	var ends []string
	for _, id := range tok.Ends() {
		ends = append(ends, fmt.Sprintf("%d %s", id, tok.Piece(id)))
	}
	t.row("ends a text", "%s", strings.Join(ends, ", "))
	switch template, err := m.findTemplate(f.Meta, tok); {
	case errors.Is(err, chat.ErrNone):
		t.row("chat template", "none")
	case err != nil:
		t.row("chat template", "not usable: %v", err)
	default:
		t.row("chat template", "%s", template.Family())
	}
}

// describeCacheTypes prints what a token takes in a cache of each type.
func describeCacheTypes(t *table, c checkpoint.Config) {
	for _, kv := range layout.CacheTypes {
		if kv.Check(c.HeadDim) != nil {
			continue
		}
		rowBytes := 4 * kv.RowWords(c.HeadDim)
		t.row("KV cache "+kv.String(), "%d bytes per token: %d layers x %d KV heads x (2 x %d bytes of %d elements + 12)",
			c.NLayers*c.NKVHeads*(2*rowBytes+12), c.NLayers, c.NKVHeads, rowBytes, c.HeadDim)
	}
}

// printTensors prints the model's tensors, one a line.
func printTensors(w io.Writer, f *checkpoint.File) error {
	columns := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(columns, strings.Join([]string{"tensor", "type", "shape", "bytes"}, "\t"))
	for _, tensor := range f.Tensors() {
		fmt.Fprintf(columns, "%s\t%v\t(%d, %d)\t%d\n", tensor.Name, tensor.Type, tensor.Rows, tensor.Cols, tensor.Bytes())
	}
	return columns.Flush()
}
