//go:build !js

package gpu

import (
	"fmt"
	"slices"
	"time"

	"github.com/cogentcore/webgpu/wgpu"
)

// nativeDriver is a device of wgpu-native, through cogentcore's binding.
type nativeDriver struct {
	adapter *wgpu.Adapter
	dev     *wgpu.Device
	queue   *wgpu.Queue

	timestamps bool   // the adapter has timestamp queries
	timer      *timer // while dispatches are timed; else nil
}

type (
	nativeMemory struct{ buf *wgpu.Buffer }

	nativePipeline struct {
		compute *wgpu.ComputePipeline
		layout  *wgpu.BindGroupLayout
	}

	nativeGroup struct{ group *wgpu.BindGroup }

	nativeRecorder struct {
		d       *nativeDriver
		encoder *wgpu.CommandEncoder
		pass    *wgpu.ComputePassEncoder // nil while no compute pass is open
	}
)

// adapterOrder lists adapter types from best to worst.
var adapterOrder = []wgpu.AdapterType{
	wgpu.AdapterTypeDiscreteGPU,
	wgpu.AdapterTypeIntegratedGPU,
	wgpu.AdapterTypeUnknown,
	wgpu.AdapterTypeCPU, // the GPUs of virtual machines too
}

// rank is the place of an adapter among others, the best of which has the lowest.
func rank(name string, t wgpu.AdapterType) int {
	if emulates(name) {
		return len(adapterOrder)
	}
	return slices.Index(adapterOrder, t)
}

var backendNames = map[wgpu.BackendType]string{
	wgpu.BackendTypeVulkan: "Vulkan",
	wgpu.BackendTypeMetal:  "Metal",
	wgpu.BackendTypeD3D12:  "D3D12",
}

func openDriver() (driver, adapterInfo, error) {
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
	slices.SortStableFunc(adapters, func(a, b *wgpu.Adapter) int {
		one, other := a.GetInfo(), b.GetInfo()
		return rank(one.DriverDescription, one.AdapterType) - rank(other.DriverDescription, other.AdapterType)
	})
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
	return &nativeDriver{adapter: adapter, dev: dev, queue: dev.GetQueue(), timestamps: timestamps}, adapterInfo{
		name:         info.DriverDescription, // info.Name is a number
		backend:      backendNames[info.BackendType],
		software:     emulates(info.DriverDescription),
		bindingBytes: granted.MaxStorageBufferBindingSize,
		bufferBytes:  granted.MaxBufferSize,
	}, nil
}

func (d *nativeDriver) close() {
	d.dev.Release()
	d.adapter.Release()
}

func (d *nativeDriver) lost() error { return nil }

func (d *nativeDriver) allocate(label string, bytes int, u usage) (memory, error) {
	return d.memory(label, bytes, u)
}

func (d *nativeDriver) memory(label string, bytes int, u usage) (nativeMemory, error) {
	buf, err := d.dev.CreateBuffer(&wgpu.BufferDescriptor{Label: label, Size: uint64(bytes), Usage: wgpu.BufferUsage(u)})
	return nativeMemory{buf}, err
}

func (m nativeMemory) free() {
	m.buf.Destroy()
	m.buf.Release()
}

func (d *nativeDriver) write(m memory, offset int, data []byte) error {
	return d.queue.WriteBuffer(m.(nativeMemory).buf, uint64(offset), data)
}

// read waits for what was submitted and calls use with the contents of memory
// that can be mapped. wgpu-native delivers the callback only from inside Poll.
//
// A Poll that waits gives up after five seconds, takes the work for done, and frees
// the commands that the device still runs: lavapipe crashes then
// (https://github.com/gfx-rs/wgpu/issues/3601). So where the work may be long, Poll
// only looks, from time to time. That is a millisecond late, the shortest sleep.
func (d *nativeDriver) read(m memory, bytes int, w wait, use func(data []byte)) error {
	buf, status := m.(nativeMemory).buf, wgpu.BufferMapAsyncStatusUnknown
	err := buf.MapAsync(wgpu.MapModeRead, 0, uint64(bytes), func(s wgpu.BufferMapAsyncStatus) { status = s })
	if err != nil {
		return err
	}
	for start := time.Now(); status == wgpu.BufferMapAsyncStatusUnknown && time.Since(start) < w.patience; {
		d.dev.Poll(!w.long, nil)
		if w.long && status == wgpu.BufferMapAsyncStatusUnknown {
			time.Sleep(time.Millisecond)
		}
	}
	if status != wgpu.BufferMapAsyncStatusSuccess {
		return fmt.Errorf("mapping ended with status %v", status)
	}
	use(buf.GetMappedRange(0, uint(bytes)))
	return buf.Unmap()
}

