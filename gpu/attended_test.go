package gpu

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"keyfold/layout"
	"keyfold/ref"
)

// lengthCases calls test for every cache type and width of heads, with heads of
// 1, 2, 255 and 257 slots of which the last nAfter were appended.
func lengthCases(t *testing.T, d *Device, nAfter int, test func(t *testing.T, c *testCache, group, stride int)) {
	for _, ct := range layout.CacheTypes {
		for i, headDim := range []int{8, 16, 64, 128} {
			if ct.Check(headDim) != nil {
				continue
			}
			group := 1 + i%3
			t.Run(fmt.Sprintf("%v, head_dim %d, group of %d", ct, headDim, group), func(t *testing.T) {
				lens := []int{1 - nAfter, 2 - nAfter, 255 - nAfter, 257 - nAfter}
				test(t, appendedCache(t, d, fmt.Sprint(headDim), ct, headDim, lens, nAfter), group, 260)
			})
		}
	}
}

func TestAttnMax(t *testing.T) {
	const n = 3
	d := openForTest(t)
	check := func(t *testing.T, c *testCache, group, stride, nBefore int) {
		kvHeads, headDim := len(c.Heads), c.K.HeadDim
		nHeads := kvHeads * group
		qStride := (nHeads + 2*kvHeads) * headDim
		q, scale := normals("q", n*qStride, 2), float32(1/math.Sqrt(float64(headDim)))
		lse := make([]float32, n*nHeads)
		ref.Attention(c.Cache.With(nBefore+n), layout.Queries{Buf: q, N: n, Stride: qStride, Heads: nHeads, Scale: scale}, make([]float32, n*nHeads*headDim), lse)
		before := make([]float32, kvHeads*stride)
		for i := 0; i < len(before); i += 3 {
			before[i] = 0.2 // as a chunk before has left it
		}
		want := slices.Clone(before)
		ref.AttnMax(c.Cache.With(nBefore+n), layout.Queries{Buf: q, N: n, Stride: qStride, Heads: nHeads, Scale: scale}, lse, want, stride)
		most := d.upload(t, before)
		got := d.run(t, most, len(want), func(p *Pass) {
			p.AttnMax(c.GPU.With(nBefore+n), Queries{Buf: d.upload(t, q), N: n, Stride: qStride, Heads: nHeads, Scale: scale}, d.upload(t, lse), most, stride)
		}).Floats()
		// An exponential of a score of size up to 20 that carries an f32 rounding.
		checkClose(t, "most", got, want, tol{abs: 1e-7, rel: 2e-5})
		for h, head := range c.Heads {
			sum := 0.0
			for j := range head.Len + nBefore + n {
				sum += float64(want[h*stride+j])
			}
			if !(sum >= 0.999) {
				t.Errorf("head %d: the most that was paid sums to %g, want at least the 1 of one query", h, sum)
			}
		}
	}
	perHead(t, d, 2+n, func(t *testing.T, c *testCache, group, stride int) { check(t, c, group, stride, 2) })
	// The tokens are in the tables already: none was appended behind them.
	for _, ct := range layout.CacheTypes[:2] {
		for _, headDim := range []int{8, 64} {
			c := newTestCache(t, d, "in the tables", ct, headDim, []int{n, 5, 255, 257}, 0)
			check(t, c, 2, 260, -n)
		}
	}
}

func TestExpectedLogits(t *testing.T) {
	const nAfter = 1
	d := openForTest(t)
	lengthCases(t, d, nAfter, func(t *testing.T, c *testCache, group, stride int) {
		headDim, nHeads := c.K.HeadDim, len(c.Heads)*group
		mean := normals("mean", nHeads*headDim, 1)
		cov := make([]float32, nHeads*headDim*headDim)
		roots := normals("roots", nHeads*3*headDim, 1)
		for a := range nHeads { // of rank 3 and a diagonal: a covariance
			for i := range headDim {
				for j := range headDim {
					at := (a*headDim+i)*headDim + j
					for r := range 3 {
						cov[at] += roots[(3*a+r)*headDim+i] * roots[(3*a+r)*headDim+j]
					}
					if i == j {
						cov[at]++
					}
				}
			}
		}
		scale := float32(1 / math.Sqrt(float64(headDim)))
		wantZ, wantNorms := poisonedSlice(nHeads*stride), poisonedSlice(len(c.Heads)*stride)
		z, norms := d.upload(t, wantZ), d.upload(t, wantNorms)
		ref.ExpectedLogits(c.Cache.With(nAfter), layout.QueryMoments{Mean: mean, Cov: cov, Heads: nHeads, Scale: scale}, wantZ, wantNorms, stride)
		gotZ := d.run(t, z, len(wantZ), func(p *Pass) {
			p.ExpectedLogits(c.GPU.With(nAfter), QueryMoments{Mean: d.upload(t, mean), Cov: d.upload(t, cov), Heads: nHeads, Scale: scale}, z, norms, stride)
		}).Floats()
		gotNorms := d.run(t, norms, len(wantNorms), func(*Pass) {}).Floats()
		// head_dim^2 products of size 1 over head_dim, of which the diagonal does not cancel.
		checkClose(t, "logits", gotZ, wantZ, tol{abs: 2e-5, rel: 1e-5})
		checkClose(t, "norms", gotNorms, wantNorms, tol{rel: 2e-6}) // one f32 sum of head_dim squares, a root
	})
}

func TestQueryCov(t *testing.T) {
	d := openForTest(t)
	for _, tc := range []struct {
		nHeads, headDim int
		chunks          []int
		skip            int // rows of the whole that do not count
		mean            float32
		why             string
	}{
		{1, 8, []int{1}, 0, 0, "one row has no variance"},
		{2, 8, []int{20}, 4, 0, "one chunk, some rows skipped"},
		{3, 16, []int{3, 255, 1, 2}, 4, 1, "a chunk that is skipped as a whole, one of a single row"},
		{2, 64, []int{257, 255}, 4, 100, "means far above the deviations"},
		{1, 128, []int{40, 2}, 0, 0, "a wide head of few rows"},
	} {
		width := tc.nHeads * tc.headDim
		stride := width + 8 // queries and something else
		means, cov := d.poisoned(t, 2*stride), d.poisoned(t, width*tc.headDim)
		var all []float32
		p := d.Begin()
		done := 0
		for i, n := range tc.chunks {
			q := normals(fmt.Sprint("q", i), n*stride, 1)
			for j := range q {
				q[j] += tc.mean*float32(j%stride%3) + q[j/stride*stride] // columns that vary together
			}
			before, skip := max(0, done-tc.skip), max(0, tc.skip-done)
			buf := d.upload(t, q)
			p.GVoteStats(buf, means, n, stride, before, skip)
			p.QueryCov(Queries{Buf: buf, N: n, Stride: stride, Heads: tc.nHeads}, means, cov, tc.headDim, before, skip)
			all = append(all, q...)
			done += n
		}
		r := p.Read(cov, 0, cov.Size())
		if err := p.Submit(); err != nil {
			t.Fatal(err)
		}
		stats, want := make([]float32, 2*stride), make([]float32, width*tc.headDim)
		ref.GVoteStats(all, stats, done, stride, 0, tc.skip)
		ref.QueryCov(layout.Queries{Buf: all, N: done, Stride: stride, Heads: tc.nHeads}, stats, want, tc.headDim, 0, tc.skip)
		// Sums of up to 512 products of deviations up to 5, whose means carry the rounding of a number of tc.mean.
		checkClose(t, tc.why, r.Floats(), want, tol{abs: 1e-4 + 1e-5*float64(tc.mean), rel: 2e-5})
	}
}
