//go:build !js

package engine

import (
	"bytes"
	"context"
	"testing"

	"keyfold/compress"
	"keyfold/engine/checkpoint"
	"keyfold/gpu"
	"keyfold/layout"
	"keyfold/models"
)

// From the opening of a device to the first token of a plain run few kernels are compiled,
// and it is waited for a few times. A software adapter compiles a kernel per submit, which
// is waited for, too.
func TestStart(t *testing.T) {
	const mostKernels, mostWaits = 12, 10
	builtIn, err := models.Open()
	if err != nil {
		t.Fatal(err)
	}
	var random bytes.Buffer
	smolLM2 := models.NewShape("SmolLM2", 576, 1536, 1, 9, 3, 8192) // heads and matrices of its shape
	if err := models.WriteRandom(&random, smolLM2, checkpoint.Q8_0, 1); err != nil {
		t.Fatal(err)
	}
	for _, f := range []*checkpoint.File{builtIn, openBytes(t, random.Bytes())} {
		for _, software := range []bool{true, false} { // both tables of kernels
			var d *gpu.Device
			e, err := openWith(context.Background(), f, nil, GPU, func() (*gpu.Device, error) {
				var err error
				if d, err = gpu.Open(); err == nil {
					d.Software = software
				}
				skipWithout(t, err)
				return d, err
			})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(e.Close)
			opened, waitsToOpen := d.Counts()
			p := prefill(t, e, someTokens(20), layout.CacheF16, compress.Needs{})
			sampler := Sampler{TopP: 1, RepeatPenalty: 1}
			if err := p.Generate(context.Background(), Generation{N: 1, Sampler: sampler, Emit: func(Token) error { return nil }}); err != nil {
				t.Fatal(err)
			}
			kernels, waits := d.Counts()
			t.Logf("%s, software=%v: %d kernels and %d waits to open, %d and %d to the first token", f.Name, software, opened, waitsToOpen, kernels, waits)
			if kernels > mostKernels || opened < kernels {
				t.Errorf("%d kernels were compiled, %d of them in the self-test, want %d at most, all there", kernels, opened, mostKernels)
			}
			if software && waits > mostWaits+kernels {
				t.Errorf("waited %d times, want %d at most and once for each of %d kernels", waits, mostWaits, kernels)
			}
		}
	}
}

// What takes long where nothing was compiled before is told while a model is opened, and
// not later.
func TestOpenTells(t *testing.T) {
	for _, kind := range []DeviceKind{GPU, CPU} {
		steps := map[string]int{}
		e, err := OpenTelling(context.Background(), fixtureFile(t, checkpoint.F16), nil, kind, func(step string, kernels int) {
			steps[step] += kernels
		})
		skipWithout(t, err)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(e.Close)
		want := 0
		if kind == GPU {
			want, _ = e.r.(*gpuRunner).d.Counts()
		}
		if steps["compile"] != want || steps["test"] != want {
			t.Errorf("%s: told %v, want %d of each", kind, steps, want)
		}
		before := steps["compile"]
		prefill(t, e, someTokens(30), layout.CacheF16, compress.Needs{Mass: true})
		if steps["compile"] != before {
			t.Errorf("%s: told %v after it was open", kind, steps)
		}
	}
}
