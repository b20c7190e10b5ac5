//go:build !js

package gpu

import (
	"fmt"
	"slices"
	"time"

	"github.com/cogentcore/webgpu/wgpu"
)

// driver is a device of wgpu-native, through cogentcore's binding.
type driver struct {
	adapter *wgpu.Adapter
	dev     *wgpu.Device
	queue   *wgpu.Queue

	timestamps bool   // the adapter has timestamp queries
	timer      *timer // while dispatches are timed; else nil
}

type (
	memory struct{ buf *wgpu.Buffer }

	pipeline struct {
		compute *wgpu.ComputePipeline
		layout  *wgpu.BindGroupLayout
	}

	bindGroup struct{ group *wgpu.BindGroup }

	recorder struct {
		d       *driver
		encoder *wgpu.CommandEncoder
		pass    *wgpu.ComputePassEncoder // nil while no compute pass is open
	}
)

// adapterOrder lists adapter types from best to worst.
var adapterOrder = []wgpu.AdapterType{
	wgpu.AdapterTypeDiscreteGPU,
	wgpu.AdapterTypeIntegratedGPU,
	wgpu.AdapterTypeUnknown,
	wgpu.AdapterTypeCPU,
}

var backendNames = map[wgpu.BackendType]string{
	wgpu.BackendTypeVulkan: "Vulkan",
	wgpu.BackendTypeMetal:  "Metal",
	wgpu.BackendTypeD3D12:  "D3D12",
}

func openDriver() (*driver, adapterInfo, error) {
	wgpu.SetLogLevel(wgpu.LogLevelError)
	// With a descriptor the binding hands over memory it has not cleared, and
	// wgpu-native aborts on what it finds there.
	instance := wgpu.CreateInstance(nil)
	defer instance.Release()

	adapters := instance.EnumerateAdapters(&wgpu.InstanceEnumerateAdapterOptons{Backends: wgpu.InstanceBackendPrimary})
	if len(adapters) == 0 {
		return nil, adapterInfo{}, fmt.Errorf("%w: found no Vulkan, Metal or D3D12 driver; "+
			"on Debian and Ubuntu the packages libvulkan1 and mesa-vulkan-drivers bring a software one", ErrNoDevice)
	}
	rank := func(a *wgpu.Adapter) int { return slices.Index(adapterOrder, a.GetInfo().AdapterType) }
	slices.SortStableFunc(adapters, func(a, b *wgpu.Adapter) int { return rank(a) - rank(b) })
	for _, a := range adapters[1:] {
		a.Release()
	}
	adapter := adapters[0]
	info := adapter.GetInfo()
	// Limits are raised one by one: the adapter's own, handed back as a whole,
	// carry garbage in a field that the binding does not know.
	limits, offered := wgpu.DefaultLimits(), adapter.GetLimits().Limits
	limits.MaxStorageBufferBindingSize = offered.MaxStorageBufferBindingSize
	limits.MaxBufferSize = offered.MaxBufferSize
	var features []wgpu.FeatureName
	timestamps := adapter.HasFeature(wgpu.FeatureNameTimestampQuery)
	if timestamps {
		features = append(features, wgpu.FeatureNameTimestampQuery)
	}
	dev, err := adapter.RequestDevice(&wgpu.DeviceDescriptor{
		RequiredFeatures: features, RequiredLimits: &wgpu.RequiredLimits{Limits: limits},
	})
	if err != nil {
		adapter.Release()
		return nil, adapterInfo{}, fmt.Errorf("open %s: %w", info.DriverDescription, err)
	}
	granted := dev.GetLimits().Limits
	return &driver{adapter: adapter, dev: dev, queue: dev.GetQueue(), timestamps: timestamps}, adapterInfo{
		name:         info.DriverDescription, // info.Name is a number
		backend:      backendNames[info.BackendType],
		software:     info.AdapterType == wgpu.AdapterTypeCPU,
		bindingBytes: granted.MaxStorageBufferBindingSize,
		bufferBytes:  granted.MaxBufferSize,
	}, nil
}

func (d *driver) close() {
	d.dev.Release()
	d.adapter.Release()
}

// lost returns why the device no longer works, if that is known: wgpu-native
// reports from the call that fails.
func (d *driver) lost() error { return nil }

func (d *driver) allocate(label string, bytes int, u usage) (memory, error) {
	buf, err := d.dev.CreateBuffer(&wgpu.BufferDescriptor{Label: label, Size: uint64(bytes), Usage: wgpu.BufferUsage(u)})
	return memory{buf}, err
}

func (m memory) free() {
	m.buf.Destroy()
	m.buf.Release()
}

func (d *driver) write(m memory, offset int, data []byte) error {
	return d.queue.WriteBuffer(m.buf, uint64(offset), data)
}

