//go:build !js

package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"keyfold/compress"
	"keyfold/engine"
	"keyfold/engine/checkpoint"
	"keyfold/layout"
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
	prefill, decode, runs      int
	contexts                   string
	fill, kernels              bool

	kv       layout.CacheType
	chosen   compress.Method
	contextN []int
}

// Rate is tokens per second: those of every run, in order, and their median.
type Rate struct {
	Runs   []float64 `json:"runs"`
	Median float64   `json:"median"`
	Least  float64   `json:"least"`
	Most   float64   `json:"most"`
}

func newRate(runs []float64) Rate {
	sorted := slices.Sorted(slices.Values(runs))
	n := len(sorted)
	return Rate{Runs: runs, Median: (sorted[(n-1)/2] + sorted[n/2]) / 2, Least: sorted[0], Most: sorted[n-1]}
}

func (r Rate) String() string {
	return fmt.Sprintf("%.4g tokens/s (%.4g to %.4g in %d runs)", r.Median, r.Least, r.Most, len(r.Runs))
}

// BenchReport is what bench measured. Bytes and operations are counted, not
// measured; GB are 10^9 bytes. Shares are of Limits.
type BenchReport struct {
	Date    string              `json:"date"`
	Machine string              `json:"machine"`
	Model   engine.ModelReport  `json:"model"`
	Weights string              `json:"weights"`    // type of the embedding
	Params  int                 `json:"parameters"` // of all tensors
	Device  engine.DeviceReport `json:"device"`
	KV      string              `json:"kv"`
	Method  string              `json:"method"`
	Options map[string]any      `json:"options,omitempty"` // of the method, in the last context
	Limits  struct {
		CopyGBs      float64 `json:"copy_gb_per_s"`
		MatMulGFLOPs float64 `json:"matmul_gflop_per_s"`
	} `json:"limits"`
	Prefill  *BenchPrefill  `json:"prefill,omitempty"`
	Contexts []BenchContext `json:"contexts"`
}

// BenchPrefill is the reading of a prompt without compression.
type BenchPrefill struct {
	Tokens  int           `json:"tokens"`
	Rate    Rate          `json:"tokens_per_s"`
	GFLOPs  float64       `json:"gflop_per_s"`
	Share   float64       `json:"share_of_matmul"`
	Profile *BenchProfile `json:"profile,omitempty"` // of the whole prompt
}

// BenchContext is the writing of text behind a context. Bytes, operations and
// the profile are per decoded token, on average.
type BenchContext struct {
	Context     int           `json:"context"` // tokens before the first decoded one
	Filled      bool          `json:"filled"`  // with random rows instead of read
	FillMS      float64       `json:"fill_ms"`
	CompressMS  float64       `json:"compress_ms"`
	Slots       int           `json:"slots"`         // of all layers and KV heads, after compression
	Ratio       float64       `json:"ratio"`         // of those before
	Formula     int           `json:"bytes_formula"` // slots times the bytes of a slot
	Allocated   int           `json:"bytes_allocated"`
	LiveBytes   int           `json:"live_bytes"` // of all buffers on the device; 0 on the CPU
	Decoded     int           `json:"decoded"`    // tokens of a run
	Rate        Rate          `json:"tokens_per_s"`
	WeightBytes float64       `json:"weight_bytes"`
	CacheBytes  float64       `json:"cache_bytes"`
	Operations  float64       `json:"operations"`
	GBs         float64       `json:"gb_per_s"`
	CopyShare   float64       `json:"share_of_copy"`
	GFLOPs      float64       `json:"gflop_per_s"`
	MatMulShare float64       `json:"share_of_matmul"`
	Profile     *BenchProfile `json:"profile,omitempty"`
}

// BenchProfile is what the kernels took in a run of its own, in which measuring
// them takes time too. There is none on the CPU.
type BenchProfile struct {
	How        string        `json:"how"` // timestamps, or one kernel per submit
	MS         float64       `json:"ms"`  // of the run
	Dispatches float64       `json:"dispatches"`
	KernelsMS  float64       `json:"kernels_ms"`
	Kernels    []BenchKernel `json:"kernels"` // in order of first use
}

// BenchKernel is what one kernel took, with one kind of matrix, over all layers.
type BenchKernel struct {
	Kernel     string  `json:"kernel"`
	Matrix     string  `json:"matrix,omitempty"`
	Dispatches float64 `json:"dispatches"`
	MS         float64 `json:"ms"`
}

