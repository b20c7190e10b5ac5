//go:build js

package gpu

import (
	"errors"
	"fmt"
	"syscall/js"
	"time"
)

// browserDriver is a GPUDevice of the browser. Like every function that waits for the
// browser, openDriver and read must not be called on the event loop, that is,
// directly inside a js.Func.
type browserDriver struct {
	device, queue js.Value
	bytes         js.Value // the Uint8Array constructor
	recordings    js.Value // of web/gpu.js
	objects       uint32   // that recordings has been given
	first         error    // the first error that came as an event
}

// object is something of the browser's that commands name by a number.
type object struct {
	js.Value
	d      *browserDriver
	number uint32
}

func (d *browserDriver) object(v js.Value) object {
	d.objects++
	d.recordings.Get("objects").Call("set", d.objects, v)
	return object{v, d, d.objects}
}

func (o object) forget() { o.d.recordings.Get("objects").Call("delete", o.number) }

type (
	browserMemory struct{ buf object }

	browserPipeline struct {
		compute object
		layout  js.Value
	}

	browserGroup struct{ group object }

	profile struct{}

	browserRecorder struct {
		d        *browserDriver
		commands []uint32 // see submit in web/gpu.js
	}
)

func openDriver() (driver, adapterInfo, error) {
	agent := js.Global().Get("navigator").Get("userAgent").String()
	api := js.Global().Get("navigator").Get("gpu")
	if !api.Truthy() {
		return nil, adapterInfo{}, fmt.Errorf("%w: navigator.gpu is missing; WebGPU needs https or localhost "+
			"and a recent Chrome, Edge, Firefox or Safari%s", ErrNoDevice, howToTurnOn(agent))
	}
	adapter, err := await(api.Call("requestAdapter", map[string]any{"powerPreference": "high-performance"}))
	if err != nil {
		return nil, adapterInfo{}, fmt.Errorf("%w: requestAdapter: %w", ErrNoDevice, err)
	}
	if !adapter.Truthy() {
		return nil, adapterInfo{}, fmt.Errorf("%w: requestAdapter returned null; "+
			"this browser or machine has WebGPU switched off%s", ErrNoDevice, howToTurnOn(agent))
	}
	name, fallback := browserName("", "", ""), adapter.Get("isFallbackAdapter").Truthy() // browsers need not have info
	if info := adapter.Get("info"); info.Truthy() {
		fallback = fallback || info.Get("isFallbackAdapter").Truthy()
		name = browserName(info.Get("vendor").String(), info.Get("architecture").String(), info.Get("description").String())
	}
	limits := map[string]any{}
	for _, key := range []string{"maxStorageBufferBindingSize", "maxBufferSize"} {
		limits[key] = adapter.Get("limits").Get(key)
	}
	features := []any{}
	subgroups := adapter.Get("features").Call("has", "subgroups").Bool()
	if subgroups {
		features = append(features, "subgroups")
	}
	device, err := await(adapter.Call("requestDevice", map[string]any{"requiredLimits": limits, "requiredFeatures": features}))
	if err != nil {
		return nil, adapterInfo{}, fmt.Errorf("open %s: %w", name, err)
	}
	d := &browserDriver{
		device: device, queue: device.Get("queue"), bytes: js.Global().Get("Uint8Array"),
		recordings: js.Global().Call("recordings", device),
	}
	d.listen()
	granted := device.Get("limits")
	return d, adapterInfo{
		name:         name,
		backend:      "WebGPU",
		software:     fallback || emulates(name),
		subgroups:    subgroups,
		bindingBytes: uint64(granted.Get("maxStorageBufferBindingSize").Float()),
		bufferBytes:  uint64(granted.Get("maxBufferSize").Float()),
	}, nil
}

// listen notes what the browser reports by events, some time after the call
// that caused it.
func (d *browserDriver) listen() {
	note := func(message string) {
		if d.first == nil {
			d.first = errors.New(message)
		}
	}
	d.device.Call("addEventListener", "uncapturederror", js.FuncOf(func(_ js.Value, args []js.Value) any {
		note(args[0].Get("error").Get("message").String())
		return nil
	}))
	d.device.Get("lost").Call("then", js.FuncOf(func(_ js.Value, args []js.Value) any {
		note("the device was lost: " + args[0].Get("message").String())
		return nil
	}))
}

func (d *browserDriver) lost() error { return d.first }

func (d *browserDriver) close() { d.device.Call("destroy") }

func (d *browserDriver) allocate(label string, bytes int, u usage) (memory, error) {
	buf := d.device.Call("createBuffer", map[string]any{"label": label, "size": bytes, "usage": uint32(u)})
	return browserMemory{d.object(buf)}, nil
}

func (m browserMemory) free() {
	m.buf.Call("destroy")
	m.buf.forget()
}

// write hands over a copy: a view of Go's memory would be lost when that grows.
func (d *browserDriver) write(m memory, offset int, data []byte) error {
	array := d.bytes.New(len(data))
	js.CopyBytesToJS(array, data)
	d.queue.Call("writeBuffer", m.(browserMemory).buf.Value, offset, array)
	return nil
}

