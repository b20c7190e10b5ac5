//go:build !js

package engine

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"

	"keyfold/compress"
	"keyfold/engine/checkpoint"
	"keyfold/gpu"
	"keyfold/layout"
)

// sabotaged opens a device with new for old, once, in one of its shaders. It stands
// for a driver that computes wrong numbers.
func sabotaged(t *testing.T, file, old, new string) func() (*gpu.Device, error) {
	return func() (*gpu.Device, error) {
		d, err := gpu.OpenWith(func(name string) (string, bool) {
			data, err := os.ReadFile("../gpu/shaders/" + name + ".wgsl")
			text := string(data)
			if name == file {
				if !strings.Contains(text, old) {
					t.Errorf("%s.wgsl has no %q", file, old)
				}
				text = strings.Replace(text, old, new, 1)
			}
			return text, err == nil
		})
		skipWithout(t, err)
		return d, err
	}
}

// skipWithout skips a test whose device could not be opened for want of one.
func skipWithout(t *testing.T, err error) {
	t.Helper()
	if errors.Is(err, gpu.ErrNoDevice) && os.Getenv("REQUIRE_GPU") != "1" {
		t.Skipf("needs a WebGPU adapter: %v", err)
	}
}

// A device that computes wrong numbers gives way to the CPU, which says the
// same as without it, and a device that was asked for is refused. Both name the
// kernel.
func TestWrongKernelsAreNotUsed(t *testing.T) {
	for _, tc := range []struct {
		file, old, new string
		want           string // in the note
		failed         int
	}{
		{"swiglu", "1.0 + exp", "1.0 - exp", "kernel swiglu failed on ", 1},
		{"cache_f16", "k_cache[slot", "k_cache[1u + slot", "kernels attention f16 (1 token) and attention f16 (5 tokens) failed on ", 2},
		{"weights_f16", "cell.x)", "cell.y)", "kernels embed f16, matmul f16 (1 row) and 4 more failed on ", 6},
		{"swiglu", "let i = id.x;", "let i = id.x", "kernel swiglu failed on ", 1},
	} {
		t.Run(tc.file+" "+tc.new, func(t *testing.T) {
			f := fixtureFile(t, checkpoint.F16)
			openDevice := sabotaged(t, tc.file, tc.old, tc.new)
			e, err := openWith(context.Background(), f, nil, Auto, openDevice)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(e.Close)
			if e.Device.Kind != "cpu" || !strings.HasPrefix(e.Note, "runs on the CPU: "+tc.want) || strings.Contains(e.Note, "\n") {
				t.Errorf("took %s, %q, want the CPU and %q", e.Device.Kind, e.Note, tc.want)
			}
			t.Log(e.Note)
			failed := 0
			for _, c := range e.Checks {
				if c.Err != nil {
					failed++
				}
			}
			if failed != tc.failed || len(e.Checks) <= failed {
				t.Errorf("%d of %d checks failed, want %d", failed, len(e.Checks), tc.failed)
			}
			alone := openFixture(t, CPU, checkpoint.F16)
			tokens := someTokens(30)
			got, want := prefill(t, e, tokens, layout.CacheF16, compress.Needs{}), prefill(t, alone, tokens, layout.CacheF16, compress.Needs{})
			for i := range want.Logits {
				if got.Logits[i] != want.Logits[i] {
					t.Fatalf("logit %d is %g, on the CPU alone %g", i, got.Logits[i], want.Logits[i])
				}
			}

			_, err = openWith(context.Background(), f, nil, GPU, openDevice)
			if err == nil || !strings.HasPrefix(err.Error(), tc.want) {
				t.Errorf("-device gpu: %v, want an error with %q", err, tc.want)
			}
		})
	}
}