func benchCommand(ctx context.Context, t terminal, args []string) error {
	b := &benchmark{}
	fs := newFlags("bench", benchUsage)
	b.register(fs, "f16")
	fs.StringVar(&b.shape, "shape", "", "random weights of a `SHAPE` instead of -model: dim,hidden,layers,heads,kv_heads,vocab or "+strings.Join(shapeNames(), ", "))
	fs.StringVar(&b.weights, "type", "q8_0", "`TYPE` of the matrices of -shape: "+checkpoint.TypeNames)
	fs.StringVar(&b.save, "save", "", "`FILE` to keep the model of -shape in, as GGUF")
	fs.IntVar(&b.prefill, "prefill", 256, "`TOKENS` of the prompt whose reading is timed; 0: none")
	fs.IntVar(&b.decode, "decode", 64, "`TOKENS` to write behind each context")
	fs.StringVar(&b.contexts, "context", "0", "`TOKENS` before the first one that is written, by commas; 0 is one token, which the text begins with")
	fs.BoolVar(&b.fill, "fill", false, "fill contexts with random rows instead of reading them; for methods that measure nothing")
	fs.BoolVar(&b.kernels, "kernels", false, "instead of speeds, time all kernels that do the same thing, on -kv and the longest -context (512), and say which choices would change")
	fs.IntVar(&b.runs, "runs", 5, "`TIMES` that each speed is measured, after one time that is not counted; 0 with -save: only write the file")
	fs.StringVar(&b.json, "json", "", "`FILE` for everything as JSON; - is standard output")
	if err := b.parse(t, fs, args, 0); err != nil {
		return err
	}
	if err := b.check(fs); err != nil {
		return err
	}
	f, err := b.openModel()
	if err != nil || b.runs == 0 {
		return err
	}
	defer f.Close()
	if need := max(b.prefill, slices.Max(b.contextN)+b.decode); need > f.Config.SeqLen && !b.kernels {
		return fmt.Errorf("-prefill, or -context and -decode, are %d tokens, the model's context is %d", need, f.Config.SeqLen)
	}
	e, err := engine.Open(ctx, f, nil, engine.DeviceKind(b.device))
	if err != nil {
		return err
	}
	defer e.Close()
	printDevice(t.err, e)
	if b.kernels {
		return b.compareKernels(t, e, f)
	}
	r, err := b.measure(ctx, e, f)
	if err != nil {
		return err
	}
	if b.json != "-" {
		r.print(t.out)
	}
	return b.write(t, r)
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
	if b.kv, err = b.cacheType(); err != nil {
		return err
	}
	if b.chosen, err = b.newMethod(); err != nil {
		return err
	}
	needs := b.chosen.Needs()
	if err := knowsNoFuture("bench", b.method, b.chosen); err != nil {
		return err
	}
	switch {
	case b.fill && needs != compress.Needs{}:
		return usageError("-fill: -method %s measures the text, so it has to be read", b.method)
	case b.shape != "" && given(fs, "model"):
		return usageError("-model and -shape are both given, want one")
	case b.shape == "" && (given(fs, "type") || b.save != ""):
		return usageError("-type and -save are for -shape, which is missing")
	case b.prefill < 0:
		return usageError("-prefill is %d, want 0 or more", b.prefill)
	case b.decode < 1:
		return usageError("-decode is %d, want at least 1", b.decode)
	case b.runs < 0 || b.runs == 0 && b.save == "":
		return usageError("-runs is %d, want at least 1, or 0 with -save", b.runs)
	}
	for field := range strings.SplitSeq(b.contexts, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(field))
		if err != nil || n < 0 || n > 1<<24 {
			return usageError("-context: %q is not a number of tokens", field)
		}
		b.contextN = append(b.contextN, max(1, n))
	}
	return nil
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

// openModel opens -model, or makes the one of -shape. Without -save that goes to
// a temporary file, which is gone when it is closed.
func (b *benchmark) openModel() (*checkpoint.File, error) {
	if b.shape == "" {
		f, _, err := b.open(false)
		return f, err
	}
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
	err = writeFile(path, func(w io.Writer) error { return models.WriteRandom(w, shape, weights, uint64(b.seed)) })
	if err != nil {
		return nil, err
	}
	return checkpoint.Open(path)
}

