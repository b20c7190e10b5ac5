package engine

import (
	"fmt"

	"keyfold/compress"
	"keyfold/cpu"
	"keyfold/gpu"
	"keyfold/layout"
)

// lastQueries keeps the queries of the text's last tokens, so that afterwards
// they can attend once more to the cache that they are in.
type lastQueries struct {
	quiet
	rows *perLayer // (needs.LastQueries, row of qkv) the last tokens after RoPE
}

func (*lastQueries) collects(needs compress.Needs) bool { return needs.LastQueries > 0 }

func (s *lastQueries) start(t *trace) (err error) {
	s.rows, err = t.allocate("last queries", t.needs.LastQueries*t.r.config().QKVDim())
	return err
}

// kept returns how many tokens have their queries kept.
func (s *lastQueries) kept(t *trace) int { return min(t.needs.LastQueries, t.end-t.begin) }

// copied returns which of a chunk's tokens are among them, from..to-1, and the
// row of the first.
func (s *lastQueries) copied(at place) (from, to, row int) {
	kept := s.kept(at.t)
	from = at.from(kept)
	return from, min(at.n, at.t.end-at.first), at.first + from - at.t.end + kept
}

func (s *lastQueries) attentionCPU(at place, _ layout.Cache, q layout.Queries, _ []float32) {
	if from, to, row := s.copied(at); from < to {
		copy(s.rows.cpu[at.layer][row*q.Stride:], q.Buf[from*q.Stride:to*q.Stride])
	}
}

func (s *lastQueries) attentionGPU(at place, p *gpu.Pass, _ *gpu.Cache, q gpu.Queries, _ *gpu.Buffer) {
	if from, to, row := s.copied(at); from < to {
		p.Copy(s.rows.gpu[at.layer], 4*row*q.Stride, q.Buf, 4*from*q.Stride, 4*(to-from)*q.Stride)
	}
}

// attender is what each device does afterwards: it returns the attention that
// the last w queries of those kept pay, (n_layers * n_kv_heads)(slots).
type attender interface {
	attendAgain(c *Cache, rows *perLayer, kept, w int) ([][]float32, error)
}

func (s *lastQueries) measure(p *Prompt, needs compress.Needs, to *compress.Signals) error {
	if needs.LastQueries == 0 {
		return nil
	}
	kept := s.kept(p.trace)
	to.LastQueries = kept
	to.Window = func(w int) ([][]float32, error) {
		if w < 1 || w > kept {
			return nil, fmt.Errorf("attention of the last %d queries, want 1 to %d", w, kept)
		}
		return p.e.r.(attender).attendAgain(p.Cache, s.rows, kept, w)
	}
	return nil
}

func (r *cpuRunner) attendAgain(c *Cache, rows *perLayer, kept, w int) ([][]float32, error) {
	att, lse := make([]float32, w*r.cfg.QDim()), make([]float32, w*r.cfg.NHeads)
	return r.perSlot(c, func(l int, out []float32, stride int) {
		q := r.queries(rows.cpu[l][(kept-w)*r.cfg.QKVDim():], w)
		cpu.Attention(c.onCPU(l, 0), q, att, lse)
		cpu.AttnMass(c.onCPU(l, 0), q, lse, out, 0, stride)
	}), nil
}

func (r *gpuRunner) attendAgain(c *Cache, rows *perLayer, kept, w int) ([][]float32, error) {
	row := 4 * r.cfg.QKVDim()
	atOnce := min(w, r.tokensAtOnce(c.ropePos))
	if err := r.fitActivations(atOnce); err != nil {
		return nil, err
	}
	return r.perSlot(c, func(p *gpu.Pass, l int, out *gpu.Buffer, stride int) *gpu.Buffer {
		for from := 0; from < w; from += atOnce {
			n := min(atOnce, w-from)
			cache, q := c.onGPU(l, from+n-w), r.queries(r.a.qkv, n)
			p.Copy(r.a.qkv, 0, rows.gpu[l], row*(kept-w+from), row*n)
			p.Attention(cache, q, r.a.att, r.a.lse, r.a.parts)
			p.AttnMass(cache, q, r.a.lse, out, 0, stride)
		}
		return nil
	})
}
