package gpu

import (
	"errors"
	"slices"
)

// Error is about a device that did not do what it should: it was lost, hangs, has no
// memory left, or refuses something.
type Error struct {
	Adapter string
	Err     error
}

func (e *Error) Error() string { return e.Adapter + ": " + e.Err.Error() }
func (e *Error) Unwrap() error { return e.Err }

// failed returns err as an [Error] of the device, but for [WrongKernels].
func (d *Device) failed(err error) error {
	var named *Error
	var wrong *WrongKernels
	if err == nil || errors.As(err, &named) || errors.As(err, &wrong) {
		return err
	}
	return &Error{d.Name, err}
}

// OpenFailing is Open with a device that fails when it is told to: before each step that
// its driver takes ("allocate", "write", "read", "compile", "bind", "record", "submit"), fails is asked
// for the error to have in its place, or nil. It serves tests of what goes on then.
func OpenFailing(fails func(step string) error) (*Device, error) {
	return openOn(func() (driver, adapterInfo, error) {
		d, info, err := openDriver()
		return &failingDriver{d, fails}, info, err
	}, shaderFile)
}

type failingDriver struct {
	driver
	fails func(step string) error
}

func (d *failingDriver) allocate(label string, bytes int, u usage) (memory, error) {
	if err := d.fails("allocate"); err != nil {
		return nil, err
	}
	return d.driver.allocate(label, bytes, u)
}

func (d *failingDriver) write(m memory, offset int, data []byte) error {
	if err := d.fails("write"); err != nil {
		return err
	}
	return d.driver.write(m, offset, data)
}

func (d *failingDriver) read(m memory, bytes int, w wait, use func(data []byte)) error {
	if err := d.fails("read"); err != nil {
		return err
	}
	return d.driver.read(m, bytes, w, use)
}

func (d *failingDriver) compile(sources []source) []compiled {
	if err := d.fails("compile"); err != nil {
		return slices.Repeat([]compiled{{err: err}}, len(sources))
	}
	return d.driver.compile(sources)
}

func (d *failingDriver) bind(p pipeline, memories []bound) (bindGroup, error) {
	if err := d.fails("bind"); err != nil {
		return nil, err
	}
	return d.driver.bind(p, memories)
}

func (d *failingDriver) record() (recorder, error) {
	if err := d.fails("record"); err != nil {
		return nil, err
	}
	r, err := d.driver.record()
	return &failingRecorder{r, d}, err
}

type failingRecorder struct {
	recorder
	d *failingDriver
}

func (r *failingRecorder) finish(before func() error) error {
	return r.recorder.finish(func() error {
		if err := r.d.fails("submit"); err != nil {
			return err
		}
		return before()
	})
}
