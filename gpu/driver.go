package gpu

// Everything that differs between wgpu-native and a browser is in driver_native.go
// and driver_js.go. Both define, with the same methods:
//
//	driver     an opened adapter
//	memory     a buffer on it
//	pipeline   a compiled shader with the layout of its bindings
//	bindGroup  memories bound to a pipeline
//	recorder   commands being recorded
//	profile    what dispatches take; in a browser there is none
//
// The browser's half talks to WebGPU itself. The binding's would do, but it
// brings log/slog and encoding/json along, an eighth of the wasm module, looks
// every method up by name at every call, and reports success where there is none.

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
