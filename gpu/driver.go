package gpu

import "time"

// Everything that differs between wgpu-native and a browser is in driver_native.go
// and driver_js.go. Both define openDriver, and profile: what dispatches take (in a
// browser there is none). Tests have a third driver, without a GPU, in stub_test.go.
//
// The browser's half talks to WebGPU itself. The binding's would do, but it
// brings log/slog and encoding/json along, an eighth of the wasm module, looks
// every method up by name at every call, and reports success where there is none.

// driver is an opened adapter.
type driver interface {
	// lost returns why the device no longer works, if that is known. Natively nothing
	// is: wgpu-native reports from the call that fails.
	lost() error

	allocate(label string, bytes int, u usage) (memory, error)
	write(m memory, offset int, data []byte) error

	// read waits for what was submitted and calls use with the first bytes of memory
	// that can be mapped.
	read(m memory, bytes int, w wait, use func(data []byte)) error

	// compile compiles shaders, all at the same time where the driver can. Binding 0 of
	// each is a uniform block at a dynamic offset.
	compile(sources []source) []compiled
	bind(p pipeline, memories []bound) (bindGroup, error)

	record() (recorder, error)
	close()
}

// What a driver makes: a buffer, a compiled shader with the layout of its bindings, and
// memories bound to one.
type (
	memory    interface{ free() }
	pipeline  interface{ free() }
	bindGroup interface{ free() }
)

// source is a shader to compile, and compiled what became of it.
type (
	source struct {
		label, code string
		bindings    []binding
	}

	compiled struct {
		pipeline
		err error
	}
)

// recorder takes commands down.
type recorder interface {
	copy(dst memory, dstOffset int, src memory, srcOffset, n int) error
	dispatch(p pipeline, g bindGroup, offset int, groups [3]int)

	// finish ends the recording and, unless before says no, hands it to the queue.
	finish(before func() error) error
}

// wait says what is known about a submit that is waited for.
type wait struct {
	long     bool          // it may take seconds
	patience time.Duration // after which the device is given up
}

// usage says what memory is for: WebGPU's own flags.
type usage uint32

const (
	mapRead usage = 0x1
	copySrc usage = 0x4
	copyDst usage = 0x8
	uniform usage = 0x40
	storage usage = 0x80
)

// adapterInfo is what a driver says about itself.
type adapterInfo struct {
	name, backend string
	software      bool
	subgroups     bool   // the feature, in a form that shaders can use
	bindingBytes  uint64 // limits that were granted
	bufferBytes   uint64
}

// bound is memory to be bound, from its start.
type bound struct {
	number uint32
	m      memory
	bytes  int
}
