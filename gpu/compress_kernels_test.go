package gpu

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"keyfold/layout"
	"keyfold/ref"
)

// appendedCache is newTestCache with nAfter tokens appended since Heads was
// written: each head holds lens[h] + nAfter slots and Heads says lens[h].
func appendedCache(t testing.TB, d *Device, name string, ct layout.CacheType, headDim int, lens []int, nAfter int) *testCache {
	t.Helper()
	filled := slices.Clone(lens)
	for h := range filled {
		filled[h] += nAfter
	}
	c := newTestCache(t, d, name, ct, headDim, filled, 0)
	for h := range c.Heads {
		c.Heads[h].Len = lens[h]
	}
	c.GPU.Heads = d.uploadWords(t, headWords(c.Heads))
	return c
}

// setKey writes the key of a slot on both sides.
func (c *testCache) setKey(t testing.TB, slot int, key []float32) {
	t.Helper()
	c.K.Put(slot, key)
	if err := c.GPU.K.UploadWords(0, c.K.Words); err != nil {
		t.Fatal(err)
	}
}

// perHead calls test for every cache type and cache case, with nAfter tokens
// appended and output arrays that are longer than the longest head.
func perHead(t *testing.T, d *Device, nAfter int, test func(t *testing.T, c *testCache, group, stride int)) {
	for _, ct := range layout.CacheTypes {
		for _, tc := range casesFor(ct) {
			t.Run(fmt.Sprintf("%v, %s", ct, tc.name), func(t *testing.T) {
				c := appendedCache(t, d, tc.name, ct, tc.headDim, tc.lens, nAfter)
				test(t, c, tc.group, slices.Max(tc.lens)+nAfter+3)
			})
		}
	}
}

// turnsFor returns rotations up to the largest position of a cache.
func turnsFor(c *testCache) []float32 {
	last := uint32(0)
	for _, slot := range c.Slots {
		last = max(last, slot.Pos)
	}
	return layout.RoPETable(0, int(last)+1, c.K.HeadDim, 10000)
}

// poison is what the tests put where a kernel may not write.
const poison = -77

func poisonedSlice(n int) []float32 { return slices.Repeat([]float32{poison}, n) }

func TestKeySimilarity(t *testing.T) {
	const nAfter = 2
	d := openForTest(t)
	perHead(t, d, nAfter, func(t *testing.T, c *testCache, _, stride int) {
		last := c.Heads[len(c.Heads)-1]
		if slots := last.Len + nAfter; slots > 5 { // no direction, the same direction, the opposite one
			row := make([]float32, c.K.HeadDim)
			c.setKey(t, last.Offset+1, row)
			c.K.Get(row, last.Offset+3)
			c.setKey(t, last.Offset+4, row)
			for i := range row {
				row[i] *= -2
			}
			c.setKey(t, last.Offset+5, row)
		}
		want := poisonedSlice(len(c.Heads) * stride)
		out := d.upload(t, want)
		ref.KeySimilarity(c.Cache.With(nAfter), want, stride)
		got := d.run(t, out, len(want), func(p *Pass) { p.KeySimilarity(c.GPU.With(nAfter), out, stride) }).Floats()
		// Three f32 sums of head_dim products, whose errors are relative to the norms.
		checkClose(t, "cosine", got, want, tol{abs: 2e-6})
	})
}

func TestPivotDistance(t *testing.T) {
	const nAfter = 2
	d := openForTest(t)
	perHead(t, d, nAfter, func(t *testing.T, c *testCache, _, stride int) {
		r := rng("pivots")
		pivots := make([]uint32, len(c.Heads)*stride)
		for h, head := range c.Heads {
			for i := range stride {
				pivots[h*stride+i] = uint32(r.IntN(head.Len + nAfter))
				if i%3 == 2 {
					pivots[h*stride+i] = layout.NoPivot
				}
			}
		}
		table := turnsFor(c)
		for _, aligned := range []bool{false, true} {
			want := poisonedSlice(len(pivots))
			out := d.upload(t, want)
			ref.PivotDistance(c.Cache.With(nAfter), pivots, want, table, stride, aligned)
			got := d.run(t, out, len(want), func(p *Pass) {
				p.PivotDistance(c.GPU.With(nAfter), d.uploadWords(t, pivots), d.upload(t, table), out, stride, aligned)
			}).Floats()
			// One f32 sum of head_dim squares; a slot's distance from itself is exactly 0.
			checkClose(t, fmt.Sprintf("distance, aligned=%v", aligned), got, want, tol{rel: 5e-6})
		}
	})
}