// now and machine say when and where something was measured.
func now() string { return time.Now().UTC().Format(time.DateTime) }

func machine() string {
	return fmt.Sprintf("%s/%s, %d CPUs, %s", runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), runtime.Version())
}

// measure measures everything.
func (b *benchmark) measure(ctx context.Context, e *engine.Engine, f *checkpoint.File) (*BenchReport, error) {
	sum, err := f.SHA256()
	if err != nil {
		return nil, err
	}
	r := &BenchReport{
		Date: now(), Machine: machine(), Model: e.DescribeModel(f.Model, sum), Device: e.Device.Describe(), KV: b.kv.String(), Method: b.method,
	}
	for _, t := range f.Tensors() {
		r.Params += t.Rows * t.Cols
		if r.Weights == "" {
			r.Weights = t.Type.String()
		}
	}
	limits, err := e.Limits()
	if err != nil {
		return nil, err
	}
	r.Limits.CopyGBs, r.Limits.MatMulGFLOPs = limits.CopyBytes/1e9, limits.MatMulRate/1e9
	if b.prefill > 0 {
		if r.Prefill, err = b.measurePrefill(ctx, e); err != nil {
			return nil, err
		}
		r.Prefill.Share = r.Prefill.GFLOPs / r.Limits.MatMulGFLOPs
	}
	for _, n := range b.contextN {
		c, options, err := b.measureContext(ctx, e, n)
		if err != nil {
			return nil, err
		}
		c.CopyShare, c.MatMulShare = c.GBs/r.Limits.CopyGBs, c.GFLOPs/r.Limits.MatMulGFLOPs
		r.Contexts, r.Options = append(r.Contexts, *c), options
	}
	return r, nil
}

// repeat times do, once more than b.runs, and returns tokens per second without
// the first time, in which kernels are compiled.
func (b *benchmark) repeat(tokens int, do func() (time.Duration, error)) (Rate, error) {
	var runs []float64
	for i := range b.runs + 1 {
		took, err := do()
		if err != nil {
			return Rate{}, err
		}
		if i > 0 {
			runs = append(runs, float64(tokens)/took.Seconds())
		}
	}
	return newRate(runs), nil
}

func (b *benchmark) measurePrefill(ctx context.Context, e *engine.Engine) (*BenchPrefill, error) {
	tokens := arbitraryTokens(b.prefill, e.Config.VocabSize)
	read := func() (time.Duration, error) {
		start := time.Now()
		p, err := e.Prefill(ctx, tokens, engine.Settings{KV: b.kv})
		if err != nil {
			return 0, err
		}
		took := time.Since(start)
		p.Free()
		return took, nil
	}
	rate, err := b.repeat(len(tokens), read)
	if err != nil {
		return nil, err
	}
	r := &BenchPrefill{Tokens: len(tokens), Rate: rate}
	r.GFLOPs = float64(e.PrefillOperations(len(tokens))) / 1e9 / float64(len(tokens)) * rate.Median
	r.Profile, err = profile(e, 1, read)
	return r, err
}

