package kernelcase

import (
	"fmt"
	"math"
	"slices"

	"keyfold/layout"
)

// CacheShape is the shape of a cache.
type CacheShape struct {
	Why     string
	HeadDim int
	Lens    []int // slots of each KV head, before tokens are appended
	Group   int   // query heads for each KV head
}

// CacheShapes are awkward for every kernel that touches a cache.
var CacheShapes = []CacheShape{
	{"one slot", 4, []int{0}, 1},
	{"stories260K: GQA", 8, []int{37, 37, 37, 37}, 2},
	{"ragged heads", 16, []int{5, 64, 1, 130}, 1},
	{"one KV head for all", 64, []int{65}, 4},
	{"wide heads", 128, []int{33, 12}, 2},
	{"one block", 32, []int{1, 70}, 2},
	{"three blocks", 96, []int{20, 3}, 1},
}

// shapesFor are those that a cache of type t can have, and of more.
func shapesFor(t layout.CacheType, more ...CacheShape) []CacheShape {
	return slices.DeleteFunc(slices.Concat(CacheShapes, more), func(s CacheShape) bool { return t.Check(s.HeadDim) != nil })
}

// perShape returns a case for every shape of caches of type t.
func perShape(t layout.CacheType, shapes []CacheShape, call func(s CacheShape) Call) []Case {
	var cases []Case
	for _, s := range shapes {
		cases = append(cases, one(fmt.Sprintf("%v, %s", t, s.Why), call(s)))
	}
	return cases
}

// NewCache returns a cache with `appended` tokens behind the slots of each head, and
// behind these `room` slots that hold no numbers. Positions differ from slots, some
// biases are not 0.
func NewCache(t layout.CacheType, s CacheShape, appended, room int) layout.Cache {
	c := layout.Cache{Appended: appended}
	total := 0
	for _, n := range s.Lens {
		c.Heads = append(c.Heads, layout.Head{Offset: total, Len: n})
		total += n + appended + room
	}
	c.K, c.V = layout.NewRows(t, s.HeadDim, total), layout.NewRows(t, s.HeadDim, total)
	for _, words := range [][]uint32{c.K.Words, c.V.Words} {
		for i := range words {
			words[i] = math.MaxUint32
		}
	}
	c.Slots = make([]layout.Slot, total)
	keys, values := numbers(s.Why+" keys", total*s.HeadDim, 1), numbers(s.Why+" values", total*s.HeadDim, 1)
	for h, head := range c.Heads {
		pos := uint32(0)
		for slot := head.Offset; slot < head.Offset+c.Len(h); slot++ {
			c.K.Put(slot, keys[slot*s.HeadDim:(slot+1)*s.HeadDim])
			c.V.Put(slot, values[slot*s.HeadDim:(slot+1)*s.HeadDim])
			n := uint32(1 + slot%3)
			pos += n
			c.Slots[slot] = layout.Slot{Pos: pos, N: n, Bias: float32(math.Log(float64(n)))}
		}
	}
	return c
}

// tiny returns factors that make the scales of rows of type t about 3e-5 and 1e-7,
// subnormal halves, which a device may take for 0. Types without scales stay as they are.
func tiny(t layout.CacheType) [2]float32 {
	switch t {
	case layout.CacheQ8_0:
		return [2]float32{2e-3, 6e-6}
	case layout.CacheQ4_0:
		return [2]float32{1.2e-4, 4e-7}
	}
	return [2]float32{1, 1}
}

// withTinyRows returns a cache as c two thirds of whose keys and values have tiny scales.
func withTinyRows(c layout.Cache) layout.Cache {
	factors, row := tiny(c.K.Type), make([]float32, c.HeadDim())
	for _, rows := range []*layout.Rows{&c.K, &c.V} {
		rows.Words = slices.Clone(rows.Words)
		for slot := range c.Slots {
			if slot%3 == 0 || c.Slots[slot].N == 0 || !c.K.Type.Quantised() {
				continue
			}
			rows.Get(row, slot)
			for i := range row {
				row[i] *= factors[slot%3-1]
			}
			rows.Put(slot, row)
		}
	}
	return c
}

// emptyCache returns room for as many slots as c has, or for so many if that is not 0.
// A row that no kernel writes holds no numbers.
func emptyCache(c layout.Cache, slots int) layout.Cache {
	if slots == 0 {
		slots = len(c.Slots)
	}
	empty := layout.Cache{Heads: c.Heads, Appended: c.Appended, Slots: make([]layout.Slot, slots)}
	copy(empty.Slots, c.Slots)
	for _, rows := range []*layout.Rows{&empty.K, &empty.V} {
		*rows = layout.Rows{Type: c.K.Type, HeadDim: c.HeadDim(), Words: unwrittenWords(slots * c.K.Type.RowWords(c.HeadDim()))}
	}
	return empty
}

