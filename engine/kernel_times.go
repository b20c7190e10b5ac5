//go:build !js

package engine

import (
	"fmt"

	"keyfold/gpu"
	"keyfold/layout"
)

// TaskTimes says what each of the kernels that do a task took for a sample of it.
type TaskTimes struct {
	Task  string        // "1 token, q8_0"
	Times []VariantTime // first that of the kernel which this type of adapter takes
}

// VariantTime is what one of them took.
type VariantTime = gpu.VariantTime

// Sizes of the samples: tokens for each task with matrices, rows to normalise, and
// tokens that attend together.
const (
	sampledTokens = 64
	sampledRows   = 64
	sampledAttend = 32
	sampledVoters = 8 // of each query head
)

// TimeKernels times all kernels that compute the same thing in another way, on the
// model's own matrices and on a cache of so many slots of type t. It calls each
// with every result as it comes. There is nothing to compare on the CPU.
func (e *Engine) TimeKernels(t layout.CacheType, slots int, each func(TaskTimes)) error {
	r, ok := e.r.(*gpuRunner)
	if !ok {
		return fmt.Errorf("only a GPU has kernels to compare; this model is on the CPU")
	}
	if slots < sampledAttend {
		return fmt.Errorf("kernels are compared on a cache of %d slots, want at least %d", slots, sampledAttend)
	}
	prompt, err := e.Fill(slots, Settings{KV: t})
	if err != nil {
		return err
	}
	defer prompt.Free()
	s, err := r.newKernelSample(slots)
	if err != nil {
		return err
	}
	defer s.free()
	s.timeMatrices(each)
	s.timeNorms(each)
	s.timeCache(&prompt.Cache.layers[0].gpu, slots, each)
	return nil
}

// kernelSample is a runner with memory for the inputs and outputs of samples.
type kernelSample struct {
	*gpuRunner
	buffers []*gpu.Buffer // all of the following
	in, out *gpu.Buffer   // of any task
	lse     *gpu.Buffer   // (sampledAttend, n_heads)
	ranks   *gpu.Buffer   // (sampledVoters*n_heads, slots)
	votes   *gpu.Buffer   // (n_kv_heads, slots)
	budgets *gpu.Buffer   // (n_heads)
	parts   gpu.Parts     // of one token's attention
}

func (r *gpuRunner) newKernelSample(slots int) (*kernelSample, error) {
	cfg := r.cfg
	widest := max(cfg.VocabSize, 2*cfg.HiddenDim, cfg.QKVDim(), cfg.Dim)
	s := &kernelSample{gpuRunner: r}
	var err error
	for _, b := range []struct {
		to       **gpu.Buffer
		label    string
		elements int
	}{
		{&s.in, "sampled input", sampledTokens * max(cfg.Dim, cfg.QDim(), cfg.HiddenDim)},
		{&s.out, "sampled output", sampledTokens * widest},
		{&s.lse, "sampled lse", sampledAttend * cfg.NHeads},
		{&s.ranks, "sampled ranks", sampledVoters * cfg.NHeads * slots},
		{&s.votes, "sampled votes", cfg.NKVHeads * slots},
		{&s.budgets, "sampled budgets", cfg.NHeads},
	} {
		if *b.to, err = r.d.NewBuffer(b.label, 4*b.elements); err != nil {
			s.free()
			return nil, err
		}
		s.buffers = append(s.buffers, *b.to)
	}
	if s.parts, err = r.d.NewParts(cfg.NHeads, cfg.NKVHeads, cfg.HeadDim); err != nil {
		s.free()
		return nil, err
	}
	numbers := make([]float32, s.in.Size()/4)
	for i := range numbers {
		numbers[i] = 4*layout.Uniform(layout.Hash(1, 0, uint32(i))) - 2
	}
	if err := s.in.UploadFloats(0, numbers); err != nil {
		s.free()
		return nil, err
	}
	return s, nil
}

func (s *kernelSample) free() {
	for _, b := range s.buffers {
		b.Destroy()
	}
	s.parts.Destroy()
}

// timeMatrices times the products of one, a few and many tokens with the matrices
// of each type, in the order of the forward pass. The logits' matrix meets no more than those
// that are decoded together.
func (s *kernelSample) timeMatrices(each func(TaskTimes)) {
	operations := s.d.MostWork() / 10
	if s.d.Software {
		operations /= 20
	}
	for _, t := range typesOf(s.matrices(true)) {
		for _, m := range []struct {
			task   gpu.Task
			tokens int
		}{{gpu.OneToken, 1}, {gpu.FewTokens, 8}, {gpu.ManyTokens, sampledTokens}} {
			sample := gpu.SampleOf(s.matrices(m.task <= gpu.FewTokens), t, m.tokens, operations)
			if len(sample) == 0 {
				continue
			}
			times := s.d.TimeProducts(m.task, t, func(p *gpu.Pass) {
				for _, w := range sample {
					p.MatMul(w, s.in, s.out, m.tokens)
				}
			})
			each(TaskTimes{fmt.Sprintf("%v, %v", m.task, t), times})
		}
	}
}

// timeNorms times the norms of all layers over many rows.
func (s *kernelSample) timeNorms(each func(TaskTimes)) {
	times := s.d.TimeVariants(gpu.Norms, func(p *gpu.Pass) {
		for _, l := range s.w.layers {
			p.RMSNorm(s.in, l.attnNorm, s.out, sampledRows, s.cfg.Dim, 0, float32(s.cfg.NormEps))
		}
	})
	each(TaskTimes{gpu.Norms.String(), times})
}

// timeCache times attention of one and of more tokens to a cache, and a ballot over
// it. The tokens are the last ones of the cache.
func (s *kernelSample) timeCache(c *gpu.Cache, slots int, each func(TaskTimes)) {
	queries := func(n int) gpu.Queries {
		return gpu.Queries{Buf: s.in, N: n, Stride: s.cfg.QDim(), Heads: s.cfg.NHeads, Scale: attentionScale(s.cfg)}
	}
	for _, a := range []struct {
		task   gpu.Task
		tokens int
	}{{gpu.AttendOne, 1}, {gpu.AttendMany, sampledAttend}} {
		times := s.d.TimeVariants(a.task, func(p *gpu.Pass) {
			p.Attention(c, queries(a.tokens), s.out, s.lse, s.parts)
		})
		each(TaskTimes{fmt.Sprintf("%v, %v", a.task, c.Type), times})
	}
	times := s.d.TimeVariants(gpu.Ballots, func(p *gpu.Pass) {
		p.GVoteVote(c, queries(1), queries(sampledVoters), s.ranks, s.votes, s.budgets,
			layout.Ballot{PNuc: 0.95, IncludeC0: true, Stride: slots})
	})
	each(TaskTimes{fmt.Sprintf("%v, %v", gpu.Ballots, c.Type), times})
}
