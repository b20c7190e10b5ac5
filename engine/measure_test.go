//go:build !js

package engine

import (
	"context"
	"errors"
	"slices"
	"testing"

	"keyfold/engine/checkpoint"
)

// A model is measured on either device, within its context, and says how far it is.
func TestMeasure(t *testing.T) {
	f := fixtureFile(t, checkpoint.Q8_0)
	for _, kind := range []DeviceKind{CPU, GPU} {
		e := openFile(t, f, kind)
		var steps []string
		o := Measuring{Prompt: 1 << 20, Decode: 8, Match: 40, Progress: func(step string, done, total int) error {
			if done < 1 || done > total {
				t.Errorf("%s: %s: %d of %d", kind, step, done, total)
			}
			if !slices.Contains(steps, step) {
				steps = append(steps, step)
			}
			return nil
		}}
		r, err := e.Measure(context.Background(), f, o)
		if err != nil {
			t.Fatal(err)
		}
		if r.PromptTokens != e.Config.SeqLen-8 || r.DecodeTokens != 8 || r.PromptRate <= 0 || r.DecodeRate <= 0 {
			t.Errorf("%s: %+v", kind, *r)
		}
		if kind == CPU {
			if r.Overhead != nil || r.Match != nil || !slices.Equal(steps, []string{"prompt", "decode"}) {
				t.Errorf("the CPU: %+v, after %q", *r, steps)
			}
			continue
		}
		if r.Match == nil || r.Match.Tokens != 40 || r.Match.Same != 40 || !slices.Equal(steps, []string{"prompt", "decode", "match"}) {
			t.Errorf("the GPU: %+v, %+v, after %q", *r, r.Match, steps)
		}
		if o := r.Overhead; o == nil || o.WaitMS <= 0 || len(o.Bursts) != 3 || o.Bursts[2].Kernels != 1000 || o.Bursts[2].MS < o.WaitMS {
			t.Errorf("the GPU's overhead: %+v", o)
		}
	}
}

// It ends wherever it is stopped.
func TestMeasuringStops(t *testing.T) {
	f := fixtureFile(t, checkpoint.F32)
	e := openFile(t, f, GPU)
	stop := errors.New("stop")
	live := map[string]int{}
	for _, at := range []string{"match", "prompt", "decode", "match"} {
		o := Measuring{Prompt: 40, Decode: 8, Match: 40, Progress: func(step string, _, _ int) error {
			if step == at {
				return stop
			}
			return nil
		}}
		if r, err := e.Measure(context.Background(), f, o); r != nil || !errors.Is(err, stop) {
			t.Errorf("stopped at %s: %v, %v", at, r, err)
		}
		if live[at] = e.LiveBytes(); live[at] > live["match"] {
			t.Errorf("stopped at %s: %d bytes on the device, want %d", at, live[at], live["match"])
		}
	}
}
