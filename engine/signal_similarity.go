package engine

import (
	"math"

	"keyfold/compress"
	"keyfold/cpu"
	"keyfold/gpu"
	"keyfold/layout"
)

// similarity is how alike keys are: the cosine of neighbours, and distances from
// pivots. It is measured on the slots as they are.
type similarity struct{ quiet }

// comparer is what each device does for it: (n_layers * n_kv_heads)(slots).
type comparer interface {
	cosine(c *Cache) ([][]float32, error)
	distance(c *Cache, pivots [][]int, aligned bool) ([][]float32, error)
}

func (similarity) measure(p *Prompt, needs compress.Needs, s *compress.Signals) error {
	r := p.e.r.(comparer)
	s.Distance = func(pivots [][]int, aligned bool) ([][]float32, error) { return r.distance(p.Cache, pivots, aligned) }
	if !needs.Cosine {
		return nil
	}
	cosine, err := r.cosine(p.Cache)
	for i := range cosine {
		s.Heads[i].Cosine = cosine[i]
	}
	return err
}

func (r *cpuRunner) cosine(c *Cache) ([][]float32, error) {
	return r.perSlot(c, func(l int, out []float32, stride int) {
		cpu.KeySimilarity(c.onCPU(l, 0), out, stride)
	}), nil
}

func (r *gpuRunner) cosine(c *Cache) ([][]float32, error) {
	return r.perSlot(c, func(p *gpu.Pass, l int, out *gpu.Buffer, stride int) *gpu.Buffer {
		p.KeySimilarity(c.onGPU(l, 0), out, stride)
		return nil
	})
}

func (r *cpuRunner) distance(c *Cache, pivots [][]int, aligned bool) ([][]float32, error) {
	return r.perSlot(c, func(l int, out []float32, stride int) {
		cpu.PivotDistance(c.onCPU(l, 0), pivotWords(r.cfg.NKVHeads, pivots, l, stride), out, r.table, stride, aligned)
	}), nil
}

func (r *gpuRunner) distance(c *Cache, pivots [][]int, aligned bool) ([][]float32, error) {
	return r.perSlot(c, func(p *gpu.Pass, l int, out *gpu.Buffer, stride int) *gpu.Buffer {
		words := pivotWords(r.cfg.NKVHeads, pivots, l, stride)
		table, err := r.d.NewBuffer("pivots", 4*len(words))
		if err == nil {
			err = table.UploadWords(0, words)
		}
		if err != nil {
			p.Fail(err)
			return table
		}
		p.PivotDistance(c.onGPU(l, 0), table, r.table, out, stride, aligned)
		return table
	})
}

// pivotWords lays out the pivots of layer l's heads as (n_kv_heads, stride).
func pivotWords(kvHeads int, pivots [][]int, l, stride int) []uint32 {
	words := make([]uint32, kvHeads*stride)
	for i := range words {
		words[i] = layout.NoPivot
	}
	for h := range kvHeads {
		for i, p := range pivots[l*kvHeads+h] {
			if p >= 0 {
				words[h*stride+i] = uint32(p)
			}
		}
	}
	return words
}

// Similarity returns the cosine of every pair of keys of a head: (slots, slots).
func (c *Cache) Similarity(layer, head int) ([]float32, error) {
	slots := make([]int, len(c.layers[layer].heads))
	slots[head] = c.Len(layer, head)
	k, _, err := c.r.readRows(c.layers[layer], slots)
	if err != nil {
		return nil, err
	}
	n, hd := slots[head], c.r.config().HeadDim
	keys := floats(k[head])
	for i := range n {
		row := keys[i*hd : (i+1)*hd]
		var squares float64
		for _, v := range row {
			squares += float64(v) * float64(v)
		}
		scale := float32(1 / math.Sqrt(max(squares, 1e-24)))
		for d := range row {
			row[d] *= scale
		}
	}
	cosine := make([]float32, n*n)
	for i := range n {
		for j := range i + 1 {
			var sum float32
			for d := range hd {
				sum += keys[i*hd+d] * keys[j*hd+d]
			}
			cosine[i*n+j], cosine[j*n+i] = sum, sum
		}
	}
	return cosine, nil
}
