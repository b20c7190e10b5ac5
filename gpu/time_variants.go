//go:build !js

package gpu

import (
	"slices"
	"time"

	"keyfold/layout"
)

// VariantTime is what a kernel took for a sample of its task.
type VariantTime struct {
	Kernel string // "matvec", or "matvec(WG_SIZE=32)" for its text with another constant
	Time   time.Duration
	Err    error // why it does not run here; Time is 0 then
}

// TimeVariants times all kernels that do a task. record records a sample of the
// task, and is called for each kernel in turn. The first result is the kernel that
// the table takes on this type of adapter.
//
// A sample is one submit, so its time includes waiting for the device: browsers
// need not have timestamps, and waiting is what a user does. No machine is equally
// fast at all times. So the kernels take turns, and the least time of each counts;
// the first round, in which kernels are compiled, does not.
func (d *Device) TimeVariants(task Task, record func(p *Pass)) []VariantTime {
	return d.timeAll(task, d.variants(task), record)
}

// TimeProducts is TimeVariants for products with matrices of type t: without the
// kernels that do not take it.
func (d *Device) TimeProducts(task Task, t layout.WeightType, record func(p *Pass)) []VariantTime {
	var list []variant
	for _, v := range d.variants(task) {
		if v = v.of(t); !slices.Contains(list, v) {
			list = append(list, v)
		}
	}
	return d.timeAll(task, list, record)
}

func (d *Device) timeAll(task Task, list []variant, record func(p *Pass)) []VariantTime {
	const rounds = 5
	var times []VariantTime
	for _, v := range list {
		times = append(times, VariantTime{Kernel: v.String()})
	}
	for round := range 1 + rounds {
		for i, v := range list {
			best := &times[i]
			if best.Err != nil {
				continue
			}
			took, err := d.timeVariant(task, v, record)
			switch {
			case err != nil:
				best.Time, best.Err = 0, err
			case round == 1 || round > 1 && took < best.Time:
				best.Time = took
			}
		}
	}
	return times
}

// timeVariant returns what one submit of the sample takes.
func (d *Device) timeVariant(task Task, v variant, record func(p *Pass)) (time.Duration, error) {
	defer d.try(task, v)()
	start := time.Now()
	p := d.Begin()
	record(p)
	p.await(nil)
	return time.Since(start), p.err
}

// SampleOf returns rows of type t to multiply with one after the other, as a forward pass does,
// so that a submit's own time counts little and small matrices come from memory as
// often as they do there. It takes those given in turn until that is about so many
// operations with so many tokens, or 64 dispatches. It cuts those that are too large;
// where no matrix has rows of this type there are none.
func SampleOf(matrices []*Weights, t layout.WeightType, tokens, operations int) []*Weights {
	const dispatches = 64
	var all, sample []*Weights
	for _, w := range matrices {
		i := slices.IndexFunc(w.parts, func(p weightPart) bool { return p.typ == t })
		if i >= 0 {
			part := w.parts[i]
			part.row0 = 0
			all = append(all, &Weights{Rows: part.rows, Cols: w.Cols, parts: []weightPart{part}})
		}
	}
	for i := 0; i < dispatches && operations > 0 && len(all) > 0; i++ {
		w := *all[i%len(all)]
		w.Rows = min(w.Rows, divUp(operations, 2*tokens*w.Cols))
		w.parts = []weightPart{w.parts[0]}
		w.parts[0].rows = w.Rows
		operations -= 2 * tokens * w.Cols * w.Rows
		sample = append(sample, &w)
	}
	return sample
}
