package engine

import (
	"context"
	"fmt"

	"keyfold/compress"
	"keyfold/gpu"
	"keyfold/layout"
)

// A signal is something that methods want to know about a cache. Each is one
// file, signal_*.go, with what is collected while a text is fed and how it is
// read afterwards, on both devices. A new signal is a field of [compress.Needs]
// and one of [compress.Signals], a file, and a line in newSignals.
type signal interface {
	// collects reports whether needs ask for something that is collected while a
	// text is fed. start allocates it.
	collects(needs compress.Needs) bool
	start(t *trace) error

	// In every layer of a forward pass: of the attention input after its RMSNorm,
	// of the queries before RoPE, biases and norms of heads included, and of attention with its queries after RoPE.
	inputCPU(at place, xb []float32)
	queriesCPU(at place, q layout.Queries)
	attentionCPU(at place, c layout.Cache, q layout.Queries, lse []float32)
	inputGPU(at place, p *gpu.Pass, xb *gpu.Buffer)
	queriesGPU(at place, p *gpu.Pass, q gpu.Queries)
	attentionGPU(at place, p *gpu.Pass, c *gpu.Cache, q gpu.Queries, lse *gpu.Buffer)
	wantsInput() bool // the GPU does not keep the input of a single token otherwise

	// afterReading is called when the prompt has been read into its full cache.
	afterReading(ctx context.Context, p *Prompt) error
	// compressed is called when a plan has been applied to the prompt's cache, or
	// hold when more is read although none was; then restart, before tokens are fed
	// behind the slots, up to t.end.
	compressed(p *Prompt, plan *compress.Plan, s *compress.Signals)
	hold(p *Prompt) error
	restart(t *trace) error

	// measure adds the signal to s if needs ask for it.
	measure(p *Prompt, needs compress.Needs, s *compress.Signals) error
}

// newSignals returns all signals, in the order in which they are measured.
func newSignals() []signal {
	return []signal{&mass{}, &similarity{}, &lastQueries{}, &reread{}, &future{}, &expected{}, &votes{}}
}

// quiet does nothing; signals embed it and say what they do.
type quiet struct{}

func (quiet) collects(compress.Needs) bool                                        { return false }
func (quiet) start(*trace) error                                                  { return nil }
func (quiet) inputCPU(place, []float32)                                           {}
func (quiet) queriesCPU(place, layout.Queries)                                    {}
func (quiet) attentionCPU(place, layout.Cache, layout.Queries, []float32)         {}
func (quiet) inputGPU(place, *gpu.Pass, *gpu.Buffer)                              {}
func (quiet) queriesGPU(place, *gpu.Pass, gpu.Queries)                            {}
func (quiet) attentionGPU(place, *gpu.Pass, *gpu.Cache, gpu.Queries, *gpu.Buffer) {}
func (quiet) wantsInput() bool                                                    { return false }
func (quiet) afterReading(context.Context, *Prompt) error                         { return nil }
func (quiet) compressed(*Prompt, *compress.Plan, *compress.Signals)               {}
func (quiet) hold(*Prompt) error                                                  { return nil }
func (quiet) restart(*trace) error                                                { return nil }

// find returns a prompt's signal of a type.
func find[S signal](p *Prompt) S {
	for _, s := range p.signals {
		if s, ok := s.(S); ok {
			return s
		}
	}
	panic(fmt.Sprintf("BUG: engine: no signal %T", *new(S)))
}

// perSlot returns what compute writes for every layer, a number for each slot:
// (n_layers * n_kv_heads)(slots). out is (n_kv_heads, stride).
func (r *cpuRunner) perSlot(c *Cache, compute func(l int, out []float32, stride int)) (values [][]float32) {
	for l := range c.layers {
		lens, stride := c.headLens(l)
		out := make([]float32, len(lens)*stride)
		compute(l, out, stride)
		values = append(values, splitHeads(out, stride, lens)...)
	}
	return values
}

// perSlot does the same with what record records. The buffer that it returns, if
// any, is freed afterwards.
func (r *gpuRunner) perSlot(c *Cache, record func(p *gpu.Pass, l int, out *gpu.Buffer, stride int) *gpu.Buffer) (values [][]float32, err error) {
	p := r.d.Begin()
	var reads []*gpu.Read
	for l := range c.layers {
		lens, stride := c.headLens(l)
		out, err := r.d.NewBuffer("per slot", 4*len(lens)*stride)
		if err != nil {
			p.Fail(err)
			break
		}
		defer out.Destroy()
		defer record(p, l, out, stride).Destroy()
		reads = append(reads, p.Read(out, 0, out.Size()))
	}
	if err := p.Submit(); err != nil {
		return nil, err
	}
	for l, read := range reads {
		lens, stride := c.headLens(l)
		values = append(values, splitHeads(read.Floats(), stride, lens)...)
	}
	return values, nil
}

// splitHeads deals (n_kv_heads, stride) values of one layer out to its heads,
// each as long as lens says.
func splitHeads[T any](values []T, stride int, lens []int) [][]T {
	var out [][]T
	for h, n := range lens {
		out = append(out, values[h*stride:h*stride+n])
	}
	return out
}
