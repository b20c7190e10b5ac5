package engine

import (
	"math"

	"keyfold/engine/checkpoint"
	"keyfold/layout"
)

// cpuRunner runs the model where there is no WebGPU, with the steps of package cpu.
type cpuRunner struct {
	cfg   checkpoint.Config
	w     weights[layout.Stack, []float32]
	table []float32 // RoPE, grown to the positions in use
}

func newCPURunner(f *checkpoint.File) (*cpuRunner, error) {
	r := &cpuRunner{cfg: f.Config}
	var err error
	r.w, err = loadWeights(f, builder[layout.Stack, []float32]{
		matrix: func(_ string, cols int, parts []layout.Part) (layout.Stack, func(int, *layout.Weights) error, error) {
			m := layout.NewStack(cols, parts...)
			put := func(row0 int, piece *layout.Weights) error {
				m.Put(row0, piece)
				return nil
			}
			return m, put, nil
		},
		vector: func(_ string, v []float32) ([]float32, error) { return v, nil },
	})
	if err != nil {
		return nil, err
	}
	return r, nil
}

// Sibling returns an engine with the same weights that another goroutine may
// use at the same time, or nil on a GPU, which does one thing at a time. A
// sibling need not be closed; its caches are its own.
func (e *Engine) Sibling() *Engine {
	cpu, ok := e.r.(*cpuRunner)
	if !ok {
		return nil
	}
	sibling := *e
	sibling.r = &cpuRunner{cfg: cpu.cfg, w: cpu.w}
	return &sibling
}

func (r *cpuRunner) device() Device                  { return Device{Kind: "cpu", Backend: "Go"} }
func (r *cpuRunner) config() checkpoint.Config       { return r.cfg }
func (r *cpuRunner) tokensAtOnce(int) int            { return math.MaxInt }
func (r *cpuRunner) lost() error                     { return nil }
func (r *cpuRunner) supports(layout.CacheType) error { return nil }
func (r *cpuRunner) close()                          {}
