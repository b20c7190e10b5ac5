package engine

import (
	"fmt"
	"slices"

	"keyfold/gpu"
	"keyfold/layout"
)

// Memory keeps from one start to the next which kernels were found to be fastest.
type Memory struct {
	Load func() []Choice // what was saved last; nil where there is nothing, or nothing that can be read
	Save func([]Choice) error
}

// Choice is the kernel that was found to be the fastest of several.
type Choice struct {
	Device  string `json:"device"`  // adapter and backend
	Task    string `json:"task"`    // tokens, type of the matrices and shape of the largest
	Sources string `json:"sources"` // hash of all kernels that were measured
	Kernel  string `json:"kernel"`
}

// KernelChoice says which kernel multiplies so many tokens with matrices of a type.
type KernelChoice struct {
	Tokens  string // "1 token"
	Weights string // "q8_0"
	Kernel  string
	How     string       // "default" (that of the adapter's class), "measured" (at this start) or "remembered"
	Times   []gpu.Timing // if measured: what a sample took, of all kernels that can do it
}

const (
	byDefault  = "default"
	measured   = "measured"
	remembered = "remembered"
)

// tune makes the kernels that memory knows, or else that are measured to be
// fastest, those of the device. Without memory they are those of its class, and so
// they are where a measurement cannot be kept: kernels round differently, so the
// next start, which might measure otherwise, could write another text from the same seed.
//
// Adapters that emulate a GPU are not measured in browsers: SwiftShader compiles a
// kernel for seconds, and the kernels of its class are several times as fast there.
func (r *gpuRunner) tune(memory *Memory) error {
	r.kernels = nil
	var known, news []Choice
	if memory != nil {
		known = memory.Load()
	}
	for _, t := range r.matrixTypes() {
		for _, task := range gpu.MatrixTasks {
			matrices := r.matrices(t, task == gpu.OneToken)
			if len(matrices) == 0 {
				continue
			}
			k := KernelChoice{Tokens: task.String(), Weights: t.String(), How: byDefault}
			if memory != nil {
				found, err := r.choose(&k, task, t, matrices, known)
				if err != nil {
					return err
				}
				news = append(news, found...)
			}
			k.Kernel = r.d.Kernel(task, t)
			r.kernels = append(r.kernels, k)
		}
	}
	if len(news) == 0 {
		return nil
	}
	known = slices.DeleteFunc(known, func(c Choice) bool {
		return slices.ContainsFunc(news, func(n Choice) bool { return n.Device == c.Device && n.Task == c.Task })
	})
	if err := memory.Save(append(known, news...)); err != nil && r.d.UseDefaults() {
		return r.tune(nil)
	}
	return nil
}

// choose makes a kernel the device's, notes how that came about, and returns the
// choice if it is news.
func (r *gpuRunner) choose(k *KernelChoice, task gpu.Task, t layout.WeightType, matrices []*gpu.Weights, known []Choice) ([]Choice, error) {
	sources, err := gpu.Sources(task, t)
	if err != nil {
		return nil, err
	}
	largest := slices.MaxFunc(matrices, func(a, b *gpu.Weights) int { return a.Rows*a.Cols - b.Rows*b.Cols })
	c := Choice{
		Device:  fmt.Sprintf("%s (%s)", r.d.Name, r.d.Backend),
		Task:    fmt.Sprintf("%v, %v (%d, %d)", task, t, largest.Rows, largest.Cols),
		Sources: sources,
	}
	at := slices.IndexFunc(known, func(old Choice) bool {
		return old.Device == c.Device && old.Task == c.Task && old.Sources == c.Sources
	})
	if at >= 0 && r.d.Use(task, t, known[at].Kernel) {
		k.How = remembered
		return nil, nil
	}
	if r.d.Software && r.d.Backend == "WebGPU" {
		return nil, nil
	}
	k.How = measured
	k.Times, err = r.d.Measure(task, matrices)
	c.Kernel = r.d.Kernel(task, t)
	return []Choice{c}, err
}

// matrixTypes returns the types of the matrices that tokens are multiplied with.
func (r *gpuRunner) matrixTypes() []layout.WeightType {
	types := []layout.WeightType{r.w.logits.Type}
	for _, l := range r.w.layers {
		for _, m := range []*gpu.Weights{l.qkv, l.attnOut, l.gateUp, l.down} {
			if !slices.Contains(types, m.Type) {
				types = append(types, m.Type)
			}
		}
	}
	return types
}

// matrices returns those of type t in the order of the forward pass, with the one
// of the logits or without.
func (r *gpuRunner) matrices(t layout.WeightType, logits bool) []*gpu.Weights {
	var all []*gpu.Weights
	for _, l := range r.w.layers {
		all = append(all, l.qkv, l.attnOut, l.gateUp, l.down)
	}
	if logits {
		all = append(all, r.w.logits)
	}
	return slices.DeleteFunc(all, func(m *gpu.Weights) bool { return m.Type != t })
}

// Kernels returns which kernels multiply the matrices, and why. Nil on the CPU.
func (e *Engine) Kernels() []KernelChoice {
	if r, ok := e.r.(*gpuRunner); ok {
		return r.kernels
	}
	return nil
}
