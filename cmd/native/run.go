//go:build !js

package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"keyfold/engine"
	"keyfold/engine/chat"
	"keyfold/engine/checkpoint"
	"keyfold/engine/tokenizer"
	"keyfold/internal/output"
)

const runUsage = `usage: keyfold run [flags] [PROMPT]

Continues a prompt. The prompt and its continuation go to standard output,
statistics to standard error; with -chat only the answer goes there. Without PROMPT and -prompt-file the prompt is what
is piped to standard input; without that as well the text begins from nothing. Generation ends after -n tokens, or at a token that ends a text;
"keyfold inspect" lists these.

examples:
    keyfold run "Once upon a time"
    keyfold run -model SmolLM2-135M-Instruct.Q4_1.gguf -chat "What is the capital of France?"
    keyfold run -model stories260K.gguf -temperature 0 -n 200
    keyfold run -model stories260K.gguf -method kvmerger -budget 0.35 -prompt-file long.txt -shadow
    keyfold run -method gvote -help
`

// runArgs are the flags and the prompt of run.
type runArgs struct {
	runFlags
	sampling            samplingFlags
	maxSlots            int
	pins                pinFlag
	shadow, outputError bool
	json                string

	chat     chatFlags
	messages []chat.Message // nil: the prompt is a text
	prompt   string         // with messages what the chat template makes of them
	family   string         // of that template
	read     engine.Settings
}

func runCommand(ctx context.Context, t terminal, args []string) error {
	r, err := parseRun(ctx, t, args)
	if err != nil {
		return err
	}
	return r.do(ctx, t)
}

// do runs the command.
func (r *runArgs) do(ctx context.Context, t terminal) error {
	f, tok, err := r.open(true)
	if err != nil {
		return err
	}
	defer f.Close()
	prompt, err := r.encode(f, tok)
	if err != nil {
		return err
	}
	if !r.inCache() || r.shadow { // a shadow's cache is full
		if err := r.sampling.fitContext(f.Config, fmt.Sprintf("a prompt of %d tokens", len(prompt)), len(prompt)); err != nil {
			return err
		}
	}
	if err := r.read.Check(len(prompt), f.Config.SeqLen); err != nil {
		return err
	}
	if err := r.fits(f, r.read.KV, r.mostSlots(len(prompt)+r.sampling.n)); err != nil {
		return err
	}
	var report *engine.Report
	err = r.use(ctx, t.err, f, tok, func(e *engine.Engine) (err error) {
		if report, err = r.run(ctx, t.besides(r.json), e, prompt); err == nil {
			report.Model, report.Device = e.DescribeModel(f.Model, ""), e.Device.Describe()
		}
		return err
	})
	if err != nil {
		return err
	}
	printReport(t.err, report)
	if r.json == "" {
		return nil
	}
	sum, err := f.SHA256()
	if err != nil {
		return err
	}
	report.Model.SHA256, report.Version = sum, engine.Version()
	report.Run = engine.DescribeRun(r.read, r.budget, r.sampling.n, r.sampling.sampler)
	report.Run.Prompt, report.Run.PromptSHA256 = shortPrompt(r.prompt)
	report.Run.Chat, report.Run.Stop = r.family, r.sampling.stop
	return t.writeJSON(r.json, report)
}

// mostSlots returns the slots per head that a text of so many tokens takes at its longest.
func (r *runArgs) mostSlots(tokens int) int {
	switch {
	case r.shadow:
		return 2 * tokens
	case r.maxSlots > 0:
		return min(tokens, r.maxSlots)
	}
	return tokens
}

func parseRun(ctx context.Context, t terminal, args []string) (*runArgs, error) {
	r := &runArgs{}
	fs := newFlags("run", runUsage)
	r.register(fs, "f16")
	r.registerEvery(fs)
	r.sampling.register(fs)
	var prompt promptFlags
	prompt.register(fs)
	r.chat.register(fs)
	fs.IntVar(&r.maxSlots, "max-slots", 0, "compress while the prompt is read, too, so that no head has more than `N` slots, with -every ever after; 0: only after it")
	fs.Var(&r.pins, "pin", "slots `FROM:TO` of the prompt that no method may touch, TO not included; with -chat they count what the template writes, too: see keyfold tokens -chat; may be repeated")
	fs.BoolVar(&r.shadow, "shadow", false, "also run the full cache and report quality against it")
	fs.BoolVar(&r.outputError, "output-error", false, "with -shadow: report the attention-output error per layer and head")
	fs.StringVar(&r.json, "json", "", "`FILE` for the report as JSON; - is standard output, and the text goes to standard error")
	if err := r.parse(t, fs, args, 1); err != nil {
		return nil, err
	}
	if err := r.check(fs); err != nil {
		return nil, err
	}
	if err := output.Check([]output.Named{named("-json", r.json)}, r.inputs(named("-prompt-file", prompt.file), named("-messages", r.chat.file))); err != nil {
		return nil, err
	}
	var err error
	if r.messages, err = r.chat.read(ctx, t, fs, &prompt); err == nil && r.messages == nil {
		r.prompt, err = prompt.read(ctx, t, fs)
	}
	return r, err
}

