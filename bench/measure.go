//go:build !js

package bench

import (
	"context"
	"errors"
	"time"

	"keyfold/engine"
	"keyfold/engine/checkpoint"
	"keyfold/engine/tokenizer"
)

// Options say what Measure measures.
type Options struct {
	engine.Settings        // KV, Method and InCache, of the contexts
	MethodName      string // for the report
	Seed            uint32
	Prefill         []int // tokens of the prompts whose reading is timed
	Contexts        []int // tokens before the first one that is written
	Fill            bool  // with random rows, instead of reading
	Decode          int   // tokens to write behind each context
	Batches         []int // texts that are written together
	Runs            int   // times that each speed is measured

	Match     int                  // tokens on which a GPU's choices are compared with the CPU's
	Tokenizer *tokenizer.Tokenizer // of the text that they are from; nil: arbitrary ones
}

// Measure measures the engine of a model file.
func Measure(ctx context.Context, e *engine.Engine, f *checkpoint.File, o Options) (*Report, error) {
	sum, err := f.SHA256()
	if err != nil {
		return nil, err
	}
	r := &Report{
		Date: now(), Machine: machine(), Version: engine.Version(), Model: e.DescribeModel(f.Model, sum), Device: e.Device.Describe(), KV: o.KV.String(), Method: o.MethodName,
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
	if r.Overhead, err = e.Overhead(); err != nil {
		return nil, err
	}
	if err := r.match(ctx, e, f, o); err != nil {
		return nil, err
	}
	for _, n := range o.Prefill {
		p, err := measurePrefill(ctx, e, o, n)
		if err != nil {
			return nil, err
		}
		p.Share = p.GFLOPs / r.Limits.MatMulGFLOPs
		r.Prefill = append(r.Prefill, *p)
	}
	for _, n := range o.Contexts {
		c, options, err := measureContext(ctx, e, o, n)
		if err != nil {
			return nil, err
		}
		c.CopyShare, c.MatMulShare = c.GBs/r.Limits.CopyGBs, c.GFLOPs/r.Limits.MatMulGFLOPs
		r.Contexts, r.Options = append(r.Contexts, *c), options
	}
	return r, nil
}

// match compares the GPU with the CPU, if the model fits into memory once more.
func (r *Report) match(ctx context.Context, e *engine.Engine, f *checkpoint.File, o Options) (err error) {
	if o.Match == 0 {
		return nil
	}
	r.Match, err = e.MatchCPU(ctx, f, o.Tokenizer, o.Match, func(int) error { return nil })
	if large := (*engine.MemoryError)(nil); errors.As(err, &large) {
		r.MatchRefused = err.Error()
		return nil
	}
	return err
}

// repeat times do, once more than runs, and returns tokens per second without the
// first time, in which kernels are compiled.
func repeat(runs, tokens int, do func() (time.Duration, error)) (Rate, error) {
	var rates []float64
	for i := range runs + 1 {
		took, err := do()
		if err != nil {
			return Rate{}, err
		}
		if i > 0 {
			rates = append(rates, float64(tokens)/took.Seconds())
		}
	}
	return newRate(rates), nil
}

func measurePrefill(ctx context.Context, e *engine.Engine, o Options, n int) (*Prefill, error) {
	tokens := engine.ArbitraryTokens(n, e.Config.VocabSize)
	read := func() (time.Duration, error) {
		start := time.Now()
		p, err := e.Prefill(ctx, tokens, engine.Settings{KV: o.KV})
		if err != nil {
			return 0, err
		}
		took := time.Since(start)
		p.Free()
		return took, nil
	}
	rate, err := repeat(o.Runs, len(tokens), read)
	if err != nil {
		return nil, err
	}
	r := &Prefill{Tokens: len(tokens), Rate: rate}
	r.GFLOPs = float64(e.PrefillOperations(len(tokens))) / 1e9 / float64(len(tokens)) * rate.Median
	r.Profile, err = profile(e, 1, read)
	return r, err
}

// measureContext measures decoding behind n tokens. It returns the method's
// options as well.
func measureContext(ctx context.Context, e *engine.Engine, o Options, n int) (*Context, map[string]any, error) {
	r := &Context{Context: n, Filled: o.Fill, Decoded: o.Decode}
	p, err := r.fill(ctx, e, o)
	if err != nil {
		return nil, nil, err
	}
	defer p.Free()
	options, err := r.compress(e, p)
	if err != nil {
		return nil, nil, err
	}
	before := e.DecodeWork(p.Cache)
	after, err := r.decode(ctx, e, p, o)
	if err != nil {
		return nil, nil, err
	}
	r.count(before, after)
	return r, options, nil
}

// fill makes the context.
func (r *Context) fill(ctx context.Context, e *engine.Engine, o Options) (p *engine.Prompt, err error) {
	start := time.Now()
	if o.Fill {
		p, err = e.Fill(r.Context, o.Settings)
	} else {
		p, err = e.Prefill(ctx, engine.ArbitraryTokens(r.Context, e.Config.VocabSize), o.Settings)
	}
	r.FillMS = 1e3 * time.Since(start).Seconds()
	return p, err
}

// compress leaves of the context what the method does, and returns its options.
func (r *Context) compress(e *engine.Engine, p *engine.Prompt) (map[string]any, error) {
	start := time.Now()
	plan, signals, err := p.Compress()
	if err != nil {
		return nil, err
	}
	r.CompressMS = 1e3 * time.Since(start).Seconds()
	r.Slots, r.Ratio, r.Formula = p.Cache.Slots(), plan.Ratio(signals), p.Cache.Occupied()
	r.Allocated, r.LiveBytes = p.Cache.Allocated(), e.LiveBytes()
	return plan.Options, nil
}

// decode writes behind copies of the context, and returns what another token
// would read and compute behind the last one.
func (r *Context) decode(ctx context.Context, e *engine.Engine, p *engine.Prompt, o Options) (after engine.Work, err error) {
	greedy := engine.Sampler{Seed: o.Seed, TopP: 1, RepeatPenalty: 1}
	write := func() (time.Duration, error) {
		text, err := p.Fork()
		if err != nil {
			return 0, err
		}
		defer text.Free()
		start := time.Now()
		// The last token is not fed.
		err = text.Generate(ctx, engine.Generation{N: o.Decode + 1, Sampler: greedy, Emit: func(engine.Token) error { return nil }})
		took := time.Since(start)
		after = e.DecodeWork(text.Cache)
		return took, err
	}
	if r.Rate, err = repeat(o.Runs, o.Decode, write); err != nil {
		return after, err
	}
	for _, n := range o.Batches {
		rate, err := repeat(o.Runs, n*o.Decode, func() (time.Duration, error) { return writeTogether(ctx, p, n, o.Decode, greedy) })
		if err != nil {
			return after, err
		}
		r.Batches = append(r.Batches, Batch{n, rate, rate.Median / r.Rate.Median})
	}
	r.Profile, err = profile(e, o.Decode, write)
	return after, err
}

// writeTogether writes n texts in a batch, each behind a copy of the context, and returns how long
// that took.
func writeTogether(ctx context.Context, p *engine.Prompt, n, tokens int, s engine.Sampler) (time.Duration, error) {
	var texts []*engine.Text
	defer func() {
		for _, text := range texts {
			text.Free()
		}
	}()
	for range n {
		text, err := p.Fork()
		if err != nil {
			return 0, err
		}
		texts = append(texts, text)
	}
	start := time.Now()
	var b engine.Batch
	for _, text := range texts {
		if err := text.Join(&b, engine.Generation{N: tokens + 1, Sampler: s, Emit: func(engine.Token) error { return nil }}); err != nil {
			return 0, err
		}
	}
	for b.Len() > 0 {
		for _, ended := range b.Step(ctx) {
			if ended.Err != nil {
				return 0, ended.Err
			}
		}
	}
	return time.Since(start), nil
}

// count works out what a token reads and computes: the first of them sees one
// slot more than there were before, the last one all that there are after.
func (r *Context) count(before, after engine.Work) {
	mean := func(before, after int) float64 {
		return float64(before) + float64(after-before)*float64(r.Decoded+1)/float64(2*r.Decoded)
	}
	r.WeightBytes = float64(after.WeightBytes)
	r.CacheBytes = mean(before.CacheBytes, after.CacheBytes)
	r.Operations = mean(before.Operations, after.Operations)
	r.GBs = (r.WeightBytes + r.CacheBytes) / 1e9 * r.Rate.Median
	r.GFLOPs = r.Operations / 1e9 * r.Rate.Median
}

// profile returns what the kernels of do took, divided by n. On the CPU that is nil.
func profile(e *engine.Engine, n int, do func() (time.Duration, error)) (*Profile, error) {
	if e.Device.Kind != "gpu" {
		return nil, nil
	}
	p := &Profile{}
	times, how, err := e.Profile(func() error {
		took, err := do()
		p.MS = 1e3 * took.Seconds() / float64(n)
		return err
	})
	p.How = how
	for _, t := range times {
		k := Kernel{Kernel: t.Kernel, Matrix: t.Matrix, Dispatches: float64(t.Dispatches) / float64(n), MS: 1e3 * t.Time.Seconds() / float64(n)}
		p.Kernels = append(p.Kernels, k)
		p.Dispatches += k.Dispatches
		p.KernelsMS += k.MS
	}
	return p, err
}
