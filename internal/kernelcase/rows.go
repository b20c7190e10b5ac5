package kernelcase

import (
	"fmt"
	"math"
	"slices"

	"keyfold/layout"
	"keyfold/ref"
)

// CacheWrite is a call of cache_write, which turns queries and keys first, for the
// tokens whose positions are those from First on.
type CacheWrite struct {
	Cache     layout.Cache
	Q         Queries
	Table     []float32
	Positions []uint32
	First     int
	still     bool // the table turns nothing
}

func (c *CacheWrite) Twin() {
	q, positions := c.Q.OnCPU(), c.Positions[c.First:]
	ref.RoPE(c.Table, positions, q.Buf, q.Stride, q.Heads+len(c.Cache.Heads), c.Cache.HeadDim())
	ref.CacheWrite(q.Buf, c.Cache, positions, q.Heads)
}

// As for RoPE. Where nothing is turned, what is stored is the same bit for bit.
func (c *CacheWrite) Outputs() []Output {
	keys := nearRows("k", c.Cache.K, 1e-6, 1e-6)
	keys.Exact = c.still
	return []Output{near("qkv", c.Q.Buf, 1e-6, 1e-6), keys, exactRows("v", c.Cache.V), exactSlots(c.Cache.Slots)}
}

// newCacheWrite writes to an empty cache of the same shape. One key is beyond the
// largest half, however it is turned, and the last token's are tiny.
func newCacheWrite(c layout.Cache, group int, positions []uint32, row, first int, table []float32) *CacheWrite {
	q := queries("qkv", c, group, len(positions)-first, 1)
	q.Buf[q.Heads*c.HeadDim()] = 1e6
	last := q.Buf[len(q.Buf)-2*len(c.Heads)*c.HeadDim():]
	for i := range last {
		last[i] *= tiny(c.K.Type)[i/c.HeadDim()%2]
	}
	return &CacheWrite{Cache: emptyCache(c, 0), Q: q.at(row), Table: table, Positions: positions, First: first}
}

func smallCacheWrite(c layout.Cache, group int) *CacheWrite {
	return newCacheWrite(c.With(5), group, []uint32{7, 100, 101}, 1, 1, layout.RoPETable(0, 102, plainRotation(c.HeadDim())))
}

// CacheWriteCases are caches of type t, with a table of rotations, and with one that turns
// nothing.
func CacheWriteCases(t layout.CacheType) []Case {
	const n, nBefore = 3, 2
	var cases []Case
	for _, turns := range []bool{false, true} {
		cases = append(cases, perShape(t, shapesFor(t, CacheShape{"more than one workgroup", 96, slices.Repeat([]int{2}, 20), 1}),
			func(s CacheShape) Call {
				table := layout.RoPETable(0, 5, plainRotation(s.HeadDim))
				for i := range table {
					if !turns {
						table[i] = float32(1 - i%2)
					}
				}
				c := newCacheWrite(NewCache(t, s, nBefore+n, 3), s.Group, []uint32{0, 0, 4, 1, 2}, len(s.Lens), 2, table)
				c.still = !turns
				return c
			})...)
	}
	return cases
}

// KVGather is a call of kv_gather.
type KVGather struct {
	From, To layout.Cache
	Moves    []layout.Move
}

func newKVGather(c layout.Cache, moves []layout.Move) *KVGather {
	return &KVGather{From: c, To: emptyCache(c, 0), Moves: moves}
}

func (c *KVGather) Twin() { ref.KVGather(c.From, c.To, c.Moves) }

func (c *KVGather) Outputs() []Output {
	return []Output{exactRows("k", c.To.K), exactRows("v", c.To.V)}
}

// KVGatherCases move rows of random bits: among the halves and floats there are NaNs with
// payloads, infinities and subnormals.
func KVGatherCases(t layout.CacheType) []Case {
	var cases []Case
	for _, s := range []struct{ headDim, slots, slotsOut, moves int }{
		{4, 1, 1, 1}, {8, 40, 17, 13}, {64, 33, 50, 33}, {48, 20, 20, 0}, {32, 9, 12, 9}, {96, 20, 31, 20},
	} {
		if t.Check(s.headDim) != nil {
			continue
		}
		c := layout.Cache{K: layout.NewRows(t, s.headDim, s.slots), V: layout.NewRows(t, s.headDim, s.slots)}
		c.Slots, c.Heads = make([]layout.Slot, s.slots), []layout.Head{{Len: s.slots}}
		for i := range c.K.Words {
			c.K.Words[i], c.V.Words[i] = bits("k", i), bits("v", i)
		}
		var moves []layout.Move
		for i, to := range newRandom("to").perm(s.slotsOut)[:s.moves] {
			moves = append(moves, layout.Move{From: (7 * i) % s.slots, To: to})
		}
		call := &KVGather{From: c, To: emptyCache(c, s.slotsOut), Moves: moves}
		cases = append(cases, one(fmt.Sprintf("%v, %+v", t, s), call))
	}
	return cases
}

// GaussianMerge is a call of gaussian_merge.
type GaussianMerge struct {
	From, To       layout.Cache
	Rows           []layout.MergeRow
	Members        []uint32
	Table, Weights []float32
}