func TestAttnMass(t *testing.T) {
	const n, nBefore = 6, 2
	d := openForTest(t)
	perHead(t, d, nBefore+n, func(t *testing.T, c *testCache, group, stride int) {
		kvHeads, headDim := len(c.Heads), c.K.HeadDim
		nHeads := kvHeads * group
		qStride := (nHeads + 2*kvHeads) * headDim
		q := normals("q", n*qStride, 1)
		for i := range headDim {
			q[i] *= 6 // sharp attention among flat ones
		}
		scale := float32(1 / math.Sqrt(float64(headDim)))
		lse := make([]float32, n*nHeads)
		ref.Attention(c.Cache.With(nBefore+n), layout.Queries{Buf: q, N: n, Stride: qStride, Heads: nHeads, Scale: scale}, make([]float32, n*nHeads*headDim), lse)
		qBuf, lseBuf := d.upload(t, q), d.upload(t, lse)
		before := normals("mass", kvHeads*stride, 1)
		for _, tFirst := range []int{0, 4, n} {
			want := slices.Clone(before)
			ref.AttnMass(c.Cache.With(nBefore+n), layout.Queries{Buf: q, N: n, Stride: qStride, Heads: nHeads, Scale: scale}, lse, want, tFirst, stride)
			mass := d.upload(t, before)
			got := d.run(t, mass, len(want), func(p *Pass) {
				p.AttnMass(c.GPU.With(nBefore+n), Queries{Buf: qBuf, N: n, Stride: qStride, Heads: nHeads, Scale: scale}, lseBuf, mass, tFirst, stride)
			}).Floats()
			// n exponentials of scores of size up to 20 that carry an f32 rounding each, on top of numbers around 1.
			checkClose(t, fmt.Sprintf("t_first=%d", tFirst), got, want, tol{abs: 1e-5, rel: 1e-5})

			// What the twin added is each query's attention, which sums to 1.
			for h := range kvHeads {
				sum := 0.0
				for j := range stride {
					sum += float64(want[h*stride+j]) - float64(before[h*stride+j])
				}
				if !(math.Abs(sum-float64(n-tFirst)) <= 1e-4) {
					t.Errorf("t_first=%d: head %d received %g, want one unit per token = %d", tFirst, h, sum, n-tFirst)
				}
			}
		}
	})
}

// Chunk after chunk adds up to what one chunk gives.
func TestAttnMassAccumulatesChunks(t *testing.T) {
	d := openForTest(t)
	const n, headDim, nHeads, stride = 20, 16, 4, 30
	c := appendedCache(t, d, "chunks", layout.CacheF32, headDim, []int{3, 8}, n)
	q := normals("q", n*nHeads*headDim, 1)
	want, lse := make([]float32, 2*stride), make([]float32, n*nHeads)
	ref.Attention(c.Cache.With(n), layout.Queries{Buf: q, N: n, Stride: nHeads * headDim, Heads: nHeads, Scale: 0.25}, make([]float32, len(q)), lse)
	ref.AttnMass(c.Cache.With(n), layout.Queries{Buf: q, N: n, Stride: nHeads * headDim, Heads: nHeads, Scale: 0.25}, lse, want, 5, stride)
	mass := d.upload(t, make([]float32, len(want)))
	got := d.run(t, mass, len(want), func(p *Pass) {
		for done := 0; done < n; done += 8 {
			chunk := min(8, n-done)
			p.AttnMass(c.GPU.With(done+chunk), Queries{Buf: d.upload(t, q[done*nHeads*headDim:]), N: chunk, Stride: nHeads * headDim, Heads: nHeads, Scale: 0.25}, d.upload(t, lse[done*nHeads:]), mass, max(0, 5-done), stride)
		}
	}).Floats()
	checkClose(t, "mass", got, want, tol{abs: 1e-6, rel: 1e-5}) // as TestAttnMass, with scores around 1
}

