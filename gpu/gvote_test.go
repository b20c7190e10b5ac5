package gpu

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"keyfold/layout"
	"keyfold/ref"
)

func TestGVoteStats(t *testing.T) {
	d := openForTest(t)
	for _, tc := range []struct {
		dim    int
		chunks []int
		skip   int // rows of the whole that do not count
		mean   float32
		why    string
	}{
		{1, []int{1}, 0, 0, "one row has no variance"},
		{63, []int{20}, 4, 0, "one chunk, some rows skipped"},
		{64, []int{3, 40, 1}, 4, 0, "a chunk that is skipped as a whole, one of a single row"},
		{65, []int{64, 64}, 0, 300, "mean far above the deviation"},
	} {
		dim := tc.dim
		state, want := d.poisoned(t, 2*dim), make([]float32, 2*dim)
		var all []float32
		p := d.Begin()
		done, count := 0, 0
		for i, n := range tc.chunks {
			x := normals(fmt.Sprint("x", i), n*dim, 1)
			for j := range x {
				x[j] += tc.mean * float32(j%dim%3)
			}
			skip := max(0, tc.skip-done)
			p.GVoteStats(d.upload(t, x), state, n, dim, count, skip)
			all = append(all, x...)
			done += n
			count += max(0, n-skip)
		}
		r := p.Read(state, 0, 8*dim)
		if err := p.Submit(); err != nil {
			t.Fatal(err)
		}
		ref.GVoteStats(all, want, done, dim, 0, tc.skip)
		got := r.Floats()
		// Means: one rounding of a number as large as the mean per chunk, and of the deviations.
		checkClose(t, tc.why+": mean", got[:dim], want[:dim], tol{abs: 1e-6, rel: 5e-7})
		// Sums of up to 128 squares; an error e of the means adds about count*e^2 and 2*e*deviation.
		checkClose(t, tc.why+": M2", got[dim:], want[dim:], tol{abs: 1e-6, rel: 2e-5})
	}
}

func TestGVoteSample(t *testing.T) {
	d := openForTest(t)
	for _, tc := range []struct{ dim, samples, count int }{{1, 1, 1}, {63, 2, 100}, {64, 8, 7}, {288, 5, 200}} {
		state := normals("state", 2*tc.dim, 1)
		for c := range tc.dim {
			state[tc.dim+c] = float32(tc.count) * state[tc.dim+c] * state[tc.dim+c]
		}
		stateBuf := d.upload(t, state)
		var layers [][]float32
		for _, layer := range []uint32{0, 3} {
			want := make([]float32, tc.samples*tc.dim)
			ref.GVoteSample(state, want, tc.dim, tc.samples, tc.count, 7, layer)
			h := d.poisoned(t, len(want))
			got := d.run(t, h, len(want), func(p *Pass) {
				p.GVoteSample(stateBuf, h, tc.dim, tc.samples, tc.count, 7, layer)
			}).Floats()
			// Polynomials and two roots in f32, all within a few roundings of numbers up to 6 deviations.
			checkClose(t, fmt.Sprint(tc, " layer ", layer), got, want, tol{abs: 1e-5})
			layers = append(layers, got)
		}
		if tc.dim > 1 && slices.Equal(layers[0], layers[1]) {
			t.Errorf("%v: two layers drew the same", tc)
		}
	}
}

// closeCall reports whether the choice of the first m slots of order hangs on a
// rounding error: the score of slot m-1 and that of slot m are nearly but not
// exactly equal (exact ties are exact on both sides), or, if by mass, the mass
// of m-1 or of m slots is nearly pNuc.
func closeCall(scores []float64, order []int, m int, pNuc float32) bool {
	if m < len(order) {
		gap := scores[order[m-1]] - scores[order[m]]
		if gap != 0 && gap < 1e-5*math.Max(1, math.Abs(scores[order[m]])) {
			return true
		}
	}
	if pNuc <= 0 || pNuc >= 1 {
		return false
	}
	lse, mass := layout.LogSumExp(scores), 0.0
	for _, j := range order[:m-1] {
		mass += math.Exp(scores[j] - lse)
	}
	with := mass + math.Exp(scores[order[m-1]]-lse)
	return math.Abs(mass-float64(pNuc)) < 1e-5 || math.Abs(with-float64(pNuc)) < 1e-5
}

// ballot is one call of GVoteVote on both sides.
type ballot struct {
	c                *testCache
	nHeads, samples  int
	qStride, stride  int
	nAfter           int
	scale            float32
	qLast, qSamples  []float32
	scoreRows        int // rows of scratch; fewer than samples*nHeads makes several dispatches
	wantVotes, wantB []uint32
	gotVotes, gotB   []uint32
}

