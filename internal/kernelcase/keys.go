package kernelcase

import (
	"keyfold/layout"
	"keyfold/ref"
)

// KeySimilarity is a call of key_similarity.
type KeySimilarity struct {
	Cache  layout.Cache
	Cosine []float32
	Stride int
}

func newKeySimilarity(c layout.Cache) *KeySimilarity {
	stride := strideOf(c)
	return &KeySimilarity{Cache: c, Cosine: unwritten(len(c.Heads) * stride), Stride: stride}
}

func (c *KeySimilarity) Twin() { ref.KeySimilarity(c.Cache, c.Cosine, c.Stride) }

// Three f32 sums of head_dim products, whose errors are relative to the norms.
func (c *KeySimilarity) Outputs() []Output { return []Output{near("cosine", c.Cosine, 2e-6, 0)} }

// KeySimilarityCases are caches of type t. One head has a key without a direction, one with
// the direction of the key before, and one with the opposite one.
func KeySimilarityCases(t layout.CacheType) []Case {
	return perShape(t, shapesFor(t), func(s CacheShape) Call {
		c := withTinyRows(NewCache(t, s, 2, 0))
		last := len(c.Heads) - 1
		if first := c.Heads[last].Offset; c.Len(last) > 5 {
			row := make([]float32, s.HeadDim)
			c.K.Put(first+1, row)
			c.K.Get(row, first+3)
			c.K.Put(first+4, row)
			for i := range row {
				row[i] *= -2
			}
			c.K.Put(first+5, row)
		}
		return newKeySimilarity(c)
	})
}

// PivotDistance is a call of pivot_distance.
type PivotDistance struct {
	Cache           layout.Cache
	Pivots          []uint32
	Distance, Table []float32
	Stride          int
	Aligned         bool
}

func newPivotDistance(c layout.Cache, pivots []uint32, aligned bool) *PivotDistance {
	return &PivotDistance{
		Cache: c, Pivots: pivots, Distance: unwritten(len(pivots)), Table: table(c), Stride: strideOf(c), Aligned: aligned,
	}
}

func (c *PivotDistance) Twin() {
	ref.PivotDistance(c.Cache, c.Pivots, c.Distance, c.Table, c.Stride, c.Aligned)
}

// One f32 sum of head_dim squares, a root. A slot's distance from itself is exactly 0.
func (c *PivotDistance) Outputs() []Output {
	name := "distance"
	if c.Aligned {
		name = "aligned distance"
	}
	return []Output{near(name, c.Distance, 0, 5e-6)}
}

func smallPivots(c layout.Cache) []uint32 {
	pivots := make([]uint32, len(c.Heads)*strideOf(c))
	for i := range pivots {
		pivots[i] = []uint32{uint32(i * i % 7), layout.NoPivot}[i%3/2]
	}
	return pivots
}

// PivotDistanceCases are random pivots in caches of type t; a third of the slots have none.
func PivotDistanceCases(t layout.CacheType) []Case {
	var cases []Case
	for _, aligned := range []bool{false, true} {
		cases = append(cases, perShape(t, shapesFor(t), func(s CacheShape) Call {
			c, r := NewCache(t, s, 2, 0), newRandom("pivots")
			stride := strideOf(c)
			pivots := make([]uint32, len(c.Heads)*stride)
			for h := range c.Heads {
				for i := range stride {
					pivots[h*stride+i] = uint32(r.below(c.Len(h)))
					if i%3 == 2 {
						pivots[h*stride+i] = layout.NoPivot
					}
				}
			}
			return newPivotDistance(c, pivots, aligned)
		})...)
	}
	return cases
}

// KeyRotate is a call of key_rotate.
type KeyRotate struct {
	From, To layout.Cache
	By       []int32
	Table    []float32
}

func (c *KeyRotate) Twin() { ref.KeyRotate(c.From, c.To, c.By, c.Table) }

// Two products of numbers of size 2.
func (c *KeyRotate) Outputs() []Output {
	return []Output{nearRows("k", c.To.K, 1e-6, 1e-6), exactRows("v", c.To.V)}
}

func smallKeyRotate(c layout.Cache) *KeyRotate {
	by := make([]int32, len(c.Slots))
	for slot := range by {
		by[slot] = []int32{0, 40, -3, 1, -100}[slot%5]
	}
	return newKeyRotate(c, by, layout.RoPETable(0, 101, plainRotation(c.HeadDim())))
}

// newKeyRotate turns no slot without a key.
func newKeyRotate(c layout.Cache, by []int32, table []float32) *KeyRotate {
	for slot := range by {
		if c.Slots[slot].N == 0 {
			by[slot] = 0
		}
	}
	return &KeyRotate{From: c, To: emptyCache(c, 0), By: by, Table: table}
}

// KeyRotateCases are random turns in caches of type t, and none for some slots.
func KeyRotateCases(t layout.CacheType) []Case {
	return perShape(t, shapesFor(t), func(s CacheShape) Call {
		c, r := withTinyRows(NewCache(t, s, 0, 7)), newRandom(s.Why+" turns")
		by := make([]int32, len(c.Slots))
		for slot := range by {
			by[slot] = []int32{0, 1, -1, int32(r.below(6001)) - 3000}[r.below(4)]
		}
		return newKeyRotate(c, by, layout.RoPETable(0, 3001, plainRotation(s.HeadDim)))
	})
}