// A browser gives up a device that hangs, and says so. It is waited for as long as that
// takes: a clock here would run on while the machine sleeps.
func (d *browserDriver) read(m memory, bytes int, _ wait, use func(data []byte)) error {
	buf := m.(browserMemory).buf
	if _, err := await(d.recordings.Call("map", buf.Value, bytes)); err != nil {
		time.Sleep(20 * time.Millisecond) // that the device was lost is told after this
		if d.first != nil {
			return d.first
		}
		return err
	}
	data := make([]byte, bytes)
	js.CopyBytesToGo(data, d.bytes.New(buf.Call("getMappedRange", 0, bytes)))
	buf.Call("unmap")
	use(data)
	return d.first
}

// compile asks for all pipelines before it waits for any. What is wrong with a text is
// caught here, so that no event ends the device for it.
func (d *browserDriver) compile(sources []source) []compiled {
	all := make([]compiled, len(sources))
	var layouts []js.Value
	var promises []any // two for each source
	for _, s := range sources {
		d.device.Call("pushErrorScope", "validation")
		layout := d.device.Call("createBindGroupLayout", map[string]any{"entries": layoutEntries(s.bindings)})
		created := d.device.Call("createComputePipelineAsync", map[string]any{
			"label":  s.label,
			"layout": d.device.Call("createPipelineLayout", map[string]any{"bindGroupLayouts": []any{layout}}),
			"compute": map[string]any{
				"module":     d.device.Call("createShaderModule", map[string]any{"label": s.label, "code": s.code}),
				"entryPoint": "main",
			},
		})
		promises = append(promises, d.device.Call("popErrorScope"), created)
		layouts = append(layouts, layout)
	}
	settled, _ := await(js.Global().Get("Promise").Call("allSettled", promises)) // which none rejects
	for i, layout := range layouts {
		compute, err := outcome(settled.Index(2*i), settled.Index(2*i+1))
		if all[i].err = err; err == nil {
			all[i].pipeline = browserPipeline{d.object(compute), layout}
		}
	}
	return all
}

// outcome returns the pipeline that was asked for, or what is wrong with its text.
func outcome(scope, created js.Value) (js.Value, error) {
	if fault := scope.Get("value"); fault.Truthy() {
		return fault, errors.New(fault.Get("message").String())
	}
	if reason := created.Get("reason"); reason.Truthy() {
		return reason, errors.New(reason.Call("toString").String())
	}
	return created.Get("value"), nil
}

// layoutEntries describes the uniform block and the bindings of a shader.
func layoutEntries(bindings []binding) []any {
	const compute = 4 // GPUShaderStage.COMPUTE
	entries := []any{map[string]any{
		"binding": 0, "visibility": compute,
		"buffer": map[string]any{"type": "uniform", "hasDynamicOffset": true},
	}}
	for _, b := range bindings {
		kind := "storage"
		if b.readOnly {
			kind = "read-only-storage"
		}
		entries = append(entries, map[string]any{
			"binding": b.number, "visibility": compute, "buffer": map[string]any{"type": kind},
		})
	}
	return entries
}

func (p browserPipeline) free() { p.compute.forget() } // and the browser collects it

func (d *browserDriver) bind(p pipeline, memories []bound) (bindGroup, error) {
	var entries []any
	for _, b := range memories {
		entries = append(entries, map[string]any{
			"binding": b.number, "resource": map[string]any{"buffer": b.m.(browserMemory).buf.Value, "size": b.bytes},
		})
	}
	group := d.device.Call("createBindGroup", map[string]any{"layout": p.(browserPipeline).layout, "entries": entries})
	return browserGroup{d.object(group)}, nil
}

func (g browserGroup) free() { g.group.forget() }

func (d *browserDriver) record() (recorder, error) { return &browserRecorder{d: d}, nil }

func (r *browserRecorder) copy(dst memory, dstOffset int, src memory, srcOffset, n int) error {
	r.commands = append(r.commands, 0, src.(browserMemory).buf.number, uint32(srcOffset),
		dst.(browserMemory).buf.number, uint32(dstOffset), uint32(n))
	return nil
}

func (r *browserRecorder) dispatch(p pipeline, g bindGroup, offset int, groups [3]int) {
	r.commands = append(r.commands, p.(browserPipeline).compute.number, g.(browserGroup).group.number, uint32(offset),
		uint32(groups[0]), uint32(groups[1]), uint32(groups[2]))
}

func (*profile) before(*Pass, kernelID, []*Buffer) {}
func (*profile) after(*Pass)                       {}

// finish hands what was recorded to the queue, unless before says no.
func (r *browserRecorder) finish(before func() error) error {
	if err := before(); err != nil {
		return err
	}
	data := wordBytes(r.commands)
	array := r.d.bytes.New(len(data))
	js.CopyBytesToJS(array, data)
	r.d.recordings.Call("submit", array)
	return nil
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