// A kernel that only methods use is tested when one does. If it is wrong the error names
// it, what does without goes on, and under auto the CPU takes the whole text.
func TestWrongKernelsOfMethods(t *testing.T) {
	for _, tc := range []struct {
		file, old, new string
		method         string
		want           string
	}{
		{"attn_mass", "sum / f32", "sum * f32", "h2o", "kernel attn_mass f16 failed on "},
		{"rope", "let pair = id.x;", "let pair = id.x", "gvote", "kernel rope failed on "},
		{"gvote_sample", "params.layer << 16u", "params.layer << 15u", "gvote", "kernel gvote_sample failed on "},
		{"kv_gather", "v_cache[slots.x", "v_cache[slots.y", "window", "kernel kv_gather f16 failed on "},
		{"gaussian_merge", "exp(-square", "exp(square", "kvmerger", "kernel gaussian_merge f16 failed on "},
		{"key_similarity", "sqrt(square) * sqrt(square_before)", "sqrt(square) * sqrt(square)", "kvmerger", "kernel key_similarity f16 failed on "},
	} {
		t.Run(tc.file, func(t *testing.T) {
			e, err := openWith(context.Background(), fixtureFile(t, checkpoint.F16), nil, GPU, sabotaged(t, tc.file, tc.old, tc.new))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(e.Close)
			e.asked = Auto
			budget := 0.5
			if tc.method == "gvote" {
				budget = 0
			}
			run := func(method string, budget float64) error {
				o := Settings{}
				if method != "" {
					o.Method = newMethod(t, method, budget)
				}
				p, err := e.Prefill(context.Background(), someTokens(60), o)
				if err != nil {
					return err
				}
				defer p.Free()
				if o.Method != nil {
					_, _, err = p.Compress()
				}
				return err
			}
			for range 2 {
				var wrong *gpu.WrongKernels
				if err := run(tc.method, budget); err == nil || !strings.Contains(err.Error(), tc.want) || !errors.As(err, &wrong) {
					t.Errorf("%s: %v, want an error with %q", tc.method, err, tc.want)
				} else if !e.Replaceable(err) {
					t.Errorf("%s: the CPU may not go on after %v", tc.method, err)
				}
				if err := run("", 0); err != nil {
					t.Errorf("without a method: %v", err)
				}
			}
		})
	}
}

// A GPU that cannot be opened or loaded gives way to the CPU, which says why, and is
// refused where it was asked for.
func TestDevicesThatCannotBeUsed(t *testing.T) {
	small := func() (*gpu.Device, error) { // no matrix fits into it
		d, err := gpu.Open()
		if err == nil {
			d.Name, d.Limits.BindingBytes = "a small GPU", 64
		}
		return d, err
	}
	refused := func() (*gpu.Device, error) { return nil, errors.New("open a busy GPU:\n  requestDevice: refused") }
	for _, tc := range []struct {
		name, want string
		open       func() (*gpu.Device, error)
	}{
		{"refused", "open a busy GPU:", refused},
		{"small", "load the weights: ", small},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := fixtureFile(t, checkpoint.F16)
			e, err := openWith(context.Background(), f, nil, Auto, tc.open)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(e.Close)
			if e.Device.Kind != "cpu" || !strings.HasPrefix(e.Note, "runs on the CPU: "+tc.want) || strings.Contains(e.Note, "\n") {
				t.Errorf("took %s, %q, want the CPU and %q", e.Device.Kind, e.Note, tc.want)
			}
			if _, err := openWith(context.Background(), f, nil, GPU, tc.open); err == nil || !strings.HasPrefix(err.Error(), tc.want) {
				t.Errorf("-device gpu: %v, want an error with %q", err, tc.want)
			}
		})
	}
}

// A device without errors passes, and the engine says what was checked.
func TestChecksAreKept(t *testing.T) {
	e := openFixture(t, GPU, checkpoint.Q4_0)
	kernels := map[string]bool{}
	for _, c := range e.Checks {
		if c.Err != nil {
			t.Errorf("%s: %v", c.Kernel, c.Err)
		}
		kernels[c.Kernel] = true
	}
	for _, kernel := range []string{"embed q4_0", "matmul q4_0 (1 row)", "attention f16 (1 token)", "attention f16 (5 tokens)", "swiglu"} {
		if !kernels[kernel] {
			t.Errorf("%s was not checked", kernel)
		}
	}
	if kernels["embed q8_0"] {
		t.Error("embed q8_0 was checked, which this model does not use")
	}
}

// What the self-test costs once everything is compiled.
func BenchmarkSelfTest(b *testing.B) {
	e := openFixture(b, GPU, checkpoint.F16)
	for b.Loop() {
		if _, err := e.r.(*gpuRunner).selfTest(); err != nil {
			b.Fatal(err)
		}
	}
}