// randomRows fills rows with random bits: among the halves and floats there are
// NaNs with payloads, infinities and subnormals.
func randomRows(name string, rows layout.Rows) {
	r := rng(name)
	for i := range rows.Words {
		rows.Words[i] = r.Uint32()
	}
}

func TestKVGather(t *testing.T) {
	d := openForTest(t)
	for _, ct := range layout.CacheTypes {
		for _, tc := range []struct {
			headDim, slots, slotsOut, moves int
			groups                          int // limit on workgroups, 0: the device's
		}{
			{4, 1, 1, 1, 0},
			{8, 40, 17, 13, 0},
			{64, 33, 50, 33, 0},
			{64, 33, 50, 33, 3}, // each thread owns several words
			{48, 20, 20, 0, 0},
			{32, 9, 12, 9, 0},
			{96, 20, 31, 20, 3},
		} {
			if ct.Check(tc.headDim) != nil {
				continue
			}
			k, v := layout.NewRows(ct, tc.headDim, tc.slots), layout.NewRows(ct, tc.headDim, tc.slots)
			kOut, vOut := layout.NewRows(ct, tc.headDim, tc.slotsOut), layout.NewRows(ct, tc.headDim, tc.slotsOut)
			for i, rows := range []layout.Rows{k, v, kOut, vOut} {
				randomRows(fmt.Sprint("rows", i), rows)
			}
			from := &Cache{Type: ct, HeadDim: tc.headDim, K: d.uploadWords(t, k.Words), V: d.uploadWords(t, v.Words)}
			to := &Cache{Type: ct, HeadDim: tc.headDim, K: d.uploadWords(t, kOut.Words), V: d.uploadWords(t, vOut.Words)}
			var moves []layout.Move
			for i, slot := range rng("to").Perm(tc.slotsOut)[:tc.moves] {
				moves = append(moves, layout.Move{From: (7 * i) % tc.slots, To: slot})
			}
			limit := d.Limits.Groups
			if tc.groups > 0 {
				d.Limits.Groups = tc.groups
			}
			gotK := d.run(t, to.K, len(kOut.Words), func(p *Pass) {
				p.KVGather(from, to, d.uploadWords(t, MoveWords(moves)), len(moves))
			}).Words()
			gotV := d.run(t, to.V, len(vOut.Words), func(*Pass) {}).Words()
			d.Limits.Groups = limit
			ref.KVGather(layout.Cache{K: k, V: v}, layout.Cache{K: kOut, V: vOut}, moves)
			if !slices.Equal(gotK, kOut.Words) || !slices.Equal(gotV, vOut.Words) {
				t.Errorf("%v %+v: keys or values differ from the twin's", ct, tc)
			}
		}
	}
}

func TestZero(t *testing.T) {
	d := openForTest(t)
	for _, n := range []int{1, 63, 64, 1000} {
		for _, groups := range []int{d.Limits.Groups, 2} {
			limit := d.Limits.Groups
			d.Limits.Groups = groups
			want := layout.FloatWords(poisonedSlice(n + 5))
			x := d.uploadWords(t, want)
			got := d.run(t, x, n+5, func(p *Pass) { p.Zero(x, n) }).Words()
			d.Limits.Groups = limit
			ref.Zero(want[:n])
			if !slices.Equal(got, want) {
				t.Errorf("n=%d, at most %d workgroups: got %v", n, groups, got)
			}
		}
	}
}

