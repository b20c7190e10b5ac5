//go:build !js

package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"keyfold/bench"
	"keyfold/compress"
	"keyfold/engine"
	"keyfold/engine/checkpoint"
	"keyfold/engine/tokenizer"
	"keyfold/internal/output"
	"keyfold/models"
)

const benchUsage = `usage: keyfold bench [flags]

Measures how fast a model is read and written on this machine: tokens per
second, what each kernel takes, bytes and operations per token, and their share
of what the device does at best. Speed does not depend on what weights say, so
a model of any shape can be measured with random ones.

examples:
    keyfold bench -model stories260K.gguf -context 0,256
    keyfold bench -shape SmolLM2-135M -type q8_0 -context 0,1024
    keyfold bench -shape 288,768,6,6,6,512 -save small.gguf -runs 0
    keyfold bench -shape stories15M -context 4096 -fill -method random -budget 0.25
    keyfold bench -kernels -shape SmolLM2-135M -device gpu
`

// benchmark are the flags of bench.
type benchmark struct {
	runFlags
	shape, weights, save, json string
	decode, runs, match        int
	prefill, contexts, batches string
	fill, kernels              bool

	read                         engine.Settings
	prefillN, contextN, batchesN []int
}

func benchCommand(ctx context.Context, t terminal, args []string) error {
	b := &benchmark{}
	fs := newFlags("bench", benchUsage)
	b.register(fs, "f16")
	fs.StringVar(&b.shape, "shape", "", "random weights of a `SHAPE` instead of -model: dim,hidden,layers,heads,kv_heads,vocab or "+strings.Join(shapeNames(), ", "))
	fs.StringVar(&b.weights, "type", "q8_0", "`TYPE` of the matrices of -shape: "+checkpoint.TypeNames)
	fs.StringVar(&b.save, "save", "", "`FILE` to keep the model of -shape in, as GGUF")
	fs.StringVar(&b.prefill, "prefill", "256", "`TOKENS` of the prompts whose reading is timed, by commas; 0: none")
	fs.IntVar(&b.decode, "decode", 64, "`TOKENS` to write behind each context")
	fs.StringVar(&b.contexts, "context", "0", "`TOKENS` before the first one that is written, by commas; 0 is one token, which the text begins with")
	fs.StringVar(&b.batches, "batch", "1", "`TEXTS` that are written together, by commas: several read the weights once; 1 is measured anyway")
	fs.BoolVar(&b.fill, "fill", false, "fill contexts with random rows instead of reading them; for methods that measure nothing")
	fs.BoolVar(&b.kernels, "kernels", false, "instead of speeds, time all kernels that do the same thing, on -kv and the longest -context (512), and say which choices would change")
	fs.IntVar(&b.runs, "runs", 5, "`TIMES` that each speed is measured, after one time that is not counted; 0 with -save: only write the file")
	fs.IntVar(&b.match, "match", engine.MatchTokens, "`TOKENS` of a text on which the GPU's choices are compared with the CPU's; 0: none")
	fs.StringVar(&b.json, "json", "", "`FILE` for everything as JSON; - is standard output, and the tables go to standard error")
	if err := b.parse(t, fs, args, 0); err != nil {
		return err
	}
	if err := b.check(fs); err != nil {
		return err
	}
	outputs := []output.Named{named("-save", b.save), named("-json", b.json)}
	if err := output.Check(outputs, b.inputs()); err != nil {
		return err
	}
	if b.save != "" && !output.IsFile(b.save) {
		return usageError("-save is %q, want a file that can be read again", b.save)
	}
	f, tok, err := b.openModel()
	if err != nil || b.runs == 0 {
		return err
	}
	defer f.Close()
	if need := max(slices.Max(append(b.prefillN, 0)), slices.Max(b.contextN)+b.decode); need > f.Config.SeqLen && !b.kernels {
		return fmt.Errorf("-prefill, or -context and -decode, are %d tokens, the model's context is %d", need, f.Config.SeqLen)
	}
	e, err := b.start(ctx, t.err, f, nil)
	if err != nil {
		return err
	}
	defer e.Close()
	if b.kernels {
		return b.compareKernels(t, e, f)
	}
	r, err := bench.Measure(ctx, e, f, bench.Options{
		Settings:   b.read,
		MethodName: b.method, Seed: uint32(b.seed),
		Prefill: b.prefillN, Contexts: b.contextN, Fill: b.fill, Decode: b.decode, Batches: b.batchesN, Runs: b.runs,
		Match: b.match, Tokenizer: tok,
	})
	if err != nil {
		return err
	}
	printBench(t.besides(b.json), r)
	return t.writeJSON(b.json, r)
}

