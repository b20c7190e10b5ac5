//go:build !js

package gpu

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cogentcore/webgpu/wgpu"
)

// KernelTime is what the dispatches of one kernel took together, those with
// different matrices apart.
type KernelTime struct {
	Kernel     string // its file's name
	Matrix     string // label of the weights it read; empty if it reads none
	Dispatches int
	Time       time.Duration
}

// profile collects what dispatches take while Device.Profile runs.
type profile struct {
	kernels []KernelTime
	order   []int // index into kernels, one per dispatch

	// Without timestamps every dispatch is submitted alone and waited for.
	alone bool
	empty time.Duration // what waiting for nothing takes
	start time.Time     // of the dispatch being waited for
}

// before is told of every dispatch that is about to be recorded.
func (f *profile) before(p *Pass, id kernelID, buffers []*Buffer) {
	key := KernelTime{Kernel: id.name}
	if strings.HasPrefix(id.parts[0], "weights_") {
		key.Matrix = buffers[0].label
	}
	at := 0
	for at < len(f.kernels) && (f.kernels[at].Kernel != key.Kernel || f.kernels[at].Matrix != key.Matrix) {
		at++
	}
	if at == len(f.kernels) {
		f.kernels = append(f.kernels, key)
	}
	f.order = append(f.order, at)
	f.kernels[at].Dispatches++
	if f.alone {
		p.await(nil) // what was recorded so far
		f.start = time.Now()
	}
}

// after is told that it was recorded.
func (f *profile) after(p *Pass) {
	if f.alone {
		p.await(nil)
		f.kernels[f.order[len(f.order)-1]].Time += max(0, time.Since(f.start)-f.empty)
	}
}

// Profile runs do and returns what the dispatches in it took on the device, in
// order of first use, and how that was found out. do takes longer than without:
// with timestamps every dispatch is a compute pass of its own, and where the
// adapter has none a submit of its own, from whose time that of an empty one is
// taken off, where it took no less. The first dispatches of a kernel may compile it: run do before.
func (d *Device) Profile(do func() error) (kernels []KernelTime, how string, err error) {
	return d.profileWith(do, d.driver.(*nativeDriver).timestamps)
}

func (d *Device) profileWith(do func() error, timestamps bool) (kernels []KernelTime, how string, err error) {
	f := &profile{alone: !timestamps}
	var t *timer
	if timestamps {
		if t, err = d.newTimer(); err != nil {
			return nil, "", err
		}
		defer t.free()
	} else if f.empty, err = d.emptyWait(); err != nil {
		return nil, "", err
	}
	native := d.driver.(*nativeDriver)
	d.profile, native.timer = f, t
	defer func() { d.profile, native.timer = nil, nil }()
	if err := do(); err != nil {
		return nil, "", err
	}
	if !timestamps {
		return f.kernels, "one kernel per submit", nil
	}
	if len(t.ticks) != len(f.order) {
		panic(fmt.Sprintf("BUG: gpu: %d times of %d dispatches", len(t.ticks), len(f.order)))
	}
	for i, at := range f.order {
		f.kernels[at].Time += time.Duration(float64(t.ticks[i]) * t.period)
	}
	return f.kernels, "timestamps", nil
}

// emptyWait returns what it takes to submit nothing and wait for it.
func (d *Device) emptyWait() (time.Duration, error) {
	var times []time.Duration
	for range 9 {
		start := time.Now()
		p := d.Begin()
		p.await(nil)
		if p.err != nil {
			return 0, p.err
		}
		times = append(times, time.Since(start))
	}
	slices.Sort(times)
	return times[len(times)/2], nil
}

// timer brackets every dispatch with timestamps.
type timer struct {
	set      *wgpu.QuerySet
	resolved nativeMemory // the timestamps of one submit
	readable nativeMemory // the same, for the program to read
	n        int          // timestamps recorded since the last submit
	ticks    []uint64
	period   float64 // nanoseconds per tick
	err      error
}

// maxStamps is the number of timestamps that one submit needs.
const maxStamps = 2 * maxDispatches