func TestGaussianMerge(t *testing.T) {
	d := openForTest(t)
	for _, ct := range layout.CacheTypes {
		for _, tc := range casesFor(ct) {
			c := newTestCache(t, d, tc.name, ct, tc.headDim, tc.lens, 7)
			for slot := range c.Slots { // slots behind a head's length take part too
				if c.Slots[slot].N == 0 {
					c.Slots[slot].N = 2
				}
			}
			c.GPU.Slots = d.uploadWords(t, SlotWords(c.Slots))

			// Sets of 1 to 9 slots with gaps between them; each slot in one set.
			r := rng(tc.name + " sets")
			var rows []layout.MergeRow
			var members []uint32
			norm := float32(math.Sqrt(float64(tc.headDim)))
			for slot := 0; slot < len(c.Slots); slot += r.IntN(3) {
				row := layout.MergeRow{First: len(members), Count: min(1+r.IntN(9), len(c.Slots)-slot)}
				row.Pivot = slot + r.IntN(row.Count)
				row.Sigma = norm * (0.3 + r.Float32())
				row.ValueScale = 1 + float32(r.IntN(3))
				row.Aligned, row.PerToken = r.IntN(3) == 0, r.IntN(3) == 0
				if len(rows) == 1 {
					row.Sigma = 1e-6 // the pivot alone counts, and nothing is 0/0
				}
				for i := range row.Count {
					members = append(members, uint32(slot+i))
				}
				slot += row.Count
				rows = append(rows, row)
			}
			slotsOut := len(rows) + 5
			for i, to := range r.Perm(slotsOut)[:len(rows)] {
				rows[i].To = to
			}
			out := newMergedRows(t, d, ct, tc.headDim, slotsOut)
			table := turnsFor(c)
			weights, want := d.poisoned(t, len(members)), make([]float32, len(members))
			gotW := d.run(t, weights, len(members), func(p *Pass) {
				p.GaussianMerge(c.GPU, out.gpu, d.uploadWords(t, MergeWords(rows, members)), d.upload(t, table), weights,
					len(rows), len(members))
			}).Floats()
			ref.GaussianMerge(c.Cache, layout.Cache{K: out.k, V: out.v}, rows, members, table, want)

			what := fmt.Sprintf("%v, %s", ct, tc.name)
			// exp of up to -20 that carries an f32 rounding of the distance.
			checkClose(t, what+": weights", gotW, want, tol{abs: 1e-7, rel: 2e-5})
			out.check(t, d, what, 1e-5) // blends of up to 9 numbers around 1 with such weights
		}
	}
}

func TestExplicitMerge(t *testing.T) {
	const nRows, slotsOut = 75, 80 // three workgroups, the last with idle invocations
	d := openForTest(t)
	for _, ct := range layout.CacheTypes {
		for _, tc := range casesFor(ct) {
			c := newTestCache(t, d, tc.name, ct, tc.headDim, tc.lens, 7)
			r := rng(tc.name + " shares")
			list := func(n int) []layout.Share { // a slot may occur more than once, and in several rows
				var shares []layout.Share
				for range n {
					shares = append(shares, layout.Share{Slot: r.IntN(len(c.Slots)), Weight: r.Float32()/2 - 0.25})
				}
				return shares
			}
			var rows []layout.ExplicitRow
			lengths := []int{1, 0, 3, 300, 2}
			for i, to := range r.Perm(slotsOut)[:nRows] {
				rows = append(rows, layout.ExplicitRow{To: to, Keys: list(lengths[i%5]), Values: list(lengths[i/5%5])})
			}
			out := newMergedRows(t, d, ct, tc.headDim, slotsOut)
			rowWords, shareWords := ExplicitWords(rows)
			p := d.Begin()
			p.ExplicitMerge(c.GPU, out.gpu, d.uploadWords(t, rowWords), d.uploadWords(t, shareWords), nRows, len(shareWords)/2)
			if err := p.Submit(); err != nil {
				t.Fatal(err)
			}
			ref.ExplicitMerge(c.Cache, layout.Cache{K: out.k, V: out.v}, rows)
			out.check(t, d, fmt.Sprintf("%v, %s", ct, tc.name), 1e-5) // f32 sums of up to 300 numbers of size 1/8
		}
	}
}

// mergedRows are the rows that a merging kernel makes, on both sides. What it
// does not write stays as it was.
type mergedRows struct {
	k, v layout.Rows
	gpu  *Cache
}

