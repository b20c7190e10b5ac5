// Package gpu runs keyfold's compute shaders.
//
// The nouns, in reading order: a [Device] is an adapter that has been opened; a
// [Buffer] is memory on it; a [Pass] records kernels and submits them together.
// Every kernel has one wrapper method on Pass, in the file of the kernel's name:
// rms_norm.go records shaders/rms_norm.wgsl, whose CPU twin is ref/rms_norm.go.
//
// gpu knows buffers and shapes. It knows nothing of layers, tokens or methods.
package gpu

import (
	"errors"
	"fmt"
	"math"
	"time"
)

// ErrNoDevice is what [Open] wraps when there is nothing to run shaders on.
var ErrNoDevice = errors.New("no WebGPU adapter")

// Limits are the limits of an opened device that shapes are checked against.
type Limits struct {
	BindingBytes int // largest storage buffer binding
	BufferBytes  int // largest buffer
	Groups       int // most workgroups along one axis of a dispatch
}

// Device is an opened adapter with its compiled kernels. It is not safe for
// concurrent use.
type Device struct {
	Name     string // what the driver calls the adapter
	Backend  string // "Vulkan", "Metal", "D3D12" or "WebGPU" (in a browser)
	Software bool   // the adapter is a CPU, which emulates a GPU
	Limits   Limits

	// Tell, if not nil, is told before so many kernels are compiled (step "compile") or tested
	// ("test"), which takes seconds where a driver has compiled nothing before.
	Tell func(step string, kernels int)

	subgroups bool // kernels may use subgroups
	lean      bool // threads have few registers
	emulated  bool // as Software, whatever a test makes of that: compiling takes long

	driver     driver
	kernels    map[kernelID]*kernel
	trial      map[Task]variant   // kernels to take instead of the table's; see try
	tested     map[kernelID]error // what their cases found; nil before the self-test
	bindGroups map[bindKey]bindGroup
	chooser    chooser
	params     *Buffer // uniform blocks of one submit, paramStride bytes apart, and its number
	staging    *Buffer // what a submit reads back
	submits    uint32  // that were waited for
	nextID     uint64  // of the next buffer
	live       int     // bytes of all buffers not yet destroyed
	queue      queue   // submits that were not waited for yet
	pace       *pace
	now        func() time.Time
	headDim    int  // of the model; casesOf makes caches of that width
	testing    bool // cases are recorded
	unsettled  int  // bytes of weights that were uploaded since the device was last waited for; see settle

	profile *profile // what dispatches take; nil: not measured

	shader func(name string) (text string, ok bool) // the text of a shader file
}

// Open opens the best adapter of this machine: a discrete GPU before an
// integrated one before a software adapter.
func Open() (*Device, error) { return OpenWith(shaderFile) }

// OpenWith is Open with other shaders: shader returns the text of shaders/NAME.wgsl, and
// whether there is one. It serves to try a change to a kernel, and tests to see that a
// wrong one is found.
func OpenWith(shader func(name string) (text string, ok bool)) (*Device, error) {
	return openOn(openDriver, shader)
}

// openOn is OpenWith on the driver that open returns: tests have one without a GPU.
func openOn(open func() (driver, adapterInfo, error), shader func(name string) (text string, ok bool)) (d *Device, err error) {
	defer catch("open", &err)
	driver, info, err := open()
	if err != nil {
		return nil, err
	}
	d = &Device{
		Name: info.name, Backend: info.backend, Software: info.software,
		subgroups: info.subgroups, lean: isLean(info.name), emulated: info.software, driver: driver,
		Limits: Limits{
			BindingBytes: int(min(info.bindingBytes, math.MaxInt32*64)),
			BufferBytes:  int(min(info.bufferBytes, math.MaxInt32*64)),
			Groups:       65535, // WebGPU's default, which is not raised
		},
		pace:       paceOf(info.name),
		now:        time.Now,
		shader:     shader,
		kernels:    map[kernelID]*kernel{},
		trial:      map[Task]variant{},
		bindGroups: map[bindKey]bindGroup{},
	}
	d.params, err = d.newBuffer("params", paramStride*(maxDispatches+1), uniform|copyDst|copySrc)
	if err == nil {
		d.chooser, err = d.newChooser()
	}
	if err != nil {
		d.Close()
		return nil, err
	}
	return d, nil
}

// MostWork returns the floating-point operations that one submit should not
// exceed now, so that it takes about 50 ms: systems reset a GPU that is busy for long,
// phones after half a second. Passes are submitted in pieces accordingly; a caller
// sees to it that one kernel stays below. A software adapter takes a second or less.
func (d *Device) MostWork() int {
	if d.Software {
		return 1_000_000_000
	}
	return d.pace.mostWork()
}

// Lost returns why the device no longer works, or nil. Natively the call that
// fails says so itself.
func (d *Device) Lost() error { return d.driver.lost() }

func (d *Device) tell(step string, kernels int) {
	if d.Tell != nil && kernels > 0 {
		d.Tell(step, kernels)
	}
}

// Counts returns how many kernels were compiled so far, and how often the device was
// waited for: what a start takes.
func (d *Device) Counts() (kernels, waits int) { return len(d.kernels), int(d.submits) }

// LiveBytes returns the bytes of all buffers that exist now.
func (d *Device) LiveBytes() int { return d.live }

// Close frees everything that belongs to the device.
func (d *Device) Close() {
	for _, g := range d.bindGroups {
		g.free()
	}
	for _, k := range d.kernels {
		k.pipeline.free()
	}
	for _, b := range []*Buffer{d.params, d.staging, d.chooser.slices, d.chooser.draw} {
		if b != nil {
			b.Destroy()
		}
	}
	d.bindGroups, d.kernels, d.params, d.staging = nil, nil, nil, nil
	d.driver.close()
}

// catch turns a panic of the binding into an error.
func catch(what string, err *error) {
	if r := recover(); r != nil {
		*err = fmt.Errorf("%s: %v", what, r)
	}
}
