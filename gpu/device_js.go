//go:build js

package gpu

import (
	"fmt"
	"strings"
	"syscall/js"
	"unsafe"

	"github.com/cogentcore/webgpu/wgpu"
)

// openDevice asks the browser for a device. The binding's own RequestDevice
// drops the wanted limits, so the device is made here and only then wrapped.
//
// Like every function that waits for the browser it must not be called on the
// event loop, that is, directly inside a js.Func.
func openDevice() (d *Device, err error) {
	defer catch("open", &err)
	api := js.Global().Get("navigator").Get("gpu")
	if !api.Truthy() {
		return nil, fmt.Errorf("gpu: %w: navigator.gpu is missing; WebGPU needs https or localhost "+
			"and a recent Chrome, Edge, Firefox or Safari", ErrNoDevice)
	}
	adapter, err := await(api.Call("requestAdapter", map[string]any{"powerPreference": "high-performance"}))
	if err != nil {
		return nil, fmt.Errorf("gpu: requestAdapter: %w", err)
	}
	if !adapter.Truthy() {
		return nil, fmt.Errorf("gpu: %w: requestAdapter returned null; this browser or machine has WebGPU switched off", ErrNoDevice)
	}
	info := adapter.Get("info")
	name := strings.TrimSpace(info.Get("vendor").String() + " " + info.Get("architecture").String() +
		" " + info.Get("description").String())
	limits := map[string]any{}
	for _, key := range []string{"maxStorageBufferBindingSize", "maxBufferSize"} {
		limits[key] = adapter.Get("limits").Get(key)
	}
	dev, err := await(adapter.Call("requestDevice", map[string]any{"requiredLimits": limits}))
	if err != nil {
		return nil, fmt.Errorf("gpu: open %s: %w", name, err)
	}
	wrapped := wgpu.NewDevice(dev)
	d = &Device{
		Name:     name,
		Backend:  "WebGPU",
		Software: info.Get("isFallbackAdapter").Truthy() || strings.Contains(strings.ToLower(name), "swiftshader"),
		dev:      &wrapped,
		write:    writeBuffer(dev),
		lost:     listen(dev),
		release:  func() { dev.Call("destroy") },
	}
	granted := dev.Get("limits")
	d.setLimits(wgpu.Limits{
		MaxStorageBufferBindingSize: uint64(granted.Get("maxStorageBufferBindingSize").Float()),
		MaxBufferSize:               uint64(granted.Get("maxBufferSize").Float()),
	})
	return d, nil
}

// await parks this goroutine until the promise settles.
func await(promise js.Value) (js.Value, error) {
	type settled struct {
		value js.Value
		err   error
	}
	done := make(chan settled, 1)
	resolve := js.FuncOf(func(_ js.Value, args []js.Value) any {
		done <- settled{value: args[0]}
		return nil
	})
	reject := js.FuncOf(func(_ js.Value, args []js.Value) any {
		done <- settled{err: fmt.Errorf("%s", args[0].Call("toString").String())}
		return nil
	})
	defer resolve.Release()
	defer reject.Release()
	promise.Call("then", resolve, reject)
	s := <-done
	return s.value, s.err
}

// value returns the browser's object behind a buffer. The binding hides it, and
// its own MapAsync reports success whatever happened and its WriteBuffer may
// panic when Go's memory grows.
func (b *Buffer) value() js.Value { return *(*js.Value)(unsafe.Pointer(b.buf)) }

// mapped waits for what was submitted and calls read with the contents of a
// buffer that can be mapped.
func (d *Device) mapped(b *Buffer, read func(data []byte)) error {
	const mapModeRead = 1
	if _, err := await(b.value().Call("mapAsync", mapModeRead, 0, b.size)); err != nil {
		if lost := d.lost(); lost != nil {
			return lost
		}
		return fmt.Errorf("gpu: read back: %w", err)
	}
	data := make([]byte, b.size)
	js.CopyBytesToGo(data, js.Global().Get("Uint8Array").New(b.value().Call("getMappedRange")))
	b.value().Call("unmap")
	read(data)
	return d.lost()
}

// writeBuffer returns the function that hands data to the queue, by way of a
// copy of its own.
func writeBuffer(device js.Value) func(b *Buffer, offset int, data []byte) error {
	queue, bytes := device.Get("queue"), js.Global().Get("Uint8Array")
	return func(b *Buffer, offset int, data []byte) error {
		array := bytes.New(len(data))
		js.CopyBytesToJS(array, data)
		queue.Call("writeBuffer", b.value(), offset, array)
		return nil
	}
}

// listen notes what the browser reports by events, some time after the call
// that caused it, and returns a function that tells the first of it.
func listen(device js.Value) func() error {
	var first error
	note := func(message string) {
		if first == nil {
			first = fmt.Errorf("gpu: %s", message)
		}
	}
	device.Call("addEventListener", "uncapturederror", js.FuncOf(func(_ js.Value, args []js.Value) any {
		note(args[0].Get("error").Get("message").String())
		return nil
	}))
	device.Get("lost").Call("then", js.FuncOf(func(_ js.Value, args []js.Value) any {
		note("the device was lost: " + args[0].Get("message").String())
		return nil
	}))
	return func() error { return first }
}
