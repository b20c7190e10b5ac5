//go:build !js

package engine

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"keyfold/cpu"
	"keyfold/gpu"
	"keyfold/layout"
)

// This file is for measuring how fast the engine is; see cmd/native/bench.go.

// Fill returns a prompt of n tokens that nobody has read: its cache holds random
// rows, the same for the same n and type, at positions 0 to n-1. It serves to
// measure the speed of long contexts where reading one takes minutes. There are
// no tokens and no signals, so only methods that need none can decide on it, and
// its logits are zeros.
func (e *Engine) Fill(n int, o Settings) (*Prompt, error) {
	if n < 1 || n > e.Config.SeqLen {
		return nil, fmt.Errorf("fill %d slots, want 1 to %d, the context", n, e.Config.SeqLen)
	}
	cfg, t := e.Config, o.KV
	c, err := e.NewCache(t)
	if err != nil {
		return nil, err
	}
	c.InCache = o.InCache
	random := rand.New(rand.NewPCG(1, 0))
	err = c.rebuild(func(int, *cacheLayer) (*cacheLayer, error) {
		slots := make([][]layout.Slot, cfg.NKVHeads)
		for h := range slots {
			for i := range n {
				slots[h] = append(slots[h], layout.Slot{Pos: uint32(i), N: 1})
			}
		}
		layer, err := c.newLayer(slots, 0, n)
		if err != nil {
			return nil, err
		}
		var k, v []layout.Rows
		for range cfg.NKVHeads {
			k, v = append(k, randomRows(random, t, cfg.HeadDim, n)), append(v, randomRows(random, t, cfg.HeadDim, n))
		}
		if err := e.r.writeRows(layer, k, v); err != nil {
			e.r.free(layer)
			return nil, err
		}
		return layer, nil
	})
	if err != nil {
		return nil, err
	}
	c.textPos, c.ropePos = n, n
	text := Text{Cache: c, Logits: make([]float32, cfg.VocabSize), e: e}
	return &Prompt{Text: text, o: o, length: n, signals: newSignals()}, nil
}

// randomRows returns n rows. They begin to repeat after 256, which saves time
// here and changes none in what is measured.
func randomRows(r *rand.Rand, t layout.CacheType, headDim, n int) layout.Rows {
	rows, row := layout.NewRows(t, headDim, n), make([]float32, headDim)
	for i := range min(256, n) {
		for d := range row {
			row[d] = float32(r.NormFloat64())
		}
		rows.Put(i, row)
	}
	for done := 256 * t.RowWords(headDim); done < len(rows.Words); {
		done += copy(rows.Words[done:], rows.Words[:done])
	}
	return rows
}

// Work is what decoding one token takes.
type Work struct {
	WeightBytes int // weights that are read, in the types that they have on the device
	CacheBytes  int // occupied slots, each read once
	Operations  int // multiplications and additions of all matrices and of attention
}

// LiveBytes returns the bytes of all buffers on the device: weights, caches and
// the activations that one chunk of a prompt needs. 0 on the CPU.
func (e *Engine) LiveBytes() int {
	if r, ok := e.r.(*gpuRunner); ok {
		return r.d.LiveBytes()
	}
	return 0
}

// DecodeWork returns what decoding one token on a cache takes: all matrices and
// norms, but one row of the embedding, and all slots.
func (e *Engine) DecodeWork(c *Cache) Work {
	cfg := e.Config
	work := Work{CacheBytes: c.Occupied(), WeightBytes: 4 * cfg.Dim * (2*cfg.NLayers + 1)} // norms
	if cfg.QKVBias {
		work.WeightBytes += 4 * cfg.NLayers * cfg.QKVDim()
	}
	if cfg.QKNorm {
		work.WeightBytes += 4 * cfg.NLayers * 2 * cfg.HeadDim
	}
	for l := range cfg.NLayers {
		for h := range cfg.NKVHeads {
			work.Operations += 4 * cfg.GroupSize() * cfg.HeadDim * c.Len(l, h)
		}
	}
	switch r := e.r.(type) {
	case *gpuRunner:
		decodeWeights(&work, &r.w, func(m *gpu.Weights) (rows, cols, bytes int) { return m.Rows, m.Cols, m.Bytes() })
	case *cpuRunner:
		decodeWeights(&work, &r.w, func(m layout.Stack) (rows, cols, bytes int) { return m.Rows(), m.Cols(), m.Bytes() })
	}
	return work
}

// decodeWeights adds what the matrices take.
func decodeWeights[M, V any](work *Work, w *weights[M, V], size func(M) (rows, cols, bytes int)) {
	matrices := []M{w.logits}
	for _, l := range w.layers {
		matrices = append(matrices, l.qkv, l.attnOut, l.gateUp, l.down)
	}
	for _, m := range matrices {
		rows, cols, bytes := size(m)
		work.WeightBytes += bytes
		work.Operations += 2 * rows * cols
	}
	rows, _, bytes := size(w.embed)
	work.WeightBytes += bytes / rows
}

// PrefillOperations returns the multiplications and additions of reading n
// tokens: all matrices of the layers for every token, the logits of the last
// one, and attention of every token to those up to itself.
func (e *Engine) PrefillOperations(n int) int {
	c := e.Config
	perToken := c.NLayers * 2 * c.Dim * (2*c.QDim() + 2*c.KVDim() + 3*c.HiddenDim)
	return n*perToken + 2*c.Dim*c.VocabSize + c.NLayers*4*c.QDim()*n*(n+1)/2
}