func newMergedRows(t testing.TB, d *Device, ct layout.CacheType, headDim, slots int) *mergedRows {
	t.Helper()
	m := &mergedRows{k: layout.NewRows(ct, headDim, slots), v: layout.NewRows(ct, headDim, slots)}
	for _, words := range [][]uint32{m.k.Words, m.v.Words} {
		for i := range words {
			words[i] = 0xc2a0c2a0 // some number in either type
		}
	}
	m.gpu = &Cache{Type: ct, HeadDim: headDim, K: d.uploadWords(t, m.k.Words), V: d.uploadWords(t, m.v.Words)}
	return m
}

// check compares all rows. abs is the rounding of the sums in f32; beyond it a
// half rounds to 2^-11, and where the two sides fall on different sides of a tie
// they are a whole step of 2^-10 apart: elements, or scales.
func (m *mergedRows) check(t testing.TB, d *Device, what string, abs float64) {
	t.Helper()
	ct, headDim := m.k.Type, m.k.HeadDim
	limit := tol{abs: abs, rel: 1e-5}
	if ct != layout.CacheF32 {
		limit.rel = 1.1e-3
	}
	got, want := make([]float32, headDim), make([]float32, headDim)
	stepsOff, written := 0, 0
	for _, side := range []struct {
		name string
		got  *Buffer
		want layout.Rows
	}{{"keys", m.gpu.K, m.k}, {"values", m.gpu.V, m.v}} {
		words := d.run(t, side.got, len(side.want.Words), func(*Pass) {}).Words()
		rows := layout.Rows{Type: ct, HeadDim: headDim, Words: words}
		for slot := range len(words) / ct.RowWords(headDim) {
			rows.Get(got, slot)
			side.want.Get(want, slot)
			if ct.Quantised() {
				stepsOff += forgiveSteps(ct, got, want, limit)
				written += headDim
			}
			checkClose(t, fmt.Sprintf("%s: %s of slot %d", what, side.name, slot), got, want, limit)
		}
	}
	if stepsOff > 1+written/500 {
		t.Errorf("%s: %d of %d numbers are a step off, want at most one in 500", what, stepsOff, written)
	}
}

// forgiveSteps puts want for got where a quantised number is one step of its
// block off, and returns how often: before they are rounded to steps of up to
// 1/8 the two sides differ by 1e-5, so that fewer than one in a thousand falls
// on the other side of a tie.
func forgiveSteps(ct layout.CacheType, got, want []float32, limit tol) int {
	steps := map[layout.CacheType]float64{layout.CacheQ8_0: 127, layout.CacheQ4_0: 8}[ct]
	off := 0
	for b := 0; b < len(want); b += layout.Block {
		top := 0.0
		for _, x := range want[b : b+layout.Block] {
			top = max(top, math.Abs(float64(x)))
		}
		for i := b; i < b+layout.Block; i++ {
			d := math.Abs(float64(got[i]) - float64(want[i]))
			if d > limit.abs+limit.rel*math.Abs(float64(want[i])) && d < 1.01*top/steps {
				got[i] = want[i]
				off++
			}
		}
	}
	return off
}

