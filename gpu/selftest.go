package gpu

import (
	"keyfold/internal/kernelcase"
	"keyfold/layout"
)

// Check is the verdict of [Device.SelfTest] on one kernel.
type Check struct {
	Kernel string // "attention f16 (1 token)": the wrapper, the type it reads or writes, the variant
	Err    error  // nil: the device computes what the CPU twin does
}

// SelfTest runs every kernel on a little data on this device and compares it
// with its CPU twin: in those variants that a model with matrices of these
// types, caches of these types and heads of headDim uses afterwards, so that
// nothing is compiled in vain. It returns one check per kernel, in order. A
// kernel that does not compile or run has failed its check (in a browser, whose
// device is of no more use then, it is the last one); an error says that the
// test itself found no memory.
func (d *Device) SelfTest(weights []layout.WeightType, caches []layout.CacheType, headDim int) ([]Check, error) {
	var checks []Check
	for _, group := range caseGroups(weights, caches, headDim) {
		run := newCaseRun(d)
		defer run.free()
		for _, c := range group() {
			if !d.concerns(c.Calls[0], checks) {
				continue
			}
			err := run.check(c, kernelcase.Lenient)
			if run.err != nil {
				return checks, run.err
			}
			checks = append(checks, Check{c.Name, err})
			if d.driver.lost() != nil { // a browser reports errors late and by events: after one, no submit is believed
				return checks, nil
			}
		}
	}
	return checks, nil
}

// caseGroups returns functions that make the cases which share weights or a cache.
func caseGroups(weights []layout.WeightType, caches []layout.CacheType, headDim int) []func() []kernelcase.Case {
	var groups []func() []kernelcase.Case
	for _, t := range weights {
		groups = append(groups, func() []kernelcase.Case { return kernelcase.OfWeights(t) })
	}
	groups = append(groups, func() []kernelcase.Case { return kernelcase.Plain(headDim) })
	for _, t := range caches {
		groups = append(groups, func() []kernelcase.Case { return kernelcase.OfCache(t, headDim) })
	}
	return groups
}

// concerns reports whether a call says something about this device that the checks so
// far do not.
func (d *Device) concerns(call kernelcase.Call, checks []Check) bool {
	switch call.(type) {
	case *kernelcase.DecodeParts:
		return d.variant(AttendOne).kernel == "decode_parts"
	case *kernelcase.GVoteVote: // begins with zero, and would be blamed for it
		for _, c := range checks {
			if c.Kernel == "zero" && c.Err != nil {
				return false
			}
		}
	}
	return true
}