func (b *ballot) run(t *testing.T, d *Device, pNuc float32, includeC0 bool) {
	t.Helper()
	nVotes := len(b.c.Heads) * b.stride
	b.wantVotes, b.wantB = make([]uint32, nVotes), make([]uint32, b.nHeads)
	ref.GVoteVote(b.c.Cache.With(b.nAfter), layout.Queries{Buf: b.qLast, N: 1, Stride: 0, Heads: b.nHeads, Scale: b.scale}, layout.Queries{Buf: b.qSamples, N: b.samples, Stride: b.qStride, Heads: b.nHeads, Scale: b.scale}, b.wantVotes, b.wantB, layout.Ballot{PNuc: pNuc, IncludeC0: includeC0, Stride: b.stride})
	votes, bStep := d.poisoned(t, nVotes), d.poisoned(t, b.nHeads)
	b.gotVotes = d.run(t, votes, nVotes, func(p *Pass) {
		p.GVoteVote(b.c.GPU.With(b.nAfter), Queries{Buf: d.upload(t, b.qLast), N: 1, Stride: 0, Heads: b.nHeads, Scale: b.scale}, Queries{Buf: d.upload(t, b.qSamples), N: b.samples, Stride: b.qStride, Heads: b.nHeads, Scale: b.scale}, d.poisoned(t, b.scoreRows*b.stride), votes, bStep, layout.Ballot{PNuc: pNuc, IncludeC0: includeC0, Stride: b.stride})
	}).Words()
	b.gotB = d.run(t, bStep, b.nHeads, func(*Pass) {}).Words()
}

// closeCalls counts the voters whose choice is a close call, and names their KV
// heads: there the votes may differ.
func (b *ballot) closeCalls(pNuc float32) (heads map[int]bool, calls int) {
	heads = map[int]bool{}
	headDim, group := b.c.K.HeadDim, b.nHeads/len(b.c.Heads)
	for a := range b.nHeads {
		h := a / group
		head := b.c.Heads[h]
		check := func(q []float32, pNuc float32) {
			scores := b.c.Scores(h, head.Len+b.nAfter, q, b.scale)
			if closeCall(scores, layout.Descending(scores), int(b.wantB[a]), pNuc) {
				heads[h] = true
				calls++
			}
		}
		check(b.qLast[a*headDim:(a+1)*headDim], pNuc)
		for s := range b.samples {
			check(b.qSamples[s*b.qStride+a*headDim:s*b.qStride+(a+1)*headDim], 0)
		}
	}
	return heads, calls
}

func (b *ballot) check(t *testing.T, what string, skip map[int]bool) {
	t.Helper()
	group := b.nHeads / len(b.c.Heads)
	for h := range b.c.Heads {
		if skip[h] {
			continue
		}
		if got, want := b.gotB[h*group:(h+1)*group], b.wantB[h*group:(h+1)*group]; !slices.Equal(got, want) {
			t.Errorf("%s: KV head %d: budgets %v, want %v", what, h, got, want)
		}
		got, want := b.gotVotes[h*b.stride:(h+1)*b.stride], b.wantVotes[h*b.stride:(h+1)*b.stride]
		if !slices.Equal(got, want) {
			t.Errorf("%s: KV head %d: votes %v, want %v", what, h, got, want)
		}
	}
}

func TestGVoteVote(t *testing.T) {
	bothTypes(t, func(t *testing.T, d *Device) {
		const nAfter, samples = 2, 5
		calls, voters := 0, 0
		perHead(t, d, nAfter, func(t *testing.T, c *testCache, group, stride int) {
			headDim := c.K.HeadDim
			nHeads := len(c.Heads) * group
			b := &ballot{
				c: c, nHeads: nHeads, samples: samples, qStride: nHeads*headDim + 4, stride: stride, nAfter: nAfter,
				scale:    float32(1 / math.Sqrt(float64(headDim))),
				qLast:    normals("q last", nHeads*headDim, 2),
				qSamples: normals("q samples", samples*(nHeads*headDim+4), 2),
			}
			for i := range headDim { // so sharp that most weights are 0 in f32, and yet p_nuc = 1 means every slot
				b.qLast[i] *= 100
			}
			for i, pNuc := range []float32{0.01, 0.5, 0.95, 1} {
				includeC0 := i%2 == 0
				b.scoreRows = nHeads * (1 + 2*i) // several dispatches, one sample each at first, all at once at last
				b.run(t, d, pNuc, includeC0)
				skip, n := b.closeCalls(pNuc)
				b.check(t, fmt.Sprintf("p_nuc=%g", pNuc), skip)
				calls += n
				voters += nHeads * (1 + samples)
			}
		})
		t.Logf("%d of %d voters are close calls", calls, voters)
		if calls > voters/100 {
			t.Errorf("%d of %d voters are close calls, want at most 1 in 100", calls, voters)
		}
	})
}

// Equal keys give equal scores, and the lower slots win.
func TestGVoteVoteTies(t *testing.T) {
	bothTypes(t, testVoteTies)
}