// measureContext measures decoding behind n tokens.
func (b *benchmark) measureContext(ctx context.Context, e *engine.Engine, n int) (*BenchContext, map[string]any, error) {
	r := &BenchContext{Context: n, Filled: b.fill, Decoded: b.decode}

	// 1. The context, and what the method leaves of it.
	start := time.Now()
	var p *engine.Prompt
	var err error
	o := engine.Settings{KV: b.kv, Method: b.chosen, InCache: b.inCache()}
	if b.fill {
		p, err = e.Fill(n, o)
	} else {
		p, err = e.Prefill(ctx, arbitraryTokens(n, e.Config.VocabSize), o)
	}
	if err != nil {
		return nil, nil, err
	}
	defer p.Free()
	r.FillMS = 1e3 * time.Since(start).Seconds()
	start = time.Now()
	plan, signals, err := p.Compress()
	if err != nil {
		return nil, nil, err
	}
	r.CompressMS = 1e3 * time.Since(start).Seconds()
	r.Slots, r.Ratio, r.Formula = p.Cache.Slots(), plan.Ratio(signals), p.Cache.Occupied()
	r.Allocated, r.LiveBytes = p.Cache.Allocated(), e.LiveBytes()

	// 2. Decode behind copies of it.
	before := e.DecodeWork(p.Cache)
	var after engine.Work
	write := func() (took time.Duration, err error) {
		text, err := p.Fork()
		if err != nil {
			return 0, err
		}
		defer text.Free()
		start := time.Now()
		// The last token is not fed.
		err = text.Generate(ctx, engine.Generation{N: b.decode + 1, Sampler: engine.Sampler{Seed: uint32(b.seed), TopP: 1, RepeatPenalty: 1},
			Emit: func(engine.Token) error { return nil }})
		took = time.Since(start)
		if err != nil {
			return 0, err
		}
		after = e.DecodeWork(text.Cache)
		return took, nil
	}
	if r.Rate, err = b.repeat(b.decode, write); err != nil {
		return nil, nil, err
	}
	if r.Profile, err = profile(e, b.decode, write); err != nil {
		return nil, nil, err
	}

	// 3. What a token reads and computes: the first of them sees one slot more
	// than there were, the last one all.
	mean := func(before, after int) float64 {
		return float64(before) + float64(after-before)*float64(b.decode+1)/float64(2*b.decode)
	}
	r.WeightBytes = float64(after.WeightBytes)
	r.CacheBytes = mean(before.CacheBytes, after.CacheBytes)
	r.Operations = mean(before.Operations, after.Operations)
	r.GBs = (r.WeightBytes + r.CacheBytes) / 1e9 * r.Rate.Median
	r.GFLOPs = r.Operations / 1e9 * r.Rate.Median
	return r, plan.Options, nil
}

// profile returns what the kernels of do took, divided by n. On the CPU that is nil.
func profile(e *engine.Engine, n int, do func() (time.Duration, error)) (*BenchProfile, error) {
	if e.Device.Kind != "gpu" {
		return nil, nil
	}
	p := &BenchProfile{}
	times, how, err := e.Profile(func() error {
		took, err := do()
		p.MS = 1e3 * took.Seconds() / float64(n)
		return err
	})
	p.How = how
	for _, t := range times {
		k := BenchKernel{Kernel: t.Kernel, Matrix: t.Matrix, Dispatches: float64(t.Dispatches) / float64(n), MS: 1e3 * t.Time.Seconds() / float64(n)}
		p.Kernels = append(p.Kernels, k)
		p.Dispatches += k.Dispatches
		p.KernelsMS += k.MS
	}
	return p, err
}

// arbitraryTokens returns n different-looking tokens of a vocabulary.
func arbitraryTokens(n, vocab int) []int {
	tokens := make([]int, n)
	for i := range tokens {
		tokens[i] = (i*7919 + 13) % vocab
	}
	return tokens
}

// print prints the tables.
func (r *BenchReport) print(w io.Writer) {
	row := func(name, format string, args ...any) {
		fmt.Fprintf(w, "%-11s %s\n", name, fmt.Sprintf(format, args...))
	}
	row("model", "%s: %.3g M parameters, %s", r.Model.Name, float64(r.Params)/1e6, r.Weights)
	row("machine", "%s; %s", r.Machine, r.Date)
	device := "CPU, Go"
	if r.Device.Kind == "gpu" {
		device = fmt.Sprintf("%s (%s)", r.Device.Adapter, r.Device.Backend)
	}
	row("device", "%s", device)
	row("limits", "copy %.3g GB/s (read and written), the engine's float32 matmul %.3g GFLOP/s", r.Limits.CopyGBs, r.Limits.MatMulGFLOPs)
	if p := r.Prefill; p != nil {
		row("prefill", "%d tokens: %v", p.Tokens, p.Rate)
		row("", "%.3g GFLOP/s, %.0f %% of the matmul", p.GFLOPs, 100*p.Share)
		p.Profile.print(w, "of the prompt")
	}
	for _, c := range r.Contexts {
		how := "read"
		if c.Filled {
			how = "filled"
		}
		fmt.Fprintln(w)
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
		c.Profile.print(w, "of a token")
	}
}

// print prints the profile of what.
func (p *BenchProfile) print(w io.Writer, what string) {
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

// write writes -json.
func (b *benchmark) write(t terminal, r *BenchReport) error {
	if b.json == "" {
		return nil
	}
	return writeJSON(t, b.json, r)
}
