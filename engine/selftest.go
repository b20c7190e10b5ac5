package engine

import (
	"fmt"
	"slices"
	"strings"

	"keyfold/engine/checkpoint"
	"keyfold/gpu"
	"keyfold/layout"
)

// kernelError says which kernels failed their self-test, where and how.
type kernelError struct{ sentence string }

func (e *kernelError) Error() string { return e.sentence }

// openGPURunner loads the model to a device and checks that the kernels the model
// uses compute what their CPU twins do. If they do not, the error is a *kernelError,
// and the checks say which kernels are wrong.
func openGPURunner(f *checkpoint.File, openDevice func() (*gpu.Device, error)) (*gpuRunner, []gpu.Check, error) {
	d, err := openDevice()
	if err != nil {
		return nil, nil, err
	}
	r, err := newGPURunner(f, d)
	if err != nil {
		return nil, nil, fmt.Errorf("load to %s: %w", d.Name, err)
	}
	checks, err := r.selfTest()
	if err != nil {
		r.close()
		return nil, checks, err
	}
	return r, checks, nil
}

// selfTest runs the kernels that the model uses, for f16 and f32 caches, because
// which one a run takes is not known yet. With both, stories260K is up 80 ms
// later than without a test, with one 40 ms; where the driver has compiled
// nothing before, 0.8 s and 0.35 s (lavapipe on two cores, 2026-11).
// Quantised caches would double that, so they have to wait; see trust.
func (r *gpuRunner) selfTest() ([]gpu.Check, error) {
	return r.test(typesOf(append(r.matrices(true), r.w.embed)), layout.CacheF16, layout.CacheF32)
}

// matrices returns those that tokens are multiplied with, in the order of the
// forward pass, with the one of the logits or without.
func (r *gpuRunner) matrices(logits bool) []*gpu.Weights {
	var all []*gpu.Weights
	for _, l := range r.w.layers {
		all = append(all, l.qkv, l.attnOut, l.gateUp, l.down)
	}
	if logits {
		all = append(all, r.w.logits)
	}
	return all
}

// typesOf returns the types of rows of matrices, each once.
func typesOf(matrices []*gpu.Weights) []layout.WeightType {
	var types []layout.WeightType
	for _, m := range matrices {
		for _, t := range m.Types() {
			if !slices.Contains(types, t) {
				types = append(types, t)
			}
		}
	}
	return types
}

// trust tests the kernels of a cache type when it is first asked for.
func (r *gpuRunner) supports(t layout.CacheType) error {
	if slices.Contains(r.tested, t) {
		return nil
	}
	_, err := r.test(nil, t)
	return err
}

func (r *gpuRunner) test(weights []layout.WeightType, caches ...layout.CacheType) ([]gpu.Check, error) {
	checks, err := r.d.SelfTest(weights, caches, r.cfg.HeadDim)
	if err != nil {
		return checks, &kernelError{fmt.Sprintf("the self-test of %s did not end: %v", r.d.Name, err)}
	}
	if err := failure(checks, r.d.Name); err != nil {
		return checks, err
	}
	r.tested = append(r.tested, caches...)
	return checks, nil
}

// failure returns a sentence about the checks that failed, or nil.
func failure(checks []gpu.Check, adapter string) error {
	var names []string
	var first error
	for _, c := range checks {
		if c.Err != nil {
			names = append(names, c.Kernel)
			if first == nil {
				first = c.Err
			}
		}
	}
	if first == nil {
		return nil
	}
	what := "kernel " + names[0]
	switch more := len(names) - 1; {
	case more == 1:
		what = "kernels " + names[0] + " and " + names[1]
	case more > 1:
		what = fmt.Sprintf("kernels %s, %s and %d more", names[0], names[1], more-1)
	}
	reason := strings.Join(strings.Fields(first.Error()), " ") // compilers draw their errors in several lines
	return &kernelError{fmt.Sprintf("%s failed on %s: %s", what, adapter, reason)}
}