// compile compiles one shader after the other: wgpu-native cannot do it otherwise.
func (d *nativeDriver) compile(sources []source) []compiled {
	all := make([]compiled, len(sources))
	for i, s := range sources {
		all[i].pipeline, all[i].err = d.compileOne(s)
	}
	return all
}

func (d *nativeDriver) compileOne(s source) (_ pipeline, err error) {
	defer catch("compile", &err)
	entries := []wgpu.BindGroupLayoutEntry{{
		Binding:    0,
		Visibility: wgpu.ShaderStageCompute,
		Buffer:     wgpu.BufferBindingLayout{Type: wgpu.BufferBindingTypeUniform, HasDynamicOffset: true},
	}}
	for _, b := range s.bindings {
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
		Label:          s.label,
		WGSLDescriptor: &wgpu.ShaderModuleWGSLDescriptor{Code: s.code},
	})
	if err != nil {
		return nil, err
	}
	defer module.Release()
	var p nativePipeline
	p.layout, err = d.dev.CreateBindGroupLayout(&wgpu.BindGroupLayoutDescriptor{Entries: entries})
	if err != nil {
		return nil, err
	}
	layout, err := d.dev.CreatePipelineLayout(&wgpu.PipelineLayoutDescriptor{
		BindGroupLayouts: []*wgpu.BindGroupLayout{p.layout},
	})
	if err != nil {
		p.layout.Release()
		return nil, err
	}
	defer layout.Release()
	p.compute, err = d.dev.CreateComputePipeline(&wgpu.ComputePipelineDescriptor{
		Layout:  layout,
		Compute: wgpu.ProgrammableStageDescriptor{Module: module, EntryPoint: "main"},
	})
	if err != nil {
		p.layout.Release()
		return nil, err
	}
	return p, nil
}

func (p nativePipeline) free() {
	p.compute.Release()
	p.layout.Release()
}

func (d *nativeDriver) bind(p pipeline, memories []bound) (bindGroup, error) {
	var entries []wgpu.BindGroupEntry
	for _, b := range memories {
		entries = append(entries, wgpu.BindGroupEntry{Binding: b.number, Buffer: b.m.(nativeMemory).buf, Size: uint64(b.bytes)})
	}
	group, err := d.dev.CreateBindGroup(&wgpu.BindGroupDescriptor{Layout: p.(nativePipeline).layout, Entries: entries})
	return nativeGroup{group}, err
}

func (g nativeGroup) free() { g.group.Release() }

func (d *nativeDriver) record() (recorder, error) {
	encoder, err := d.dev.CreateCommandEncoder(nil)
	return &nativeRecorder{d: d, encoder: encoder}, err
}

func (r *nativeRecorder) copy(dst memory, dstOffset int, src memory, srcOffset, n int) error {
	r.endPass()
	return r.encoder.CopyBufferToBuffer(src.(nativeMemory).buf, uint64(srcOffset), dst.(nativeMemory).buf, uint64(dstOffset), uint64(n))
}

func (r *nativeRecorder) dispatch(p pipeline, g bindGroup, offset int, groups [3]int) {
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
	r.pass.SetPipeline(p.(nativePipeline).compute)
	r.pass.SetBindGroup(0, g.(nativeGroup).group, []uint32{uint32(offset)})
	r.pass.DispatchWorkgroups(uint32(groups[0]), uint32(groups[1]), uint32(groups[2]))
}

func (r *nativeRecorder) endPass() {
	if r.pass != nil {
		r.pass.End()
		r.pass.Release() // before the encoder finishes, or wgpu-native complains
		r.pass = nil
	}
}

// finish ends the recording and, unless before says no, hands it to the queue.
func (r *nativeRecorder) finish(before func() error) error {
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
