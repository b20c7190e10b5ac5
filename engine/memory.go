package engine

import (
	"fmt"

	"keyfold/engine/checkpoint"
	"keyfold/gpu"
	"keyfold/layout"
)

// Memory is what a model takes on a device, in bytes: weights as they lie there, and a full cache.
type Memory struct{ Weights, Cache int64 }

// Total returns the sum.
func (m Memory) Total() int64 { return m.Weights + m.Cache }

// MemoryOf returns the memory of a model with a cache of so many tokens. Activations come on top:
// some MB. It reads none of the weights.
func MemoryOf(f *checkpoint.File, kv layout.CacheType, tokens int) (m Memory, err error) {
	type nothing struct{}
	_, err = loadWeights(f, builder[nothing, nothing]{
		matrix: func(_ string, cols int, parts []layout.Part) (nothing, func(int, *layout.Weights) error, error) {
			for _, p := range parts {
				m.Weights += 4 * int64(p.Words(cols))
			}
			return nothing{}, nil, nil
		},
	})
	for _, t := range f.Tensors() {
		if t.Rows == 1 { // a vector
			m.Weights += 4 * int64(t.Cols)
		}
	}
	c := f.Config
	m.Cache = int64(c.NLayers) * int64(c.NKVHeads) * int64(tokens) * int64(RowBytes(kv, c.HeadDim))
	return m, err
}

// A MemoryError is about a model that is larger than the memory that is free.
type MemoryError struct {
	Memory
	Available int64
}

func (e *MemoryError) Error() string {
	return fmt.Sprintf("it takes %d MB of memory, and %d MB are available", e.Total()/1e6, e.Available/1e6)
}

// CheckMemory fails with a [MemoryError] if a model and a cache of so many tokens do not fit into
// the memory of this machine. It says nothing where the system does not tell what is available, or
// where the model goes to a GPU: no GPU tells what it has free.
func CheckMemory(f *checkpoint.File, kind DeviceKind, kv layout.CacheType, tokens int) error {
	return checkMemory(f, kind, kv, tokens, availableMemory, gpu.Open)
}

func checkMemory(f *checkpoint.File, kind DeviceKind, kv layout.CacheType, tokens int,
	available func() (int64, bool), openDevice func() (*gpu.Device, error)) error {
	free, known := available()
	if !known {
		return nil
	}
	need, err := MemoryOf(f, kv, tokens)
	if err != nil || need.Total() <= free {
		return err
	}
	if kind != CPU {
		d, err := openDevice()
		if err == nil {
			software := d.Software
			d.Close()
			if !software {
				return nil
			}
		}
	}
	return &MemoryError{need, free}
}
