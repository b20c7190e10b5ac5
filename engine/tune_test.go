//go:build !js

package engine

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"keyfold/engine/checkpoint"
	"keyfold/gpu"
)

// notes is a memory that a test can look into.
type notes struct {
	choices []Choice
	saved   int
	err     error
}

func (n *notes) memory() *Memory {
	return &Memory{
		Load: func() []Choice { return slices.Clone(n.choices) },
		Save: func(c []Choice) error {
			n.saved++
			if n.err == nil {
				n.choices = c
			}
			return n.err
		},
	}
}

// openTuned opens the fixture with a memory and returns how each kernel was chosen.
func openTuned(t *testing.T, m *Memory, openDevice func() (*gpu.Device, error)) (*Engine, []string) {
	t.Helper()
	e, err := openWith(context.Background(), fixtureFile(t, checkpoint.Q8_0), nil, GPU, m, openDevice)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	var how []string
	for _, k := range e.Kernels() {
		how = append(how, k.How)
		if timed := len(k.Times) > 0; timed != (k.How == measured) {
			t.Errorf("%+v", k)
		}
	}
	return e, how
}

// unchanged opens a device as it is.
func unchanged(t *testing.T) func() (*gpu.Device, error) {
	openFixture(t, GPU, checkpoint.Q8_0) // or skips
	return gpu.Open
}

func TestKernelsAreRemembered(t *testing.T) {
	open := unchanged(t)
	want := func(what string, got []string, all string) {
		t.Helper()
		if len(got) != 3 || slices.ContainsFunc(got, func(how string) bool { return how != all }) {
			t.Errorf("%s: %v, want 3 times %s", what, got, all)
		}
	}

	// 1. Without a memory nothing is measured.
	e, how := openTuned(t, nil, open)
	want("without a memory", how, byDefault)
	defaults := e.Kernels()

	// 2. The first start measures, the second one remembers.
	n := &notes{choices: []Choice{{Device: "another", Task: "1 token"}}}
	e, how = openTuned(t, n.memory(), open)
	want("first start", how, measured)
	first := e.Kernels()
	e, how = openTuned(t, n.memory(), open)
	want("second start", how, remembered)
	for i, k := range e.Kernels() {
		if k.Kernel != first[i].Kernel || n.choices[i+1].Kernel != k.Kernel {
			t.Errorf("remembers %s as %+v, measured %s", k.Kernel, n.choices[i+1], first[i].Kernel)
		}
	}
	if n.saved != 1 || len(n.choices) != 4 || n.choices[0].Device != "another" {
		t.Errorf("saved %d times %+v, want once, behind what was there", n.saved, n.choices)
	}

	// 3. What was measured with other kernels, or is none, is measured again, in its place.
	for _, foreign := range []func(c *Choice){
		func(c *Choice) { c.Sources = "0" },
		func(c *Choice) { c.Kernel = "matmul_of_tomorrow" },
	} {
		n.choices = slices.Clone(n.choices)
		for i := range n.choices {
			foreign(&n.choices[i])
		}
		_, how = openTuned(t, n.memory(), open)
		want("foreign", how, measured)
		if len(n.choices) != 4 {
			t.Errorf("%+v, want 4 choices", n.choices)
		}
	}

	// 4. What cannot be kept is not used.
	e, _ = openTuned(t, (&notes{err: errors.New("no room")}).memory(), open)
	for i, k := range e.Kernels() {
		if k.Kernel != defaults[i].Kernel {
			t.Errorf("uses %+v, which is not kept", k)
		}
	}
}

// A kernel that is remembered and wrong gives way to that of the adapter's class.
func TestWrongKernelsAreNotRemembered(t *testing.T) {
	e, _ := openTuned(t, nil, unchanged(t))
	usual := e.Kernels()[0].Kernel
	other, old := "matvec", "* scale(squares"
	if usual == other {
		other, old = "matvec_rows", "*= scale(squares"
	}
	n := &notes{}
	openTuned(t, n.memory(), gpu.Open)
	n.choices[0].Kernel = other
	if e, how := openTuned(t, n.memory(), gpu.Open); how[0] != remembered || e.Kernels()[0].Kernel != other {
		t.Fatalf("%+v, want %s, remembered", e.Kernels()[0], other)
	}
	e, how := openTuned(t, n.memory(), sabotaged(t, other, old, strings.Replace(old, "scale", "0.5 * scale", 1)))
	if how[0] != byDefault || e.Kernels()[0].Kernel != usual {
		t.Errorf("%+v, want %s, the default", e.Kernels()[0], usual)
	}
	for _, c := range e.Checks {
		if c.Err != nil {
			t.Errorf("%s: %v", c.Kernel, c.Err)
		}
	}
}
