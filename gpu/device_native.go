//go:build !js

package gpu

import (
	"fmt"
	"slices"
	"time"

	"github.com/cogentcore/webgpu/wgpu"
)

// adapterOrder lists adapter types from best to worst.
var adapterOrder = []wgpu.AdapterType{
	wgpu.AdapterTypeDiscreteGPU,
	wgpu.AdapterTypeIntegratedGPU,
	wgpu.AdapterTypeUnknown,
	wgpu.AdapterTypeCPU,
}

func openDevice() (d *Device, err error) {
	defer catch("open", &err)
	wgpu.SetLogLevel(wgpu.LogLevelError)
	// With a descriptor the binding hands over memory it has not cleared, and
	// wgpu-native aborts on what it finds there.
	instance := wgpu.CreateInstance(nil)
	defer instance.Release()

	adapters := instance.EnumerateAdapters(&wgpu.InstanceEnumerateAdapterOptons{Backends: wgpu.InstanceBackendPrimary})
	if len(adapters) == 0 {
		return nil, fmt.Errorf("gpu: %w: found no Vulkan, Metal or D3D12 driver; "+
			"on Debian and Ubuntu the packages libvulkan1 and mesa-vulkan-drivers bring a software one", ErrNoDevice)
	}
	rank := func(a *wgpu.Adapter) int { return slices.Index(adapterOrder, a.GetInfo().AdapterType) }
	slices.SortStableFunc(adapters, func(a, b *wgpu.Adapter) int { return rank(a) - rank(b) })
	for _, a := range adapters[1:] {
		a.Release()
	}
	adapter := adapters[0]
	info := adapter.GetInfo()
	dev, err := adapter.RequestDevice(&wgpu.DeviceDescriptor{
		RequiredLimits: &wgpu.RequiredLimits{Limits: raise(adapter.GetLimits().Limits)},
	})
	if err != nil {
		adapter.Release()
		return nil, fmt.Errorf("gpu: open %s: %w", info.DriverDescription, err)
	}
	d = &Device{
		Name:     info.DriverDescription, // its Name is a number
		Backend:  backendNames[info.BackendType],
		Software: info.AdapterType == wgpu.AdapterTypeCPU,
		dev:      dev,
		write: func(b *Buffer, offset int, data []byte) error {
			return d.queue.WriteBuffer(b.buf, uint64(offset), data)
		},
		lost:    func() error { return nil }, // wgpu-native reports from the call that fails
		release: func() { dev.Release(); adapter.Release() },
	}
	d.setLimits(dev.GetLimits().Limits)
	return d, nil
}

var backendNames = map[wgpu.BackendType]string{
	wgpu.BackendTypeVulkan: "Vulkan",
	wgpu.BackendTypeMetal:  "Metal",
	wgpu.BackendTypeD3D12:  "D3D12",
}

// mapped waits for what was submitted and calls read with the contents of a
// buffer that can be mapped. wgpu-native delivers the callback only from inside
// Poll.
func (d *Device) mapped(b *Buffer, read func(data []byte)) error {
	status := wgpu.BufferMapAsyncStatusUnknown
	err := b.buf.MapAsync(wgpu.MapModeRead, 0, uint64(b.size), func(s wgpu.BufferMapAsyncStatus) { status = s })
	if err != nil {
		return fmt.Errorf("gpu: read back: %w", err)
	}
	for start := time.Now(); status == wgpu.BufferMapAsyncStatusUnknown && time.Since(start) < patience; {
		d.dev.Poll(true, nil)
	}
	if status != wgpu.BufferMapAsyncStatusSuccess {
		return fmt.Errorf("gpu: read back: mapping ended with status %v", status)
	}
	read(b.buf.GetMappedRange(0, uint(b.size)))
	return b.buf.Unmap()
}

// raise returns WebGPU's default limits with those raised that keyfold can use,
// one by one: handing an adapter's own limits back as a whole fails, because
// the binding leaves garbage in a field it does not know.
func raise(adapter wgpu.Limits) wgpu.Limits {
	limits := wgpu.DefaultLimits()
	limits.MaxStorageBufferBindingSize = adapter.MaxStorageBufferBindingSize
	limits.MaxBufferSize = adapter.MaxBufferSize
	return limits
}