func shapeNames() []string {
	var names []string
	for _, s := range models.Shapes() {
		names = append(names, s.Name)
	}
	return names
}

// check checks the flags.
func (b *benchmark) check(fs *flagSet) (err error) {
	if b.read, err = b.settingsOf("bench"); err != nil {
		return err
	}
	switch {
	case b.fill && b.read.Method.Needs() != compress.Needs{}:
		return usageError("-fill: -method %s measures the text, so it has to be read", b.method)
	case b.shape != "" && given(fs, "model"):
		return usageError("-model and -shape are both given, want one")
	case b.shape == "" && (given(fs, "type") || b.save != ""):
		return usageError("-type and -save are for -shape, which is missing")
	case b.match < 0:
		return usageError("-match is %d, want 0 or more", b.match)
	case b.decode < 1:
		return usageError("-decode is %d, want at least 1", b.decode)
	case b.runs < 0 || b.runs == 0 && b.save == "":
		return usageError("-runs is %d, want at least 1, or 0 with -save", b.runs)
	}
	if b.prefillN, err = counts("prefill", b.prefill, "tokens", 0); err != nil {
		return err
	}
	if b.contextN, err = counts("context", b.contexts, "tokens", 0); err != nil {
		return err
	}
	for i, n := range b.contextN {
		b.contextN[i] = max(1, n)
	}
	if b.batchesN, err = counts("batch", b.batches, "texts", 1); err != nil {
		return err
	}
	b.prefillN = slices.DeleteFunc(b.prefillN, func(n int) bool { return n == 0 })
	b.batchesN = slices.DeleteFunc(b.batchesN, func(n int) bool { return n == 1 }) // measured anyway
	return nil
}

// counts returns the numbers, by commas, that a flag gives, none below least.
func counts(flag, text, what string, least int) (list []int, err error) {
	for field := range strings.SplitSeq(text, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(field))
		if err != nil || n < least || n > 1<<24 {
			return nil, usageError("-%s: %q is not a number of %s", flag, field, what)
		}
		list = append(list, n)
	}
	return list, nil
}

// parseShape reads -shape.
func parseShape(text string) (models.Shape, error) {
	for _, s := range models.Shapes() {
		if strings.EqualFold(s.Name, text) {
			return s, nil
		}
	}
	var n [6]int
	fields := strings.Split(text, ",")
	for i, field := range fields {
		v, err := strconv.Atoi(strings.TrimSpace(field))
		if err != nil || len(fields) != len(n) || v < 1 {
			return models.Shape{}, usageError("-shape is %q, want dim,hidden,layers,heads,kv_heads,vocab or %s",
				text, strings.Join(shapeNames(), ", "))
		}
		n[i] = v
	}
	return models.NewShape("", n[0], n[1], n[2], n[3], n[4], n[5]), nil
}

// openModel opens -model, or makes the one of -shape, whose text is arbitrary tokens.
func (b *benchmark) openModel() (*checkpoint.File, *tokenizer.Tokenizer, error) {
	if b.shape != "" {
		f, err := b.makeModel()
		return f, nil, err
	}
	f, tok, err := b.open(true)
	if err != nil && b.tokenizer == "" { // speed needs none
		f, _, err = b.open(false)
	}
	return f, tok, err
}

// makeModel makes the model of -shape. Without -save it goes to a temporary file,
// which is gone when it is closed.
func (b *benchmark) makeModel() (*checkpoint.File, error) {
	shape, err := parseShape(b.shape)
	if err != nil {
		return nil, err
	}
	weights, ok := checkpoint.TypeOf(b.weights)
	if !ok {
		return nil, usageError("-type is %q, want %s", b.weights, checkpoint.TypeNames)
	}
	path := b.save
	if path == "" {
		folder, err := os.MkdirTemp("", "keyfold-bench-")
		if err != nil {
			return nil, err
		}
		defer os.RemoveAll(folder)
		path = folder + "/shape.gguf"
	}
	err = output.Write(path, nil, func(w io.Writer) error { return models.WriteRandom(w, shape, weights, uint64(b.seed)) })
	if err != nil {
		return nil, err
	}
	return checkpoint.Open(path)
}

