package engine

import (
	"keyfold/cpu"
	"keyfold/gpu"
)

// lastQueries returns how many of the text's last tokens have their queries kept.
func (t *trace) lastQueries() int { return min(t.needs.LastQueries, t.end) }

// lastOf returns which of n tokens from position first on are among them:
// from..to-1 of the chunk.
func (t *trace) lastOf(first, n int) (from, to int) {
	return max(0, t.end-t.lastQueries()-first), min(n, t.end-first)
}

// window measures the attention that the last w queries of the text paid: they
// attend once more to the cache that they are in, each in a slot of its own.
func (r *cpuRunner) window(c *Cache, t *trace, w int) ([][]float32, error) {
	cfg := r.cfg
	stride := cfg.QDim() + 2*cfg.KVDim()
	att, lse := make([]float32, w*cfg.QDim()), make([]float32, w*cfg.NHeads)
	var out [][]float32
	for l := range c.layers {
		q := r.queries(t.cpu.last[l][(t.lastQueries()-w)*stride:], w)
		lens, slots := c.headLens(l)
		mass := make([]float32, len(lens)*slots)
		cpu.Attention(c.onCPU(l, 0), q, att, lse)
		cpu.AttnMass(c.onCPU(l, 0), q, lse, mass, 0, slots)
		out = append(out, splitHeads(mass, slots, lens)...)
	}
	return out, nil
}

func (r *gpuRunner) window(c *Cache, t *trace, w int) ([][]float32, error) {
	cfg := r.cfg
	row := cfg.QDim() + 2*cfg.KVDim()
	atOnce := min(w, r.tokensAtOnce(c.at))
	if err := r.scratchFor(atOnce, 0); err != nil {
		return nil, err
	}
	return r.perSlot(c, func(p *gpu.Pass, l int, out *gpu.Buffer, stride int) *gpu.Buffer {
		for from := 0; from < w; from += atOnce {
			n := min(atOnce, w-from)
			cache, q := c.onGPU(l, from+n-w), r.queries(r.s.qkv, n)
			p.Copy(r.s.qkv, 0, t.gpu.last[l], 4*(t.lastQueries()-w+from)*row, 4*n*row)
			p.Attention(cache, q, r.s.att, r.s.lse, r.s.parts)
			p.AttnMass(cache, q, r.s.lse, out, 0, stride)
		}
		return nil
	})
}
