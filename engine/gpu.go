package engine

import (
	"keyfold/engine/checkpoint"
	"keyfold/gpu"
	"keyfold/layout"
)

// gpuRunner runs the model through keyfold's compute shaders.
type gpuRunner struct {
	cfg     checkpoint.Config
	d       *gpu.Device
	buffers []*gpu.Buffer // norms
	w       weights[*gpu.Weights, *gpu.Buffer]

	table          *gpu.Buffer // RoPE, grown to the positions in use
	tablePositions int
	a              gpuActivations
	dispatches     int // of the last forward pass

	tested []layout.CacheType // whose kernels passed the self-test
}

// newGPURunner loads the weights to the device. It closes the device if that
// fails, and when it is closed.
func newGPURunner(f *checkpoint.File, d *gpu.Device) (*gpuRunner, error) {
	r := &gpuRunner{cfg: f.Config, d: d}
	var err error
	r.w, err = loadWeights(f, builder[*gpu.Weights, *gpu.Buffer]{
		matrix: func(label string, cols int, parts []layout.Part) (*gpu.Weights, func(int, *layout.Weights) error, error) {
			m, err := d.NewWeights(label, cols, parts...)
			if err != nil {
				return nil, nil, err
			}
			return m, m.Upload, nil
		},
		vector: func(label string, v []float32) (*gpu.Buffer, error) {
			b, err := r.buffer(label, len(v))
			if err != nil {
				return nil, err
			}
			return b, b.UploadFloats(0, v)
		},
	})
	if err != nil {
		r.close()
		return nil, err
	}
	return r, nil
}

// buffer allocates n 4-byte elements that live as long as the runner.
func (r *gpuRunner) buffer(label string, n int) (*gpu.Buffer, error) {
	b, err := r.d.NewBuffer(label, 4*n)
	if err == nil {
		r.buffers = append(r.buffers, b)
	}
	return b, err
}

func (r *gpuRunner) device() Device {
	return Device{Kind: "gpu", Adapter: r.d.Name, Backend: r.d.Backend, Software: r.d.Software}
}

func (r *gpuRunner) lost() error { return r.d.Lost() }

func (r *gpuRunner) config() checkpoint.Config { return r.cfg }

// tokensAtOnce keeps the largest kernel below the device's limit: the widest
// matrix, or attention over all slots.
func (r *gpuRunner) tokensAtOnce(slots int) int {
	c := r.cfg
	widest := max(2*c.Dim*2*c.HiddenDim, 2*c.Dim*c.QKVDim(), 4*c.QDim()*slots)
	return max(1, r.d.MostWork()/widest)
}

func (r *gpuRunner) close() {
	for _, b := range r.buffers {
		b.Destroy()
	}
	matrices := []*gpu.Weights{r.w.embed, r.w.logits}
	for _, l := range r.w.layers {
		matrices = append(matrices, l.qkv, l.attnOut, l.gateUp, l.down)
	}
	for _, m := range matrices {
		if m != nil {
			m.Destroy()
		}
	}
	r.a.free()
	r.table.Destroy()
	r.d.Close()
}
