package engine

import (
	"context"
	"errors"
	"slices"
	"time"

	"keyfold/engine/checkpoint"
	"keyfold/layout"
)

// Figures are what a model does on a device: one row of docs/devices.md. Rates are medians.
type Figures struct {
	PromptTokens int             `json:"prompt_tokens"`
	PromptRate   float64         `json:"prompt_tok_per_s"`
	DecodeTokens int             `json:"decode_tokens"` // behind the prompt
	DecodeRate   float64         `json:"decode_tok_per_s"`
	Overhead     *OverheadReport `json:"overhead,omitempty"`  // of a GPU
	Match        *Match          `json:"cpu_match,omitempty"` // of a GPU, where the model fits into memory once more
}

// OverheadReport says what a GPU takes besides arithmetic; see [gpu.Overhead].
type OverheadReport struct {
	WaitMS     float64       `json:"wait_ms"`
	DispatchUS float64       `json:"dispatch_us"`
	Bursts     []BurstReport `json:"bursts"`
}

// BurstReport is a submit of so many kernels that do hardly anything, and the wait for it.
type BurstReport struct {
	Kernels int     `json:"kernels"`
	MS      float64 `json:"ms"`
}

// Overhead measures what the GPU takes besides arithmetic. On the CPU that is nil.
func (e *Engine) Overhead() (*OverheadReport, error) {
	r, ok := e.r.(*gpuRunner)
	if !ok {
		return nil, nil
	}
	o, err := r.d.MeasureOverhead()
	if err != nil {
		return nil, err
	}
	report := &OverheadReport{WaitMS: milliseconds(o.Wait), DispatchUS: 1e3 * milliseconds(o.Dispatch)}
	for _, b := range o.Bursts {
		report.Bursts = append(report.Bursts, BurstReport{b.Kernels, milliseconds(b.Time)})
	}
	return report, nil
}

// Measuring says what [Engine.Measure] measures.
type Measuring struct {
	Prompt, Decode, Match int // tokens, as many as the context takes

	// Progress is called with what is being measured (prompt, decode, match) and the tokens
	// that have been read, written or compared; an error ends the measuring.
	Progress func(step string, done, total int) error
}

// Every rate is the median of so many runs, or of those that began in so much time.
const (
	measureRuns = 3
	measureTime = 4 * time.Second
)

// Measure measures the engine's model, whose file f is. It takes seconds on a GPU, and up to
// minutes on a CPU.
func (e *Engine) Measure(ctx context.Context, f *checkpoint.File, o Measuring) (*Figures, error) {
	o.Decode = min(o.Decode, e.Config.SeqLen/4)
	o.Prompt = min(o.Prompt, e.Config.SeqLen-o.Decode)
	o.Match = min(o.Match, e.Config.SeqLen)
	bare := *e
	bare.Tokenizer = nil // nothing ends the text
	r := &Figures{PromptTokens: o.Prompt, DecodeTokens: o.Decode}
	if err := bare.measureRates(ctx, r, o); err != nil {
		return nil, err
	}
	var err error
	if r.Overhead, err = e.Overhead(); err != nil {
		return nil, err
	}
	r.Match, err = e.MatchCPU(ctx, f, e.Tokenizer, o.Match, func(done int) error { return o.Progress("match", done, o.Match) })
	if large := (*MemoryError)(nil); err != nil && !errors.As(err, &large) {
		return nil, err
	}
	return r, nil
}

// measureRates measures how fast a prompt is read, and text written behind it.
func (e *Engine) measureRates(ctx context.Context, r *Figures, o Measuring) error {
	settings := Settings{KV: layout.CacheF16, Read: func(n int) error { return o.Progress("prompt", n, o.Prompt) }}
	if e.Device.Kind == "cpu" {
		settings.Chunk = 32 // it is long between two
	}
	var prompt *Prompt
	free := func() {
		if prompt != nil {
			prompt.Free()
		}
	}
	defer func() { free() }()
	took, err := e.medianTime(func() (err error) {
		free()
		prompt, err = e.Prefill(ctx, ArbitraryTokens(o.Prompt, e.Config.VocabSize), settings)
		return err
	})
	if err != nil {
		return err
	}
	r.PromptRate = float64(o.Prompt) / took.Seconds()
	took, err = e.medianTime(func() error {
		text, err := prompt.Fork()
		if err != nil {
			return err
		}
		defer text.Free()
		done := 0
		// The last token is not fed.
		return text.Generate(ctx, Generation{N: o.Decode + 1, Sampler: Sampler{TopP: 1, RepeatPenalty: 1}, Emit: func(Token) error {
			done++
			return o.Progress("decode", min(done, o.Decode), o.Decode)
		}})
	})
	r.DecodeRate = float64(o.Decode) / took.Seconds()
	return err
}

// medianTime returns the median of what do takes. On a GPU it runs once before, because
// kernels are compiled then and the device's pace is found.
func (e *Engine) medianTime(do func() error) (time.Duration, error) {
	if e.Device.Kind == "gpu" {
		if err := do(); err != nil {
			return 0, err
		}
	}
	var times []time.Duration
	for began := time.Now(); len(times) == 0 || len(times) < measureRuns && time.Since(began) < measureTime; {
		start := time.Now()
		if err := do(); err != nil {
			return 0, err
		}
		times = append(times, time.Since(start))
	}
	slices.Sort(times)
	return (times[(len(times)-1)/2] + times[len(times)/2]) / 2, nil
}

// ArbitraryTokens returns n different-looking tokens of a vocabulary, to measure speed with.
func ArbitraryTokens(n, vocab int) []int {
	ids := make([]int, n)
	for i := range ids {
		ids[i] = (i*7919 + 13) % vocab
	}
	return ids
}
