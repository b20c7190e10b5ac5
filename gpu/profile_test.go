//go:build !js

package gpu

import (
	"testing"

	"keyfold/layout"
)

// Every dispatch is counted under its kernel and matrix: with timestamps, and by
// submits of single kernels.
func TestProfile(t *testing.T) {
	d := openForTest(t)
	matrix := func(label string, n int) *Weights {
		w, err := d.NewWeights(label, n, layout.Part{Type: layout.F32, Rows: n})
		if err != nil {
			t.Fatal(err)
		}
		return w
	}
	small, large := matrix("small", 64), matrix("large", 512)
	x, y := d.upload(t, make([]float32, 64*512)), d.upload(t, make([]float32, 64*512))
	work := func() error {
		p := d.Begin()
		for range 3 {
			p.MatMul(small, x, y, 64)
			p.Copy(x, 0, y, 0, 4)
			p.MatMul(large, x, y, 64)
			p.SwiGLU(x, y, 1, 64)
		}
		p.Read(y, 0, 4)
		return p.Submit()
	}
	if err := work(); err != nil {
		t.Fatal(err)
	}
	for _, timestamps := range []bool{true, false} {
		if timestamps && !d.driver.(*nativeDriver).timestamps {
			t.Log("this adapter has no timestamps")
			continue
		}
		kernels, how, err := d.profileWith(work, timestamps)
		if err != nil {
			t.Fatal(err)
		}
		if len(kernels) != 3 {
			t.Fatalf("%s: kernels %+v, want two matrices and swiglu", how, kernels)
		}
		for i, want := range []KernelTime{{Kernel: "matmul", Matrix: "small"}, {Kernel: "matmul", Matrix: "large"}, {Kernel: "swiglu"}} {
			k := kernels[i]
			if k.Kernel != want.Kernel || k.Matrix != want.Matrix || k.Dispatches != 3 || k.Time < 0 {
				t.Errorf("%s: kernel %d is %+v, want three of %+v", how, i, k, want)
			}
		}
		t.Logf("%s: %v for 512 x 512, %v for 64 x 64, %v for 64 elements", how, kernels[1].Time, kernels[0].Time, kernels[2].Time)
	}
	if d.profile != nil || d.driver.(*nativeDriver).timer != nil {
		t.Error("the profile goes on after its end")
	}
	if err := work(); err != nil {
		t.Fatal(err)
	}
}