func (d *Device) newTimer() (t *timer, err error) {
	t = &timer{}
	defer func() {
		if err != nil {
			t.free()
			t = nil
		}
	}()
	defer catch("make a timer", &err)
	const queryResolve usage = 0x200
	native := d.driver.(*nativeDriver)
	t.set, err = native.dev.CreateQuerySet(&wgpu.QuerySetDescriptor{Type: wgpu.QueryTypeTimestamp, Count: maxStamps})
	if err != nil {
		return t, err
	}
	if t.resolved, err = native.memory("timestamps", 8*maxStamps, queryResolve|copySrc); err != nil {
		return t, err
	}
	if t.readable, err = native.memory("timestamps", 8*maxStamps, mapRead|copyDst); err != nil {
		return t, err
	}
	return t, t.calibrate(native)
}

// calibrate finds out how long a tick is, which the binding does not tell, from
// two timestamps a fifth of a second apart. Each is the one of several that was
// asked for and read in the shortest time, so that it is known best when it was.
func (t *timer) calibrate(d *nativeDriver) error {
	now := func() (tick uint64, at time.Time, err error) {
		least := time.Hour
		for range 10 {
			start := time.Now()
			stamp, err := t.now(d)
			if err != nil {
				return 0, at, err
			}
			if took := time.Since(start); took < least {
				least, tick, at = took, stamp, start.Add(took/2)
			}
		}
		return tick, at, nil
	}
	tick0, at0, err := now()
	if err != nil {
		return err
	}
	time.Sleep(200 * time.Millisecond)
	tick1, at1, err := now()
	if err != nil {
		return err
	}
	if tick1 <= tick0 {
		return fmt.Errorf("timestamps %d and %d a fifth of a second apart", tick0, tick1)
	}
	t.period = float64(at1.Sub(at0).Nanoseconds()) / float64(tick1-tick0)
	return nil
}

// now returns a timestamp of this moment.
func (t *timer) now(d *nativeDriver) (tick uint64, err error) {
	r, err := d.record()
	if err != nil {
		return 0, err
	}
	encoder := r.(*nativeRecorder).encoder
	t.stamp(encoder)
	if err := t.resolve(encoder); err != nil {
		return 0, err
	}
	if err := r.finish(func() error { return nil }); err != nil {
		return 0, err
	}
	t.n = 0
	err = d.read(t.readable, 8, wait{patience: patience}, func(data []byte) { tick = binary.LittleEndian.Uint64(data) })
	return tick, err
}

// stamp records a timestamp.
func (t *timer) stamp(encoder *wgpu.CommandEncoder) {
	if err := encoder.WriteTimestamp(t.set, uint32(t.n)); err != nil && t.err == nil {
		t.err = err
	}
	t.n++
}

// resolve records the copying of this submit's timestamps to where they can be read.
func (t *timer) resolve(encoder *wgpu.CommandEncoder) error {
	if t.n == 0 || t.err != nil {
		return t.err
	}
	if err := encoder.ResolveQuerySet(t.set, 0, uint32(t.n), t.resolved.buf, 0); err != nil {
		return err
	}
	return encoder.CopyBufferToBuffer(t.resolved.buf, 0, t.readable.buf, 0, uint64(8*t.n))
}

// collect waits for the submit and notes how long each dispatch took.
func (t *timer) collect(d *nativeDriver) error {
	if t.n == 0 {
		return nil
	}
	err := d.read(t.readable, 8*t.n, wait{true, longPatience}, func(data []byte) {
		for at := 0; at < 8*t.n; at += 16 {
			start, end := binary.LittleEndian.Uint64(data[at:]), binary.LittleEndian.Uint64(data[at+8:])
			t.ticks = append(t.ticks, max(end, start)-start)
		}
	})
	t.n = 0
	return err
}

// free gives back what was allocated of it.
func (t *timer) free() {
	if t.set != nil {
		t.set.Release()
	}
	for _, m := range []nativeMemory{t.resolved, t.readable} {
		if m.buf != nil {
			m.free()
		}
	}
}
