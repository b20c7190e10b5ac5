//go:build !js

package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"keyfold/engine"
	"keyfold/engine/checkpoint"
)

const runUsage = `usage: keyfold run [flags] [PROMPT]

Continues a prompt. The prompt and its continuation go to standard output,
statistics to standard error. Without PROMPT and -prompt-file the text begins
from nothing. Generation ends after -n tokens, at EOS or at BOS.

examples:
    keyfold run "Once upon a time"
    keyfold run -model stories260K.gguf -temperature 0 -n 200
    keyfold run -model stories260K.gguf -method kvmerger -budget 0.35 -prompt-file long.txt -shadow
    keyfold run -method gvote -help
`

// generation are the flags of run besides the common ones.
type generation struct {
	runFlags
	n, maxSlots         int
	sampler             engine.Sampler
	promptFile, json    string
	shadow, outputError bool
	temperature, topP   float64
	minP, repeatPenalty float64
	prompt              string
	pins                pinFlag
	nIsGiven            bool
}

func runCommand(ctx context.Context, t terminal, args []string) error {
	g, err := parseGeneration(t, args)
	if err != nil {
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
	if err := knowsNoFuture("run", g.method, method); err != nil {
		return err
	}
	if err := g.canRepeat(method); err != nil {
		return err
	}
	if g.maxSlots > 0 {
		if err := engine.CanBound(method, g.maxSlots); err != nil {
			return usageError("-max-slots: %v", err)
		}
	}
	if err := g.readPrompt(t); err != nil {
		return err
	}

	// 1. Load the model and the prompt's tokens.
	f, tok, err := g.open(true)
	if err != nil {
		return err
	}
	defer f.Close()
	prompt, err := tok.Encode(g.prompt, tok.AddsBOS() || g.prompt == "")
	if err != nil {
		return err
	}
	if !g.inCache() || g.shadow { // a shadow's cache is full
		if err := g.fitContext(f.Config, fmt.Sprintf("a prompt of %d tokens", len(prompt)), len(prompt)); err != nil {
			return err
		}
	}
	e, err := engine.Open(ctx, f, tok, engine.DeviceKind(g.device))
	if err != nil {
		return err
	}
	defer e.Close()
	printDevice(t.err, e)

	// 2. Read the prompt; decide; compress.
	report := &engine.Report{PromptTokens: len(prompt), Tokens: []engine.TokenReport{}}
	start := time.Now()
	p, err := e.Prefill(ctx, prompt, engine.Settings{
		KV: kv, Pins: g.pins, InCache: g.inCache(), MaxSlots: g.maxSlots, Method: method, Every: g.every,
	})
	if err != nil {
		return err
	}
	defer p.Free()
	prefillTime := time.Since(start)
	var shadow *engine.Shadow
	if g.shadow {
		full, err := g.fullText(ctx, e, p)
		if err != nil {
			return err
		}
		shadow = engine.NewShadow(full, g.outputError)
		defer shadow.Free()
	}
	start = time.Now()
	plan, signals, err := p.Compress()
	if err != nil {
		return err
	}
	compressTime := time.Since(start)
	report.Method = engine.DescribeMethod(method, plan, signals)
	if used := p.Cache.Used(); g.inCache() && g.every == 0 {
		if err := g.fitContext(f.Config, fmt.Sprintf("%d slots in use", used), used); err != nil {
			return err
		}
	}

	// 3. Generate.
	stream := tok.Stream()
	for _, id := range prompt {
		fmt.Fprint(t.out, stream.Next(id))
	}
	start = time.Now()
	err = p.Generate(ctx, engine.Generation{N: g.n, Sampler: g.sampler, Shadow: shadow, Emit: func(token engine.Token) error {
		text := stream.Next(token.ID)
		report.Tokens = append(report.Tokens, token.Describe(text))
		_, err := fmt.Fprint(t.out, text)
		return err
	}})
	fmt.Fprintln(t.out, stream.Rest())
	if err != nil {
		return err
	}
	report.Timing = engine.DescribeTiming(prefillTime, compressTime, time.Since(start), len(report.Tokens))
	report.Cache = p.Cache.Describe(plan, signals)
	report.Cache.Compressions = p.Compressions()
	if shadow != nil {
		full, err := tok.Decode(shadow.Text())
		if err != nil {
			return err
		}
		report.Quality = shadow.Describe(report.Tokens, full)
	}
	printReport(t.err, report)
	return g.writeReport(t, e, f, report)
}

// fullText returns the prompt in a full cache: a copy, or with -max-slots one that
// is read for itself, without the bound.
func (g *generation) fullText(ctx context.Context, e *engine.Engine, p *engine.Prompt) (*engine.Text, error) {
	if g.maxSlots == 0 {
		return p.Fork()
	}
	full, err := e.Prefill(ctx, p.Tokens, engine.Settings{KV: p.Cache.Type})
	if err != nil {
		return nil, err
	}
	full.FreeSignals()
	return &full.Text, nil
}

func parseGeneration(t terminal, args []string) (*generation, error) {
	g := &generation{}
	fs := newFlags("run", runUsage)
	g.register(fs, "f16")
	g.registerSampling(fs)
	g.registerPrompt(fs)
	g.registerEvery(fs)
	fs.IntVar(&g.maxSlots, "max-slots", 0, "compress while the prompt is read, too, so that no head has more than `N` slots then; 0: only after it")
	fs.Var(&g.pins, "pin", "slots `FROM:TO` of the prompt that no method may touch, TO not included; may be repeated")
	fs.BoolVar(&g.shadow, "shadow", false, "also run the full cache and report quality against it")
	fs.BoolVar(&g.outputError, "output-error", false, "with -shadow: report the attention-output error per layer and head")
	fs.StringVar(&g.json, "json", "", "`FILE` for the report as JSON; - is standard output")
	if err := g.parse(t, fs, args, 1); err != nil {
		return nil, err
	}
	if g.outputError && !g.shadow {
		return nil, usageError("-output-error needs -shadow")
	}
	if g.outputError && g.inCache() {
		return nil, usageError("-output-error needs -positions text: it asks the full cache's queries, which are rotated by positions in the text, of the compressed cache")
	}
	if err := g.takePrompt(fs); err != nil {
		return nil, err
	}
	if given(fs, "max-slots") && g.maxSlots < 1 {
		return nil, usageError("-max-slots is %d, want at least 1", g.maxSlots)
	}
	return g, g.takeSampling(fs)
}

func (g *generation) registerSampling(fs *flagSet) {
	fs.IntVar(&g.n, "n", 256, "`TOKENS` to generate at most; by default 256, or what the context leaves")
	fs.Float64Var(&g.temperature, "temperature", 0.8, "temperature `T`: 0 always takes the likeliest token, 1 keeps the model's odds")
	fs.IntVar(&g.sampler.TopK, "top-k", 0, "draw from the `K` likeliest tokens only; 0: off")
	fs.Float64Var(&g.topP, "top-p", 0.9, "draw from the smallest set of tokens with total probability `P`; 1: off")
	fs.Float64Var(&g.minP, "min-p", 0, "draw only tokens with at least `P` times the likeliest one's probability; 0: off")
	fs.Float64Var(&g.repeatPenalty, "repeat-penalty", 1, "`R` > 1 makes tokens that the text has already less likely; 1: off")
}

// takeSampling checks the flags of length and sampling and fills in the sampler.
func (g *generation) takeSampling(fs *flagSet) error {
	if g.nIsGiven = given(fs, "n"); g.n < 1 {
		return usageError("-n is %d, want at least 1", g.n)
	}
	g.sampler.Seed = uint32(g.seed)
	g.sampler.Temperature, g.sampler.TopP = float32(g.temperature), float32(g.topP)
	g.sampler.MinP, g.sampler.RepeatPenalty = float32(g.minP), float32(g.repeatPenalty)
	if err := g.sampler.Validate(); err != nil {
		return usageError("-%v", err)
	}
	return nil
}

func (g *generation) registerPrompt(fs *flagSet) {
	fs.StringVar(&g.promptFile, "prompt-file", "", "`PATH` of the prompt; - is standard input")
}

// takePrompt takes PROMPT, where it is given.
func (g *generation) takePrompt(fs *flagSet) error {
	if g.prompt = fs.Arg(0); fs.NArg() == 1 && g.promptFile != "" {
		return usageError("PROMPT and -prompt-file are both given, want one")
	}
	return nil
}

// readPrompt reads -prompt-file.
func (g *generation) readPrompt(t terminal) error {
	var data []byte
	var err error
	switch g.promptFile {
	case "":
		return nil
	case "-":
		data, err = io.ReadAll(t.in)
	default:
		data, err = os.ReadFile(g.promptFile)
	}
	if err != nil {
		return fmt.Errorf("-prompt-file: %w", err)
	}
	g.prompt = string(data)
	return nil
}

// fitContext makes -n what the context leaves behind what is used of it, if that
// is less and -n was not given. The last token is not fed, so it needs no room.
func (g *generation) fitContext(c checkpoint.Config, what string, used int) error {
	left := c.SeqLen - used + 1
	switch {
	case left < 1:
		return fmt.Errorf("%s is too much: the model's context is %d", what, c.SeqLen)
	case g.n > left && g.nIsGiven:
		return fmt.Errorf("-n %d behind %s is more than the context of %d; it leaves %d", g.n, what, c.SeqLen, left)
	}
	g.n = min(g.n, left)
	return nil
}

func printDevice(w io.Writer, e *engine.Engine) {
	d := e.Device
	name := "CPU, Go"
	if d.Kind == "gpu" {
		name = fmt.Sprintf("%s (%s)", d.Adapter, d.Backend)
	}
	fmt.Fprintf(w, "device      %s\n", name)
	if e.Note != "" {
		fmt.Fprintf(w, "            %s\n", e.Note)
	}
}

func printReport(w io.Writer, r *engine.Report) {
	row := func(name, format string, args ...any) {
		fmt.Fprintf(w, "%-11s %s\n", name, fmt.Sprintf(format, args...))
	}
	fmt.Fprintln(w)
	row("method", "%s, kept %.3f of the slots (kept / total over all layers and heads)", r.Method.Name, r.Cache.Ratio)
	for _, d := range r.Method.Differs {
		row("", "differs from the paper: %s", d)
	}
	if s := r.Method.SimilarNeighbours; s != nil {
		row("neighbours", "%s of neighbouring keys have cos > 0.75, layer by layer", shares(s))
	}
	row("slots", "%v per layer and KV head after the prompt of %d tokens", r.Cache.PerLayerHead, r.PromptTokens)
	if r.Cache.Compressions > 1 {
		row("", "compressed %d times more while decoding", r.Cache.Compressions-1)
	}
	row("cache", "%d bytes occupied, %d allocated, %d at the peak; the full cache would occupy %d",
		r.Cache.BytesOccupied, r.Cache.BytesAllocated, r.Cache.BytesPeak, r.Cache.BytesFull)
	row("time", "prefill %.1f ms (%.0f tokens/s), compression %.1f ms, %d tokens in %.1f ms (%.1f tokens/s)",
		r.Timing.PrefillMS, float64(r.PromptTokens)/r.Timing.PrefillMS*1e3, r.Timing.CompressMS,
		len(r.Tokens), r.Timing.DecodeMS, r.Timing.TokPerS)
	q := r.Quality
	if q == nil {
		return
	}
	row("quality", "against the full cache on the same tokens: KL %.5f nats (p95 %.5f), delta NLL %+.5f, perplexity x %.4f, top-1 agrees on %.1f %%",
		q.KLMean, q.KLP95, q.DeltaNLL, q.PPLRatio, 100*q.Top1)
	if q.FirstDifference < 0 {
		row("", "the full run writes the same text")
	} else {
		row("", "the full run differs from token %d on:", q.FirstDifference)
		row("", "%s", strings.ReplaceAll(q.FullText, "\n", "\n            "))
	}
	for l, heads := range q.HeadErrors {
		row("", "attention-output error in layer %d, per head: %s", l, shares(heads))
	}
}

func shares(v []float64) string {
	fields := make([]string, len(v))
	for i, x := range v {
		fields[i] = fmt.Sprintf("%.2f", x)
	}
	return strings.Join(fields, " ")
}

// writeReport writes the report to -json.
func (g *generation) writeReport(t terminal, e *engine.Engine, f *checkpoint.File, r *engine.Report) error {
	if g.json == "" {
		return nil
	}
	sum, err := f.SHA256()
	if err != nil {
		return err
	}
	r.Model, r.Device = e.DescribeModel(f.Model, sum), e.Device.Describe()
	return writeJSON(t, g.json, r)
}
