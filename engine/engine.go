// Package engine runs a Llama-architecture model: weights from a checkpoint,
// the forward pass on the CPU or the GPU, the KV cache and its compression,
// sampling, and the comparison of a compressed cache with the full one.
//
// Read in this order: forward_cpu.go, then forward_gpu.go (the same numbered
// steps), cache.go, text.go, prompt.go (a run in four lines), prefill.go, generate.go,
// batch.go (several texts at once), quality.go.
package engine

import (
	"context"
	"fmt"
	"strings"
	"time"

	"keyfold/engine/checkpoint"
	"keyfold/engine/tokenizer"
	"keyfold/gpu"
	"keyfold/layout"
)

// Engine is a loaded model on a device. It is not safe for concurrent use.
type Engine struct {
	Config    checkpoint.Config
	Device    Device
	Tokenizer *tokenizer.Tokenizer // nil: ids only
	Note      string               // what Auto found out, one sentence; else empty
	Checks    []gpu.Check          // self-test of the GPU's kernels, those for quantised caches apart; nil if the GPU was not tried

	r      runner
	asked  DeviceKind
	closed bool
}

// DeviceKind says where a model is to run.
type DeviceKind string

const (
	Auto DeviceKind = "auto" // the GPU, unless there is none or the CPU is faster
	GPU  DeviceKind = "gpu"
	CPU  DeviceKind = "cpu"
)

// raceBytes is the weight size up to which Auto tries both devices.
const raceBytes = 64 << 20

// Open loads the model of an open checkpoint, which may be closed afterwards.
// The tokenizer may be nil where only token ids are used.
//
// A GPU is believed only after a self-test of its kernels. With Auto the CPU is taken
// where there is no GPU, or one that cannot be opened, has too little memory, is lost
// or computes wrong numbers, and for a
// small model both devices run a few tokens and the faster one stays; Note says
// what happened.
func Open(ctx context.Context, f *checkpoint.File, tok *tokenizer.Tokenizer, kind DeviceKind) (*Engine, error) {
	return openWith(ctx, f, tok, kind, gpu.Open)
}

// OpenTelling is Open that tells what takes long on a GPU that has compiled nothing of
// keyfold before: that so many kernels are compiled (step "compile") and tested ("test").
func OpenTelling(ctx context.Context, f *checkpoint.File, tok *tokenizer.Tokenizer, kind DeviceKind,
	tell func(step string, kernels int)) (*Engine, error) {
	opening := true
	defer func() { opening = false }()
	return openWith(ctx, f, tok, kind, func() (*gpu.Device, error) {
		d, err := gpu.Open()
		if err == nil {
			d.Tell = func(step string, kernels int) {
				if opening {
					tell(step, kernels)
				}
			}
		}
		return d, err
	})
}

func openWith(ctx context.Context, f *checkpoint.File, tok *tokenizer.Tokenizer, kind DeviceKind,
	openDevice func() (*gpu.Device, error)) (*Engine, error) {
	if tok != nil {
		if err := FitVocabulary(f, tok); err != nil {
			return nil, err
		}
	}
	e := &Engine{Config: f.Config, Tokenizer: tok, asked: kind}
	var err error
	switch kind {
	case CPU:
		e.r, err = newCPURunner(f)
	case GPU:
		e.r, e.Checks, err = openGPURunner(f, openDevice)
	case Auto:
		e.r, e.Note, e.Checks, err = openAuto(ctx, f, openDevice)
	default:
		return nil, fmt.Errorf("device %q, want auto, gpu or cpu", kind)
	}
	if err != nil {
		return nil, err
	}
	e.Device = e.r.device()
	return e, nil
}

func openAuto(ctx context.Context, f *checkpoint.File, openDevice func() (*gpu.Device, error)) (
	r runner, note string, checks []gpu.Check, err error) {
	onGPU, checks, err := openGPURunner(f, openDevice)
	if err != nil {
		note = insteadOf(err)
		r, err = newCPURunner(f)
		return r, note, checks, err
	}
	var bytes int64
	for _, t := range f.Tensors() {
		bytes += t.Bytes()
	}
	if bytes >= raceBytes {
		return onGPU, "", checks, nil
	}
	onCPU, err := newCPURunner(f)
	if err != nil {
		onGPU.close()
		return nil, "", nil, err
	}
	gpuRate, err := race(ctx, onGPU)
	if err != nil {
		onGPU.close()
		return onCPU, insteadOf(err), checks, ctx.Err()
	}
	cpuRate, err := race(ctx, onCPU)
	if err != nil {
		onGPU.close()
		return nil, "", nil, err
	}
	if cpuRate > gpuRate {
		onGPU.close()
		return onCPU, fmt.Sprintf("took the CPU: it decodes %.0f tokens/s here, the GPU %.0f", cpuRate, gpuRate), checks, nil
	}
	return onGPU, fmt.Sprintf("took the GPU: it decodes %.0f tokens/s here, the CPU %.0f", gpuRate, cpuRate), checks, nil
}

// insteadOf says in one line why the CPU runs.
func insteadOf(err error) string { return "runs on the CPU: " + oneLine(err) }

// oneLine returns an error in one line: drivers draw theirs in several.
func oneLine(err error) string { return strings.Join(strings.Fields(err.Error()), " ") }

// race returns the tokens per second of decoding a few tokens, as texts are decoded: submits
// of 1, 2, 4 and 8 tokens, of which the last one counts, when all kernels are compiled.
func race(ctx context.Context, r runner) (float64, error) {
	const warmup, tokens = 8, 8
	cache, err := newCache(r, layout.CacheF16)
	if err != nil {
		return 0, err
	}
	text := &Text{Cache: cache, e: &Engine{Config: r.config(), r: r}}
	defer text.Free()
	if err := text.Read(ctx, []int{0}); err != nil {
		return 0, err
	}
	n, written := min(warmup+tokens, r.config().SeqLen), 0
	var took time.Duration
	greedy := Sampler{TopP: 1, RepeatPenalty: 1}
	err = text.Generate(ctx, Generation{N: n, Sampler: greedy, Emit: func(t Token) error {
		if written++; written > n/2 {
			took += t.Time
		}
		return nil
	}})
	return float64(n-n/2) / took.Seconds(), err
}

// Lost returns why the device no longer works, or nil. A lost engine can only be
// closed; the model has to be opened again.
func (e *Engine) Lost() error { return e.r.lost() }

// Close frees everything on the device. Caches made by the engine must be freed before. A second
// call does nothing.
func (e *Engine) Close() {
	if !e.closed {
		e.r.close()
	}
	e.closed = true
}

// NewCache returns an empty cache with elements of the given type. Quantised
// types need a head_dim that is a multiple of 32, and their first cache on a GPU
// waits for a self-test of their kernels. If these are wrong that is an error with
// [Auto] too: the engine is on the GPU by then, and other types still work there.
func (e *Engine) NewCache(t layout.CacheType) (*Cache, error) { return newCache(e.r, t) }
