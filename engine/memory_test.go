package engine

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"keyfold/engine/checkpoint"
	"keyfold/gpu"
	"keyfold/layout"
	"keyfold/models"
)

// What a model is said to take is what it takes: of weights on the GPU, and of a full cache.
func TestMemoryOf(t *testing.T) {
	for _, typ := range []checkpoint.Type{checkpoint.F32, checkpoint.F16, checkpoint.BF16, checkpoint.Q8_0, checkpoint.Q4_0, checkpoint.Q4_1, checkpoint.Q5_0} {
		data, err := models.Fixture(models.FixtureConfig, typ, 1)
		if err != nil {
			t.Fatal(err)
		}
		f, err := checkpoint.OpenGGUF(bytes.NewReader(data), int64(len(data)), "fixture")
		if err != nil {
			t.Fatal(err)
		}
		const tokens = 64
		memory, err := MemoryOf(f, layout.CacheF32, tokens)
		if err != nil {
			t.Fatal(err)
		}
		r, err := newCPURunner(f)
		if err != nil {
			t.Fatal(err)
		}
		if got := residentBytes(r.w); got != memory.Weights {
			t.Errorf("%v: weights of %d bytes, said to be %d", typ, got, memory.Weights)
		}
		c, err := newCache(r, layout.CacheF32)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := feedOne(lane{cache: c, tokens: make([]uint32, tokens)}); err != nil {
			t.Fatal(err)
		}
		if got := int64(c.Occupied()); got != memory.Cache {
			t.Errorf("%v: a cache of %d bytes, said to be %d", typ, got, memory.Cache)
		}
		c.Free()
	}
}

// residentBytes returns what the weights of the CPU take.
func residentBytes(w weights[layout.Stack, []float32]) (n int64) {
	vector := func(v []float32) { n += 4 * int64(len(v)) }
	matrix := func(m layout.Stack) {
		for _, part := range m {
			n += 4 * int64(len(part.Words))
		}
	}
	matrix(w.embed)
	vector(w.norm)
	for _, l := range w.layers {
		for _, v := range [][]float32{l.attnNorm, l.qkvBias, l.qkNorm, l.ffnNorm} {
			vector(v)
		}
		for _, m := range []layout.Stack{l.qkv, l.attnOut, l.gateUp, l.down} {
			matrix(m)
		}
	}
	return n
}

// A model that does not fit is refused where that is known, and nowhere else.
func TestCheckMemory(t *testing.T) {
	f, err := models.OpenFixture()
	if err != nil {
		t.Fatal(err)
	}
	need, err := MemoryOf(f, layout.CacheF16, 10)
	if err != nil {
		t.Fatal(err)
	}
	of := func(free int64, known bool) func() (int64, bool) { return func() (int64, bool) { return free, known } }
	noDevice := func() (*gpu.Device, error) { return nil, gpu.ErrNoDevice }
	unwanted := func() (*gpu.Device, error) {
		t.Error("a device was opened")
		return nil, gpu.ErrNoDevice
	}
	for _, c := range []struct {
		kind      DeviceKind
		available func() (int64, bool)
		open      func() (*gpu.Device, error)
		fits      bool
	}{
		{CPU, of(need.Total(), true), unwanted, true},
		{Auto, of(need.Total(), true), unwanted, true},
		{CPU, of(0, false), unwanted, true},
		{CPU, of(need.Total()-1, true), unwanted, false},
		{Auto, of(need.Total()-1, true), noDevice, false},
	} {
		err := checkMemory(f, c.kind, layout.CacheF16, 10, c.available, c.open)
		var large *MemoryError
		if (err == nil) != c.fits || err != nil && (!errors.As(err, &large) || large.Memory != need || !strings.Contains(err.Error(), "are available")) {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

func TestAvailableMemory(t *testing.T) {
	if free, known := availableMemory(); known && (free < 1<<20 || free > 1<<46) {
		t.Errorf("%d bytes are available", free)
	}
}