// printBench prints the tables.
func printBench(w io.Writer, r *bench.Report) {
	row := func(name, format string, args ...any) { printRow(w, name, format, args...) }
	row("model", "%s: %.3g M parameters, %s", r.Model.Name, float64(r.Params)/1e6, r.Weights)
	row("machine", "%s; %s", r.Machine, r.Date)
	device := "CPU, Go"
	if r.Device.Kind == "gpu" {
		device = fmt.Sprintf("%s (%s)", r.Device.Adapter, r.Device.Backend)
	}
	row("device", "%s", device)
	row("limits", "copy %.3g GB/s (read and written), the engine's float32 matmul %.3g GFLOP/s", r.Limits.CopyGBs, r.Limits.MatMulGFLOPs)
	printOverhead(w, r)
	for _, p := range r.Prefill {
		row("prefill", "%d tokens: %v", p.Tokens, p.Rate)
		row("", "%.3g GFLOP/s, %.0f %% of the matmul", p.GFLOPs, 100*p.Share)
		printProfile(w, p.Profile, "of the prompt")
	}
	for _, c := range r.Contexts {
		fmt.Fprintln(w)
		printContext(w, r, c)
	}
}

// printOverhead prints what a GPU takes besides arithmetic, and whether that is right.
func printOverhead(w io.Writer, r *bench.Report) {
	if o := r.Overhead; o != nil {
		var bursts []string
		for _, b := range o.Bursts {
			bursts = append(bursts, fmt.Sprintf("%d in %.3g ms", b.Kernels, b.MS))
		}
		printRow(w, "overhead", "a wait takes %.3g ms, a dispatch %.3g µs (%s)", o.WaitMS, o.DispatchUS, strings.Join(bursts, ", "))
	}
	if m := r.Match; m != nil {
		printRow(w, "CPU match", "%d of %d first choices are the CPU's (%.1f %%), logits differ by %.2g at most",
			m.Same, m.Tokens, 100*float64(m.Same)/float64(m.Tokens), m.Difference)
	}
	if r.MatchRefused != "" {
		printRow(w, "CPU match", "not compared: the model would be in memory once more, and %s", r.MatchRefused)
	}
}

func printContext(w io.Writer, r *bench.Report, c bench.Context) {
	row := func(name, format string, args ...any) { printRow(w, name, format, args...) }
	how := "read"
	if c.Filled {
		how = "filled"
	}
	row("context", "%d tokens, %s in %.0f ms; method %s keeps %.3f of the slots, in %.0f ms",
		c.Context, how, c.FillMS, r.Method, c.Ratio, c.CompressMS)
	row("memory", "cache %s: %.4g MB by the formula, %.4g MB allocated", r.KV, float64(c.Formula)/1e6, float64(c.Allocated)/1e6)
	if c.LiveBytes > 0 {
		row("", "all buffers on the device: %.4g MB (weights, cache, activations of a chunk, tables)", float64(c.LiveBytes)/1e6)
	}
	row("decode", "%d tokens: %v", c.Decoded, c.Rate)
	row("", "a token reads %.4g MB of weights and %.4g MB of cache: %.3g GB/s, %.0f %% of the copy",
		c.WeightBytes/1e6, c.CacheBytes/1e6, c.GBs, 100*c.CopyShare)
	row("", "and takes %.4g MFLOP: %.3g GFLOP/s, %.0f %% of the matmul", c.Operations/1e6, c.GFLOPs, 100*c.MatMulShare)
	for _, b := range c.Batches {
		row("batch", "%d texts: %v, %.2f times one", b.Texts, b.Rate, b.Gain)
	}
	printProfile(w, c.Profile, "of a token")
}

// printProfile prints the profile of what, if there is one.
func printProfile(w io.Writer, p *bench.Profile, what string) {
	if p == nil {
		return
	}
	fmt.Fprintf(w, "%-11s %s, by %s, in a run that took %.4g ms:\n", "kernels", what, p.How, p.MS)
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	line := func(name, dispatches string, ms float64) {
		fmt.Fprintf(table, "            %-28s\t%s\t%.3f ms\t%.1f %%\t\n", name, dispatches, ms, 100*ms/p.MS)
	}
	count := func(n float64) string { return strconv.FormatFloat(n, 'g', 4, 64) }
	for _, k := range p.Kernels {
		line(strings.TrimSpace(k.Kernel+" "+k.Matrix), count(k.Dispatches), k.MS)
	}
	line("all dispatches", count(p.Dispatches), p.KernelsMS)
	line("everything else", "", p.MS-p.KernelsMS)
	table.Flush()
}