// KernelTime is what the dispatches of one kernel took together, those with
// different matrices apart.
type KernelTime struct {
	Kernel     string // the shader's file
	Matrix     string // the first of the tensors that it read, without the layer's number; empty if it reads none
	Dispatches int
	Time       time.Duration
}

// Profile runs do and returns what each kernel took in it on the GPU, over all
// layers, in order of first use, and how that was measured. do takes longer than
// without, and should have run before. On the CPU there is no such list: nil.
func (e *Engine) Profile(do func() error) (kernels []KernelTime, how string, err error) {
	r, ok := e.r.(*gpuRunner)
	if !ok {
		return nil, "", nil
	}
	times, how, err := r.d.Profile(do)
	if err != nil {
		return nil, "", err
	}
	for _, t := range times {
		k := KernelTime{Kernel: t.Kernel, Matrix: strings.TrimSuffix(t.Matrix, ".weight")}
		if rest, ok := strings.CutPrefix(k.Matrix, "blk."); ok {
			_, k.Matrix, _ = strings.Cut(rest, ".")
		}
		at := slices.IndexFunc(kernels, func(o KernelTime) bool { return o.Kernel == k.Kernel && o.Matrix == k.Matrix })
		if at < 0 {
			at = len(kernels)
			kernels = append(kernels, k)
		}
		kernels[at].Dispatches += t.Dispatches
		kernels[at].Time += t.Time
	}
	return kernels, how, nil
}

// Limits are what the device does at best, as far as two simple tests show.
type Limits struct {
	CopyBytes  float64 // bytes per second of a large copy, those read and those written
	MatMulRate float64 // operations per second of the engine's own multiplication of large float32 matrices
}

// limitTime is how long each test of [Engine.Limits] goes on.
const limitTime = 500 * time.Millisecond

// Limits measures the device's limits: the best of several runs.
func (e *Engine) Limits() (Limits, error) {
	if r, ok := e.r.(*gpuRunner); ok {
		return r.limits()
	}
	return cpuLimits(), nil
}

// best runs do again and again for limitTime and returns the least time it took.
func best(do func() error) (time.Duration, error) {
	least := time.Duration(math.MaxInt64)
	for start := time.Now(); time.Since(start) < limitTime || least == math.MaxInt64; {
		t := time.Now()
		if err := do(); err != nil {
			return 0, err
		}
		least = min(least, time.Since(t))
	}
	return least, nil
}

func (r *gpuRunner) limits() (Limits, error) {
	var buffers []*gpu.Buffer
	defer func() {
		for _, b := range buffers {
			b.Destroy()
		}
	}()
	buffer := func(label string, bytes int) (*gpu.Buffer, error) {
		b, err := r.d.NewBuffer(label, bytes)
		if err == nil {
			buffers = append(buffers, b)
		}
		return b, err
	}
	// A wait costs a fraction of a millisecond, so a GPU gets more to do in one.
	size, times, n := 256<<20, 16, 2048
	if r.d.Software {
		size, times, n = 64<<20, 1, 512
	}
	size = min(size, r.d.Limits.BindingBytes)
	for n > 512 && 2*n*n*n > r.d.MostWork() {
		n /= 2
	}
	from, err := buffer("copied from", size)
	if err != nil {
		return Limits{}, err
	}
	to, err := buffer("copied to", size)
	if err != nil {
		return Limits{}, err
	}
	copying, err := best(func() error {
		p := r.d.Begin()
		for range times {
			p.Copy(to, 0, from, 0, size)
		}
		p.Read(to, 0, 4)
		return p.Submit()
	})
	if err != nil {
		return Limits{}, err
	}

	w, err := r.d.NewWeights("multiplied", n, layout.Part{Type: layout.F32, Rows: n})
	if err != nil {
		return Limits{}, err
	}
	defer w.Destroy()
	multiplying, err := best(func() error {
		p := r.d.Begin()
		p.MatMul(w, from, to, n)
		p.Read(to, 0, 4)
		return p.Submit()
	})
	return Limits{
		CopyBytes:  float64(2*size*times) / copying.Seconds(),
		MatMulRate: 2 * math.Pow(float64(n), 3) / multiplying.Seconds(),
	}, err
}

func cpuLimits() Limits {
	const size, n = 128 << 20, 512
	from, to := bytes.Repeat([]byte{1}, size), make([]byte, size) // ones: pages of zeros are not there
	threads := runtime.GOMAXPROCS(0)
	copying, _ := best(func() error {
		var wait sync.WaitGroup
		for i := range threads {
			wait.Go(func() { copy(to[i*size/threads:(i+1)*size/threads], from[i*size/threads:]) })
		}
		wait.Wait()
		return nil
	})
	w := layout.NewStack(n, layout.Part{Type: layout.F32, Rows: n})
	x, y := make([]float32, n*n), make([]float32, n*n)
	multiplying, _ := best(func() error {
		cpu.MatMul(w, x, y, n)
		return nil
	})
	return Limits{CopyBytes: float64(2*size) / copying.Seconds(), MatMulRate: 2 * math.Pow(n, 3) / multiplying.Seconds()}
}
