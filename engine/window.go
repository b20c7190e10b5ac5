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
	cfg, scale := r.cfg, attentionScale(r.cfg)
	stride := cfg.QDim() + 2*cfg.KVDim()
	nBefore := len(c.appended) - w // negative where the tables have the window already
	att, lse := make([]float32, w*cfg.QDim()), make([]float32, w*cfg.NHeads)
	var out [][]float32
	for l, layer := range c.layers {
		q := t.cpu.last[l][(t.lastQueries()-w)*stride:]
		lens, slots := c.headLens(l)
		mass := make([]float32, len(lens)*slots)
		cpu.Attention(layer.cpu.k, layer.cpu.v, layer.cpu.slots, layer.heads, q, att, lse, w, stride, cfg.NHeads, nBefore, scale)
		cpu.AttnMass(layer.cpu.k, layer.cpu.slots, layer.heads, q, lse, mass, w, stride, cfg.NHeads, nBefore, scale, 0, slots)
		out = append(out, splitHeads(mass, slots, lens)...)
	}
	return out, nil
}

func (r *gpuRunner) window(c *Cache, t *trace, w int) ([][]float32, error) {
	cfg, scale := r.cfg, attentionScale(r.cfg)
	row := cfg.QDim() + 2*cfg.KVDim()
	atOnce := min(w, r.tokensAtOnce(c.at))
	if err := r.scratchFor(atOnce, 0); err != nil {
		return nil, err
	}
	return r.perSlot(c, func(p *gpu.Pass, l int, out *gpu.Buffer, stride int) *gpu.Buffer {
		layer := &c.layers[l].gpu
		for from := 0; from < w; from += atOnce {
			n, nBefore := min(atOnce, w-from), len(c.appended)-w+from
			p.Copy(r.s.qkv, 0, t.gpu.last[l], 4*(t.lastQueries()-w+from)*row, 4*n*row)
			p.Attention(layer, r.s.qkv, r.s.att, r.s.lse, r.s.parts, n, row, cfg.NHeads, nBefore, scale)
			p.AttnMass(layer, r.s.qkv, r.s.lse, out, n, row, cfg.NHeads, nBefore, scale, 0, stride)
		}
		return nil
	})
}
