package gpu

import (
	"slices"
	"time"
)

// Overhead is what a device takes besides arithmetic.
type Overhead struct {
	Wait     time.Duration // for a submit, to read four bytes back
	Dispatch time.Duration // of a kernel with hardly anything to do, in a submit with many
	Bursts   []Burst       // that Dispatch comes from
}

// Burst is a submit of so many kernels, each of which waits for the one before.
type Burst struct {
	Kernels int
	Time    time.Duration // with the wait for it
}

const (
	overheadWaits = 100 // that are timed, ten at a time: a browser's clock is coarse
	overheadRuns  = 5   // of each burst
)

// MeasureOverhead measures what the device takes for nothing: medians of 100 waits, and of
// bursts of 100, 400 and 1,000 kernels.
func (d *Device) MeasureOverhead() (*Overhead, error) {
	b, err := d.NewBuffer("overhead", 4)
	if err != nil {
		return nil, err
	}
	defer b.Destroy()
	burst := func(kernels int) error {
		p := d.Begin()
		for range kernels {
			p.Zero(b, 1)
		}
		p.Read(b, 0, 4)
		return p.Submit()
	}
	if err := burst(1); err != nil { // compiles the kernel
		return nil, err
	}
	o := &Overhead{}
	const atOnce = 10
	waits, err := d.median(overheadWaits/atOnce, func() error {
		for range atOnce {
			if err := burst(0); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	o.Wait = waits / atOnce
	for _, kernels := range []int{100, 400, 1000} {
		took, err := d.median(overheadRuns, func() error { return burst(kernels) })
		if err != nil {
			return nil, err
		}
		o.Bursts = append(o.Bursts, Burst{kernels, took})
	}
	least, most := o.Bursts[0], o.Bursts[len(o.Bursts)-1]
	o.Dispatch = max(0, most.Time-least.Time) / time.Duration(most.Kernels-least.Kernels)
	return o, nil
}

// median runs do so many times and returns the median of what it took.
func (d *Device) median(runs int, do func() error) (time.Duration, error) {
	var times []time.Duration
	for range runs {
		start := d.now()
		if err := do(); err != nil {
			return 0, err
		}
		times = append(times, d.now().Sub(start))
	}
	slices.Sort(times)
	return (times[(runs-1)/2] + times[runs/2]) / 2, nil
}