func (c *GaussianMerge) Twin() {
	ref.GaussianMerge(c.From, c.To, c.Rows, c.Members, c.Table, c.Weights)
}

// Weights are exp of up to -20 that carries an f32 rounding of the distance; the rows
// are blends of up to 9 numbers around 1 with such weights.
func (c *GaussianMerge) Outputs() []Output {
	return []Output{near("weights", c.Weights, 1e-7, 2e-5), nearRows("k", c.To.K, 1e-5, 1e-5), nearRows("v", c.To.V, 1e-5, 1e-5)}
}

func smallGaussianMerge(c layout.Cache) *GaussianMerge {
	sigma := float32(math.Sqrt(float64(c.HeadDim())))
	return &GaussianMerge{
		From: c, To: emptyCache(c, 0), Table: table(c), Weights: unwritten(10),
		Rows: []layout.MergeRow{
			{To: 9, Pivot: 4, First: 0, Count: 3, Sigma: sigma, ValueScale: 2},
			{To: 2, Pivot: 75, First: 3, Count: 2, Sigma: 1.5 * sigma, ValueScale: 1},
			{To: 5, Pivot: 21, First: 5, Count: 3, Sigma: sigma, ValueScale: 1, Aligned: true},
			{To: 30, Pivot: 40, First: 8, Count: 2, Sigma: sigma, ValueScale: 3, PerToken: true},
		},
		Members: []uint32{3, 4, 6, 74, 75, 20, 21, 23, 40, 41},
	}
}

// GaussianMergeCases are sets of 1 to 9 slots with gaps between them, in caches of type t.
// Each slot is in one set.
func GaussianMergeCases(t layout.CacheType) []Case {
	return perShape(t, shapesFor(t), func(s CacheShape) Call {
		c, r := NewCache(t, s, 7, 0), newRandom(s.Why+" sets")
		m := &GaussianMerge{From: c, Table: table(c)}
		norm := float32(math.Sqrt(float64(s.HeadDim)))
		for slot := 0; slot < len(c.Slots); slot += r.below(3) {
			row := layout.MergeRow{First: len(m.Members), Count: min(1+r.below(9), len(c.Slots)-slot)}
			row.Pivot = slot + r.below(row.Count)
			row.Sigma = norm * (0.3 + r.fraction())
			row.ValueScale = 1 + float32(r.below(3))
			row.Aligned, row.PerToken = r.below(3) == 0, r.below(3) == 0
			if len(m.Rows) == 1 {
				row.Sigma = 1e-6 // the pivot alone counts, and nothing is 0/0
			}
			for i := range row.Count {
				m.Members = append(m.Members, uint32(slot+i))
			}
			slot += row.Count
			m.Rows = append(m.Rows, row)
		}
		m.To, m.Weights = emptyCache(c, len(m.Rows)+5), unwritten(len(m.Members))
		for i, to := range r.perm(len(m.Rows) + 5)[:len(m.Rows)] {
			m.Rows[i].To = to
		}
		return m
	})
}

// ExplicitMerge is a call of explicit_merge.
type ExplicitMerge struct {
	From, To layout.Cache
	Rows     []layout.ExplicitRow
}

func (c *ExplicitMerge) Twin() { ref.ExplicitMerge(c.From, c.To, c.Rows) }

// f32 sums of up to 300 numbers of size 1/8.
func (c *ExplicitMerge) Outputs() []Output {
	return []Output{nearRows("k", c.To.K, 1e-5, 1e-5), nearRows("v", c.To.V, 1e-5, 1e-5)}
}

func smallExplicitMerge(c layout.Cache) *ExplicitMerge {
	return &ExplicitMerge{From: c, To: emptyCache(c, 0), Rows: []layout.ExplicitRow{
		{
			To: 11, Keys: []layout.Share{{Slot: 7, Weight: 1}},
			Values: []layout.Share{{Slot: 2, Weight: 0.25}, {Slot: 7, Weight: 1}, {Slot: 9, Weight: -0.5}},
		},
		{To: 70, Keys: []layout.Share{{Slot: 30, Weight: 0.4}, {Slot: 31, Weight: 0.6}}, Values: []layout.Share{{Slot: 31, Weight: 2}}},
	}}
}

// ExplicitMergeCases are rows of no, few and many shares, in caches of type t: three
// workgroups, the last with idle threads. A slot may occur more than once, and in
// several rows.
func ExplicitMergeCases(t layout.CacheType) []Case {
	const nRows, slotsOut = 75, 80
	return perShape(t, shapesFor(t), func(s CacheShape) Call {
		c, r := NewCache(t, s, 7, 0), newRandom(s.Why+" shares")
		list := func(n int) []layout.Share {
			var shares []layout.Share
			for range n {
				shares = append(shares, layout.Share{Slot: r.below(len(c.Slots)), Weight: r.fraction()/2 - 0.25})
			}
			return shares
		}
		m, lengths := &ExplicitMerge{From: c, To: emptyCache(c, slotsOut)}, []int{1, 0, 3, 300, 2}
		for i, to := range r.perm(slotsOut)[:nRows] {
			m.Rows = append(m.Rows, layout.ExplicitRow{To: to, Keys: list(lengths[i%5]), Values: list(lengths[i/5%5])})
		}
		return m
	})
}