func TestKeyRotate(t *testing.T) {
	d := openForTest(t)
	for _, ct := range layout.CacheTypes {
		for _, tc := range casesFor(ct) {
			for _, groups := range []int{d.Limits.Groups, 2} { // with 2, a thread owns several spans
				c := newTestCache(t, d, tc.name, ct, tc.headDim, tc.lens, 7)
				r, table := rng(tc.name+" turns"), layout.RoPETable(0, 3001, tc.headDim, 10000)
				by, words := make([]int32, len(c.Slots)), make([]uint32, len(c.Slots))
				for slot := range by {
					by[slot] = []int32{0, 1, -1, int32(r.IntN(6001)) - 3000}[r.IntN(4)]
					words[slot] = uint32(by[slot])
				}
				kOut, vOut := layout.NewRows(ct, tc.headDim, len(by)), layout.NewRows(ct, tc.headDim, len(by))
				for _, words := range [][]uint32{kOut.Words, vOut.Words} {
					for i := range words {
						words[i] = 0xc2a0c2a0 // some number in either type
					}
				}
				to := &Cache{Type: ct, HeadDim: tc.headDim, K: d.uploadWords(t, kOut.Words), V: d.uploadWords(t, vOut.Words)}
				limit := d.Limits.Groups
				d.Limits.Groups = groups
				gotK := layout.Rows{Type: ct, HeadDim: tc.headDim, Words: d.run(t, to.K, len(kOut.Words), func(p *Pass) {
					p.KeyRotate(c.GPU, to, d.uploadWords(t, words), d.upload(t, table), len(by))
				}).Words()}
				gotV := d.run(t, to.V, len(vOut.Words), func(*Pass) {}).Words()
				d.Limits.Groups = limit
				ref.KeyRotate(c.Cache, layout.Cache{K: kOut}, by, table)

				what := fmt.Sprintf("%v, %s, at most %d workgroups", ct, tc.name, groups)
				if !slices.Equal(gotV, vOut.Words) {
					t.Errorf("%s: values were written", what)
				}
				// Two products of numbers around 1; halves and steps as in TestGaussianMerge.
				tl := tol{abs: 1e-6, rel: 1e-6}
				if ct != layout.CacheF32 {
					tl.rel = 1.1e-3
				}
				got, want := make([]float32, tc.headDim), make([]float32, tc.headDim)
				stepsOff, written := 0, 0
				for slot := range by {
					gotK.Get(got, slot)
					kOut.Get(want, slot)
					if by[slot] == 0 {
						checkClose(t, fmt.Sprintf("%s: slot %d, which is not turned", what, slot), got, want, tol{})
						continue
					}
					if ct.Quantised() {
						stepsOff += forgiveSteps(ct, got, want, tl)
						written += tc.headDim
					}
					checkClose(t, fmt.Sprintf("%s: slot %d by %d", what, slot, by[slot]), got, want, tl)
				}
				if stepsOff > 1+written/500 {
					t.Errorf("%s: %d of %d numbers are a step off, want at most one in 500", what, stepsOff, written)
				}
			}
		}
	}
}

// Chunks whose loops would take more turns than llvmpipe lets a thread have: see
// softwareTurns.
func TestAttnMassAndMaxOfLongLoops(t *testing.T) {
	const n, headDim, nHeads, slots = 256, 128, 8, 300
	d := openForTest(t)
	d.Software = true
	c := appendedCache(t, d, "long loops", layout.CacheF16, headDim, []int{slots - n}, n)
	q, scale := normals("q", n*nHeads*headDim, 1), float32(1/math.Sqrt(headDim))
	lse := make([]float32, n*nHeads)
	ref.Attention(c.Cache.With(n), layout.Queries{Buf: q, N: n, Stride: nHeads * headDim, Heads: nHeads, Scale: scale}, make([]float32, len(q)), lse)
	wantMass, wantMost := make([]float32, slots), make([]float32, slots)
	ref.AttnMass(c.Cache.With(n), layout.Queries{Buf: q, N: n, Stride: nHeads * headDim, Heads: nHeads, Scale: scale}, lse, wantMass, 0, slots)
	ref.AttnMax(c.Cache.With(n), layout.Queries{Buf: q, N: n, Stride: nHeads * headDim, Heads: nHeads, Scale: scale}, lse, wantMost, slots)
	qBuf, lseBuf := d.upload(t, q), d.upload(t, lse)
	mass, most := d.upload(t, make([]float32, slots)), d.upload(t, make([]float32, slots))
	gotMass := d.run(t, mass, slots, func(p *Pass) {
		p.AttnMass(c.GPU.With(n), Queries{Buf: qBuf, N: n, Stride: nHeads * headDim, Heads: nHeads, Scale: scale}, lseBuf, mass, 0, slots)
	}).Floats()
	gotMost := d.run(t, most, slots, func(p *Pass) {
		p.AttnMax(c.GPU.With(n), Queries{Buf: qBuf, N: n, Stride: nHeads * headDim, Heads: nHeads, Scale: scale}, lseBuf, most, slots)
	}).Floats()
	checkClose(t, "mass", gotMass, wantMass, tol{abs: 1e-6, rel: 1e-5}) // as TestAttnMass
	checkClose(t, "most", gotMost, wantMost, tol{abs: 1e-6, rel: 1e-5})
}
