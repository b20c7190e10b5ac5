package engine

import (
	"fmt"
	"slices"

	"keyfold/engine/checkpoint"
	"keyfold/gpu"
	"keyfold/layout"
)

// openGPURunner loads the model to a device and checks that the kernels the model
// uses compute what their CPU twins do. If they do not, the error is *gpu.WrongKernels,
// and the checks say which kernels are wrong.
func openGPURunner(f *checkpoint.File, openDevice func() (*gpu.Device, error)) (*gpuRunner, []gpu.Check, error) {
	d, err := openDevice()
	if err != nil {
		return nil, nil, err
	}
	r, err := newGPURunner(f, d)
	if err != nil {
		return nil, nil, fmt.Errorf("load the weights: %w", err)
	}
	checks, err := r.selfTest()
	if err != nil {
		r.close()
		return nil, checks, err
	}
	return r, checks, nil
}

// selfTest runs the kernels that every run of the model uses, for f16 caches: which type
// one takes is not known yet. Other types are tested when they are asked for, and kernels
// that only some methods use when they are first dispatched.
func (r *gpuRunner) selfTest() ([]gpu.Check, error) {
	return r.test(typesOf(append(r.matrices(true), r.w.embed)), layout.CacheF16)
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

// supports tests the kernels of a cache type when it is first asked for.
func (r *gpuRunner) supports(t layout.CacheType) error {
	if slices.Contains(r.tested, t) {
		return nil
	}
	_, err := r.test(nil, t)
	return err
}

func (r *gpuRunner) test(weights []layout.WeightType, t layout.CacheType) ([]gpu.Check, error) {
	checks, err := r.d.SelfTest(weights, []layout.CacheType{t}, r.cfg.HeadDim)
	if err == nil {
		r.tested = append(r.tested, t)
	}
	return checks, err
}
