//go:build js

package gpu

import (
	"fmt"
	"strings"
	"syscall/js"

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

// wait does nothing: in a browser mapping a buffer has already parked this
// goroutine on the promise.
func (d *Device) wait() {}
