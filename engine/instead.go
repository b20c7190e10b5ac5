package engine

import (
	"context"
	"errors"
	"fmt"

	"keyfold/engine/checkpoint"
	"keyfold/engine/tokenizer"
	"keyfold/gpu"
	"keyfold/layout"
)

// Where a GPU fails in the middle of something, the CPU goes on with the same text: it
// reads the prompt again, applies the plan that was decided ([Settings.Plan]), and feeds
// the tokens that were written ([Generation.Known]). Nothing is read back from the GPU,
// which may be gone.

// Replaceable reports whether the CPU may go on after err, with which something that the
// engine or what it made was asked for has failed: the engine was opened with [Auto], and
// its GPU was lost, hangs, has no memory left, or a kernel of it is wrong.
func (e *Engine) Replaceable(err error) bool {
	var failed *gpu.Error
	var wrong *gpu.WrongKernels
	return e.asked == Auto && e.Device.Kind == "gpu" && (errors.As(err, &failed) || errors.As(err, &wrong))
}

// OpenInstead opens a model on the CPU, since it failed on a GPU with err. Note says so.
func OpenInstead(ctx context.Context, f *checkpoint.File, tok *tokenizer.Tokenizer, err error) (*Engine, error) {
	if large := CheckMemory(f, CPU, layout.CacheF16, 0); large != nil {
		return nil, fmt.Errorf("%w; the CPU cannot go on: %w", err, large)
	}
	e, failed := Open(ctx, f, tok, CPU)
	if failed != nil {
		return nil, fmt.Errorf("%w; the CPU cannot go on: %w", err, failed)
	}
	e.Note = "goes on on the CPU: " + oneLine(err)
	return e, nil
}

// OpenFailing is Open with [Auto] that takes a GPU which fails when it is told to, see
// [gpu.OpenFailing]. It serves tests of what goes on then.
func OpenFailing(ctx context.Context, f *checkpoint.File, tok *tokenizer.Tokenizer, fails func(step string) error) (*Engine, error) {
	e, err := openWith(ctx, f, tok, GPU, func() (*gpu.Device, error) { return gpu.OpenFailing(fails) })
	if err == nil {
		e.asked = Auto
	}
	return e, err
}
