//go:build !js

package gpu

import (
	"slices"
	"testing"

	"github.com/cogentcore/webgpu/wgpu"
)

// Of several adapters the best one is opened. wgpu-native gives virtual GPUs the type of
// CPUs, and Microsoft's emulation may have any.
func TestBestAdapter(t *testing.T) {
	const discrete, integrated, unknown, cpu = wgpu.AdapterTypeDiscreteGPU, wgpu.AdapterTypeIntegratedGPU, wgpu.AdapterTypeUnknown, wgpu.AdapterTypeCPU
	best := []struct {
		name string
		typ  wgpu.AdapterType
	}{
		{"NVIDIA GeForce RTX 4090", discrete},
		{"Intel(R) UHD Graphics 630", integrated},
		{"Mali-G57", unknown},
		{"GRID T4-16Q", cpu},
		{"llvmpipe (LLVM 15.0.6, 256 bits)", cpu},
	}
	for i := range best[:len(best)-1] {
		if a, b := rank(best[i].name, best[i].typ), rank(best[i+1].name, best[i+1].typ); a >= b {
			t.Errorf("%s has rank %d, %s %d", best[i].name, a, best[i+1].name, b)
		}
	}
	software := rank("llvmpipe (LLVM 15.0.6, 256 bits)", cpu)
	for _, typ := range []wgpu.AdapterType{discrete, integrated, unknown, cpu} {
		if got := rank("Microsoft Basic Render Driver", typ); got != software {
			t.Errorf("Microsoft's emulation as %v has rank %d, want %d", typ, got, software)
		}
	}
	if !slices.Contains(adapterOrder, cpu) {
		t.Error("a virtual GPU has no rank")
	}
}