func testVoteTies(t *testing.T, d *Device) {
	for _, ct := range layout.CacheTypes {
		const n, samples, nHeads = 150, 3, 2
		headDim := 8
		if ct.Quantised() {
			headDim = 32
		}
		c := newTestCache(t, d, "ties", ct, headDim, []int{n}, 0)
		// Five different keys, thirty slots each, in a random order.
		keys := normals("keys", 5*headDim, 1)
		for i, slot := range rng("order").Perm(n) {
			c.K.Put(slot, keys[i%5*headDim:(i%5+1)*headDim])
			c.Slots[slot].Bias = 0
		}
		c.GPU.K, c.GPU.Slots = d.uploadWords(t, c.K.Words), d.uploadWords(t, SlotWords(c.Slots))
		b := &ballot{
			c: c, nHeads: nHeads, samples: samples, qStride: nHeads * headDim, stride: n, scale: 0.5,
			qLast: normals("last", nHeads*headDim, 1), qSamples: normals("samples", samples*nHeads*headDim, 1),
			scoreRows: nHeads * samples,
		}
		for _, pNuc := range []float32{0.3, 0.5, 0.95} {
			b.run(t, d, pNuc, true)
			skip, calls := b.closeCalls(pNuc)
			b.check(t, fmt.Sprintf("%v, p_nuc=%g", ct, pNuc), skip)
			if calls > 0 {
				t.Errorf("%v, p_nuc=%g: %d close calls; choose other numbers", ct, pNuc, calls)
			}
		}
		// All equal: half of the mass is half of the slots, the lower half.
		for slot := range n {
			c.K.Put(slot, keys[:headDim])
		}
		c.GPU.K = d.uploadWords(t, c.K.Words)
		b.run(t, d, 0.5, true)
		b.check(t, fmt.Sprintf("%v, all equal", ct), nil)
		if b.gotB[0] != n/2 || b.gotVotes[n/2-1] != nHeads*(1+samples) || b.gotVotes[n/2] != 0 {
			t.Errorf("%v, all equal: budget %d, votes around the middle %v; want %d, %d and 0", ct,
				b.gotB[0], b.gotVotes[n/2-1:n/2+1], n/2, nHeads*(1+samples))
		}
	}
}

// Sums over thousands of slots still find the boundary of the nucleus.
func TestGVoteVoteLongCache(t *testing.T) {
	bothTypes(t, func(t *testing.T, d *Device) {
		const headDim, n, samples, nHeads = 8, 3000, 4, 2
		c := newTestCache(t, d, "long", layout.CacheF32, headDim, []int{n}, 0)
		b := &ballot{
			c: c, nHeads: nHeads, samples: samples, qStride: nHeads * headDim, stride: n, scale: 0.3,
			qLast: normals("last", nHeads*headDim, 1), qSamples: normals("samples", samples*nHeads*headDim, 1),
			scoreRows: nHeads * samples,
		}
		for _, pNuc := range []float32{0.5, 0.95} {
			b.run(t, d, pNuc, true)
			for a := range nHeads {
				if got, want := int(b.gotB[a]), int(b.wantB[a]); got < want-1 || got > want+1 {
					t.Errorf("p_nuc=%g: head %d has budget %d, want %d give or take one", pNuc, a, got, want)
				}
			}
			// Neighbouring scores are 1e-3 apart, so now and then a voter picks one slot for another or, where
			// the budget is one off, one more.
			differing := 0
			for j := range n {
				if b.gotVotes[j] != b.wantVotes[j] {
					differing++
				}
			}
			if limit := 2 * nHeads * (1 + samples); differing > limit {
				t.Errorf("p_nuc=%g: votes differ at %d of %d slots, want at most %d", pNuc, differing, n, limit)
			}
			t.Logf("p_nuc=%g: budgets %v, votes differ at %d slots", pNuc, b.gotB, differing)
		}
	})
}

// BenchmarkGVoteVote is one layer's ballot over 1,024 slots: the shapes of
// stories260K and of a model of width 288.
func BenchmarkGVoteVote(b *testing.B) {
	const n, samples = 1024, 8
	d := openForTest(b)
	for _, tc := range []struct{ headDim, kvHeads, nHeads int }{{8, 4, 8}, {48, 6, 6}} {
		b.Run(fmt.Sprintf("head_dim=%d,heads=%d", tc.headDim, tc.nHeads), func(b *testing.B) {
			c := newTestCache(b, d, "ballot", layout.CacheF16, tc.headDim, slices.Repeat([]int{n}, tc.kvHeads), 0)
			row := tc.nHeads * tc.headDim
			last, sampled := d.upload(b, normals("last", row, 1)), d.upload(b, normals("samples", samples*row, 1))
			scratch, votes, bStep := d.poisoned(b, samples*tc.nHeads*n), d.poisoned(b, tc.kvHeads*n), d.poisoned(b, tc.nHeads)
			for b.Loop() {
				p := d.Begin()
				p.GVoteVote(c.GPU.With(0), Queries{Buf: last, N: 1, Stride: 0, Heads: tc.nHeads, Scale: 0.3}, Queries{Buf: sampled, N: samples, Stride: row, Heads: tc.nHeads, Scale: 0.3}, scratch, votes, bStep, layout.Ballot{PNuc: 0.95, IncludeC0: true, Stride: n})
				p.Read(bStep, 0, 4) // waits for the device
				if err := p.Submit(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