// table returns rotations up to the largest position of a cache.
func table(c layout.Cache) []float32 {
	last := uint32(0)
	for _, slot := range c.Slots {
		last = max(last, slot.Pos)
	}
	return layout.RoPETable(0, int(last)+1, plainRotation(c.HeadDim()))
}

// Queries are those of a call, from row First of Buf on: a GPU has the rows of several texts in
// one buffer, of which the CPU takes slices.
type Queries struct {
	layout.Queries
	First int
}

// queries returns those of the last n tokens of a cache, in rows of queries, keys and values.
func queries(name string, c layout.Cache, group, n int, scale float32) Queries {
	heads := group * len(c.Heads)
	stride := (heads + 2*len(c.Heads)) * c.HeadDim()
	return Queries{layout.Queries{
		Buf: numbers(name, n*stride, scale), N: n, Stride: stride, Heads: heads, Scale: attentionScale(c),
	}, 0}
}

// at returns the same queries behind so many rows that hold no numbers, and before one.
func (q Queries) at(first int) Queries {
	q.Buf, q.First = slices.Concat(unwritten(first*q.Stride), q.Buf, unwritten(q.Stride)), first
	return q
}

// OnCPU returns the queries as functions of the CPU take them.
func (q Queries) OnCPU() layout.Queries {
	q.Buf = q.Own(q.Buf)
	return q.Queries
}

// Own returns the rows from First on of an array with as many rows as Buf.
func (q Queries) Own(v []float32) []float32 { return v[q.First*(len(v)/q.rows()):] }

// results returns an array with as many rows as Buf, of so many columns.
func (q Queries) results(cols int) []float32 { return unwritten(q.rows() * cols) }

func (q Queries) rows() int { return len(q.Buf) / q.Stride }

func attentionScale(c layout.Cache) float32 { return float32(1 / math.Sqrt(float64(c.HeadDim()))) }

// strideOf returns a stride that is longer than the longest head.
func strideOf(c layout.Cache) int {
	longest := 0
	for h := range c.Heads {
		longest = max(longest, c.Len(h))
	}
	return longest + 3
}

// smallCache is two heads of very different length with positions that differ from slots
// and biases, and six tokens appended to each head. Two query heads share a head.
func smallCache(t layout.CacheType, headDim int) layout.Cache {
	return NewCache(t, CacheShape{"small", headDim, []int{65, 1}, smallGroup}, 6, 1)
}

const smallGroup = 2

// OfCache are the small cases of the kernels that every run needs and that touch a cache
// of type t.
func OfCache(t layout.CacheType, headDim int) []Case {
	c := smallCache(t, headDim)
	return []Case{
		one(fmt.Sprintf("cache_write %v", t), smallCacheWrite(c, smallGroup)),
		one(fmt.Sprintf("attention %v (1 token)", t), newAttention(c.With(2), queries("query", c, smallGroup, 1, 1).at(1))),
		{fmt.Sprintf("attention %v (5 tokens)", t), []Call{newAttention(c, queries("queries", c, smallGroup, 5, 1).at(1)),
			NewAttention(t, CacheShape{"a prompt", headDim, []int{3}, 1}, 200, 0)}},
	}
}

// OfCacheMethods are those of the kernels that only long caches and some methods need.
func OfCacheMethods(t layout.CacheType, headDim int) []Case {
	const group = smallGroup
	c := smallCache(t, headDim)
	name := func(kernel string) string { return kernel + " " + t.String() }
	q := queries("queries", c, group, 5, 1).at(1)
	lse := logSums(c, q)
	pivots := smallPivots(c)
	return []Case{
		one(name("attention")+" (1 token, parts)", NewDecodeParts(c.With(2), queries("query", c, group, 1, 1).at(1), 30)),
		one(name("attn_mass"), newAttnMass(c, q, lse, 2)),
		one(name("key_similarity"), newKeySimilarity(withTinyRows(c))),
		{name("pivot_distance"), []Call{newPivotDistance(c, pivots, false), newPivotDistance(c, pivots, true)}},
		one(name("attn_max"), newAttnMax(c, q, lse)),
		one(name("expected_logits"), newExpectedLogits(c, group)),
		one(name("kv_gather"), newKVGather(c, []layout.Move{{From: 3, To: 60}, {From: 79, To: 0}, {From: 0, To: 7}})),
		one(name("gaussian_merge"), smallGaussianMerge(c)),
		one(name("explicit_merge"), smallExplicitMerge(c)),
		one(name("key_rotate"), smallKeyRotate(withTinyRows(c))),
		one(name("gvote_vote"), smallGVoteVote(c, group)),
	}
}
