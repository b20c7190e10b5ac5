package gpu

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"keyfold/internal/kernelcase"
	"keyfold/layout"
)

// Check is the verdict of [Device.SelfTest] on one kernel.
type Check struct {
	Kernel string // "attention f16 (1 token)": the wrapper, the type it reads or writes, the variant
	Err    error  // nil: the device computes what the CPU twin does
}

// WrongKernels is the error of kernels that do not compute what their twins do. It is one
// sentence that names them.
type WrongKernels struct{ sentence string }

func (e *WrongKernels) Error() string { return e.sentence }

// SelfTest runs the kernels that every run of a model needs on a little data on this
// device and compares them with their CPU twins: in those variants that a model with
// matrices of these types, caches of these types and heads of headDim uses afterwards.
// They are compiled together and run together. It returns one check per kernel, in order. Where
// one is wrong, or does not compile, the error is *[WrongKernels]; else it says
// why the test did not end.
//
// From then on every other kernel is tested when it is first recorded, and a pass
// with one that is wrong fails with the same error. Without matrices only the kernels of
// the caches are tested.
func (d *Device) SelfTest(weights []layout.WeightType, caches []layout.CacheType, headDim int) ([]Check, error) {
	if d.headDim = headDim; d.tested == nil {
		d.tested = map[kernelID]error{}
	}
	var cases []kernelcase.Case
	for _, t := range weights {
		cases = append(cases, kernelcase.OfWeights(t)...)
	}
	if len(weights) > 0 {
		cases = append(cases, kernelcase.Plain()...)
	}
	for _, t := range caches {
		cases = append(cases, kernelcase.OfCache(t, headDim)...)
	}
	checks, err := d.test(cases)
	if err != nil {
		return nil, d.failed(fmt.Errorf("the self-test did not end: %w", err))
	}
	return checks, d.failure(checks)
}

// test compiles the kernels of all cases together, runs the cases in one submit, and
// compares what they leave with what their twins do.
func (d *Device) test(cases []kernelcase.Case) ([]Check, error) {
	var all []kernelID
	distinct := map[kernelID]bool{}
	kernels := make([][]kernelID, len(cases))
	for i, c := range cases {
		kernels[i] = d.kernelsOf(c)
		for _, id := range kernels[i] {
			if !distinct[id] {
				distinct[id] = true
				all = append(all, id)
			}
		}
	}
	faults := d.compile(all)
	d.tell("test", len(all))
	d.testing = true
	defer func() { d.testing = false }()
	run := newCaseRun(d)
	defer run.free()
	run.pass = d.Begin()
	checks, compare := make([]Check, len(cases)), make([]func() error, len(cases))
	for i, c := range cases {
		checks[i].Kernel = c.Name
		for _, id := range kernels[i] {
			if err := faults[id]; err != nil {
				checks[i].Err = err
			}
		}
		if checks[i].Err == nil {
			compare[i] = run.recordCase(c, kernelcase.Lenient)
		}
	}
	run.pass.await(run.pass.reads)
	if err := run.pass.err; err != nil {
		return nil, err
	}
	for i := range checks {
		if compare[i] != nil {
			checks[i].Err = compare[i]()
		}
		if checks[i].Err == nil && d.tested != nil {
			for _, id := range kernels[i] {
				d.tested[id] = nil
			}
		}
	}
	return checks, nil
}

// proved returns a compiled kernel that has passed its test.
func (d *Device) proved(id kernelID) (*kernel, error) {
	if err := d.prove(id); err != nil {
		return nil, err
	}
	return d.kernel(id)
}

// prove tests a kernel that is recorded for the first time on a device that had its
// self-test. The pass that it is recorded in goes on after that.
func (d *Device) prove(id kernelID) error {
	if fault, ok := d.tested[id]; ok || d.tested == nil || d.testing {
		return fault
	}
	cases := d.casesOf(id)
	for task, of := range table { // another variant may be what its task takes by itself
		for _, v := range of.all() {
			if len(cases) == 0 && v.kernel == id.name {
				defer d.try(Task(task), v)()
				cases = d.casesOf(id)
			}
		}
	}
	if len(cases) == 0 {
		panic(fmt.Sprintf("BUG: gpu: nothing tests %v", id))
	}
	checks, err := d.test(cases)
	if err != nil {
		return d.failed(fmt.Errorf("the test of %v did not end: %w", id, err))
	}
	d.tested[id] = d.failure(checks)
	return d.tested[id]
}

// casesOf returns the cases that run a kernel, and as few others as there are cases of.
func (d *Device) casesOf(id kernelID) []kernelcase.Case {
	headDim := d.headDim
	if id.consts[0].name == "HEAD_DIM" {
		headDim = id.consts[0].value
	}
	cases := slices.Concat(kernelcase.Plain(), kernelcase.OfMethods(headDim))
	kv := layout.CacheF16 // of kernels that know no type
	for _, t := range layout.CacheTypes {
		if slices.Contains(id.parts[:], "cache_"+t.String()) || slices.Contains(id.parts[:], "cache_write_"+t.String()) {
			kv = t
		}
	}
	cases = slices.Concat(cases, kernelcase.OfCache(kv, headDim), kernelcase.OfCacheMethods(kv, headDim))
	for _, t := range layout.WeightTypes {
		if strings.HasSuffix(id.parts[0], "_"+t.String()) { // weights_q8_0, blocks_q8_0
			cases = slices.Concat(cases, kernelcase.OfWeights(t), kernelcase.OfTokens(t))
		}
	}
	var found []kernelcase.Case
	fewest := math.MaxInt
	for _, c := range cases {
		ids := slices.Compact(d.kernelsOf(c))
		if !slices.Contains(ids, id) || len(ids) > fewest {
			continue
		}
		if len(ids) < fewest {
			fewest, found = len(ids), nil
		}
		found = append(found, c)
	}
	return found
}

// failure returns a sentence about the checks that failed, or nil.
func (d *Device) failure(checks []Check) error {
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
	reason = strings.TrimPrefix(reason, d.Name+": ")           // it is named already
	return &WrongKernels{fmt.Sprintf("%s failed on %s: %s", what, d.Name, reason)}
}