// encode returns the tokens of the prompt, or of the conversation.
func (r *runArgs) encode(f *checkpoint.File, tok *tokenizer.Tokenizer) ([]int, error) {
	if r.messages == nil {
		return encodePrompt(tok, r.prompt)
	}
	p, err := r.chatPrompt(f.Meta, tok, r.messages)
	r.prompt, r.family = p.text, p.family
	return p.ids, err
}

// check checks the flags and fills in the settings.
func (r *runArgs) check(fs *flagSet) (err error) {
	switch {
	case r.outputError && !r.shadow:
		return usageError("-output-error needs -shadow")
	case r.outputError && r.inCache():
		return usageError("-output-error needs -positions text: it asks the full cache's queries, which are rotated by positions in the text, of the compressed cache")
	case given(fs, "max-slots") && r.maxSlots < 1:
		return usageError("-max-slots is %d, want at least 1", r.maxSlots)
	}
	if r.chat.asked() && !given(fs, "temperature") {
		r.sampling.temperature = 0
	}
	if err := r.sampling.check(fs, r.seed); err != nil {
		return err
	}
	if r.read, err = r.settingsOf("run"); err != nil {
		return err
	}
	if r.maxSlots > 0 {
		if err := engine.CanBound(r.read.Method, r.maxSlots); err != nil {
			return usageError("%v", err)
		}
	}
	r.read.MaxSlots, r.read.Pins = r.maxSlots, r.pins
	return nil
}

// run reads the prompt, compresses its cache and continues it. It prints the text
// and returns the report about it.
func (r *runArgs) run(ctx context.Context, w io.Writer, e *engine.Engine, prompt []int) (*engine.Report, error) {
	// 1. Read the prompt, and keep a copy of the full cache if it is to be compared.
	start := time.Now()
	p, err := e.Prefill(ctx, prompt, r.read)
	if err != nil {
		return nil, err
	}
	defer p.Free()
	prefillTime := time.Since(start)
	saturated, err := p.Cache.Saturation()
	if err != nil {
		return nil, err
	}
	shadow, err := r.besideFull(ctx, e, p)
	if err != nil {
		return nil, err
	}
	if shadow != nil {
		defer shadow.Free()
	}

	// 2. Compress.
	start = time.Now()
	plan, signals, err := p.Compress()
	if err != nil {
		return nil, err
	}
	compressTime := time.Since(start)
	if used := p.Cache.Used(); r.inCache() && r.every == 0 {
		if err := r.sampling.fitContext(e.Config, fmt.Sprintf("%d slots in use", used), used); err != nil {
			return nil, err
		}
	}

	// 3. Generate.
	if r.messages == nil && r.read.Plan == nil {
		printPrompt(w, e.Tokenizer, prompt)
	}
	r.read.Plan = plan // in case the device fails: then this is done again on another
	start = time.Now()
	tokens, err := r.sampling.write(ctx, w, p, shadow)
	if err != nil {
		return nil, err
	}
	report := &engine.Report{
		Method: engine.DescribeMethod(r.read.Method, plan, signals), PromptTokens: len(prompt), Tokens: tokens,
		Cache: p.Describe(plan, signals), Timing: engine.DescribeTiming(prefillTime, compressTime, time.Since(start), len(tokens)),
		Stop: p.Stop,
	}
	report.Cache.Saturated = saturated
	if shadow == nil {
		return report, nil
	}
	full, err := e.Tokenizer.Decode(shadow.Text())
	if err != nil {
		return nil, err
	}
	report.Quality = shadow.Describe(tokens, full)
	return report, nil
}

// printPrompt prints a text that is to be continued.
func printPrompt(w io.Writer, tok *tokenizer.Tokenizer, prompt []int) {
	stream := tok.Stream()
	for _, id := range prompt {
		fmt.Fprint(w, stream.Next(id))
	}
}

// besideFull returns the full cache to compare with; nil without -shadow.
func (r *runArgs) besideFull(ctx context.Context, e *engine.Engine, p *engine.Prompt) (*engine.Shadow, error) {
	if !r.shadow {
		return nil, nil
	}
	full, err := r.fullText(ctx, e, p)
	if err != nil {
		return nil, err
	}
	return engine.NewShadow(full, r.outputError), nil
}

// fullText returns the prompt in a full cache: a copy, or with -max-slots, whose
// cache is compressed already, the prompt read again without the bound.
func (r *runArgs) fullText(ctx context.Context, e *engine.Engine, p *engine.Prompt) (*engine.Text, error) {
	if r.maxSlots == 0 {
		return p.Fork()
	}
	full, err := e.Prefill(ctx, p.Tokens, engine.Settings{KV: p.Cache.Type})
	if err != nil {
		return nil, err
	}
	full.FreeSignals()
	return &full.Text, nil
}