// read waits for what was submitted and calls use with the contents of memory
// that can be mapped. wgpu-native delivers the callback only from inside Poll.
//
// A Poll that waits gives up after five seconds, takes the work for done, and frees
// the commands that the device still runs: lavapipe crashes then
// (https://github.com/gfx-rs/wgpu/issues/3601). So where the work may be long, Poll
// only looks, from time to time. That is a millisecond late, the shortest sleep.
func (d *driver) read(m memory, bytes int, long bool, use func(data []byte)) error {
	status := wgpu.BufferMapAsyncStatusUnknown
	err := m.buf.MapAsync(wgpu.MapModeRead, 0, uint64(bytes), func(s wgpu.BufferMapAsyncStatus) { status = s })
	if err != nil {
		return err
	}
	for start := time.Now(); status == wgpu.BufferMapAsyncStatusUnknown && time.Since(start) < patience; {
		d.dev.Poll(!long, nil)
		if long && status == wgpu.BufferMapAsyncStatusUnknown {
			time.Sleep(time.Millisecond)
		}
	}
	if status != wgpu.BufferMapAsyncStatusSuccess {
		return fmt.Errorf("mapping ended with status %v", status)
	}
	use(m.buf.GetMappedRange(0, uint(bytes)))
	return m.buf.Unmap()
}

// compile compiles a shader. Binding 0 is a uniform block at a dynamic offset.
func (d *driver) compile(label, src string, bindings []binding) (p pipeline, err error) {
	entries := []wgpu.BindGroupLayoutEntry{{
		Binding:    0,
		Visibility: wgpu.ShaderStageCompute,
		Buffer:     wgpu.BufferBindingLayout{Type: wgpu.BufferBindingTypeUniform, HasDynamicOffset: true},
	}}
	for _, b := range bindings {
		kind := wgpu.BufferBindingTypeStorage
		if b.readOnly {
			kind = wgpu.BufferBindingTypeReadOnlyStorage
		}
		entries = append(entries, wgpu.BindGroupLayoutEntry{
			Binding:    b.number,
			Visibility: wgpu.ShaderStageCompute,
			Buffer:     wgpu.BufferBindingLayout{Type: kind},
		})
	}
	module, err := d.dev.CreateShaderModule(&wgpu.ShaderModuleDescriptor{
		Label:          label,
		WGSLDescriptor: &wgpu.ShaderModuleWGSLDescriptor{Code: src},
	})
	if err != nil {
		return p, err
	}
	defer module.Release()
	p.layout, err = d.dev.CreateBindGroupLayout(&wgpu.BindGroupLayoutDescriptor{Entries: entries})
	if err != nil {
		return p, err
	}
	layout, err := d.dev.CreatePipelineLayout(&wgpu.PipelineLayoutDescriptor{
		BindGroupLayouts: []*wgpu.BindGroupLayout{p.layout},
	})
	if err != nil {
		p.layout.Release()
		return p, err
	}
	defer layout.Release()
	p.compute, err = d.dev.CreateComputePipeline(&wgpu.ComputePipelineDescriptor{
		Layout:  layout,
		Compute: wgpu.ProgrammableStageDescriptor{Module: module, EntryPoint: "main"},
	})
	if err != nil {
		p.layout.Release()
	}
	return p, err
}

func (p pipeline) free() {
	p.compute.Release()
	p.layout.Release()
}

func (d *driver) bind(p pipeline, memories []bound) (bindGroup, error) {
	var entries []wgpu.BindGroupEntry
	for _, b := range memories {
		entries = append(entries, wgpu.BindGroupEntry{Binding: b.number, Buffer: b.m.buf, Size: uint64(b.bytes)})
	}
	group, err := d.dev.CreateBindGroup(&wgpu.BindGroupDescriptor{Layout: p.layout, Entries: entries})
	return bindGroup{group}, err
}

func (g bindGroup) free() { g.group.Release() }

func (d *driver) record() (*recorder, error) {
	encoder, err := d.dev.CreateCommandEncoder(nil)
	return &recorder{d: d, encoder: encoder}, err
}

func (r *recorder) copy(dst memory, dstOffset int, src memory, srcOffset, n int) error {
	r.endPass()
	return r.encoder.CopyBufferToBuffer(src.buf, uint64(srcOffset), dst.buf, uint64(dstOffset), uint64(n))
}

func (r *recorder) dispatch(p pipeline, g bindGroup, offset int, groups [3]int) {
	if t := r.d.timer; t != nil {
		r.endPass()
		t.stamp(r.encoder)
		defer func() {
			r.endPass()
			t.stamp(r.encoder)
		}()
	}
	if r.pass == nil {
		r.pass = r.encoder.BeginComputePass(nil)
	}
	r.pass.SetPipeline(p.compute)
	r.pass.SetBindGroup(0, g.group, []uint32{uint32(offset)})
	r.pass.DispatchWorkgroups(uint32(groups[0]), uint32(groups[1]), uint32(groups[2]))
}

func (r *recorder) endPass() {
	if r.pass != nil {
		r.pass.End()
		r.pass.Release() // before the encoder finishes, or wgpu-native complains
		r.pass = nil
	}
}

// finish ends the recording and, unless before says no, hands it to the queue.
func (r *recorder) finish(before func() error) error {
	defer r.encoder.Release()
	r.endPass()
	if r.d.timer != nil {
		if err := r.d.timer.resolve(r.encoder); err != nil {
			return err
		}
	}
	commands, err := r.encoder.Finish(nil)
	if err != nil {
		return err
	}
	defer commands.Release()
	if err := before(); err != nil {
		return err
	}
	r.d.queue.Submit(commands)
	if r.d.timer != nil {
		return r.d.timer.collect(r.d)
	}
	return nil
}
