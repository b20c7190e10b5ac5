package kernelcase

import (
	"fmt"

	"keyfold/layout"
	"keyfold/ref"
)

// QueryCov is a call of query_cov.
type QueryCov struct {
	Q                          Queries
	Mean, Cov                  []float32
	HeadDim, CountBefore, Skip int
	abs                        float64
}

func (c *QueryCov) Twin() { ref.QueryCov(c.Q.OnCPU(), c.Mean, c.Cov, c.HeadDim, c.CountBefore, c.Skip) }

// Sums of up to 512 products of deviations up to 5, whose means carry the rounding of a
// number as large as the mean.
func (c *QueryCov) Outputs() []Output { return []Output{near("cov", c.Cov, c.abs, 2e-5)} }

// newQueryCov returns the calls of all chunks, each after the gvote_stats that it needs
// the means of. The rows have queries and something else.
func newQueryCov(nHeads, headDim int, of chunks, mean float32) Case {
	width := nHeads * headDim
	stride := width + 8
	means, cov := unwritten(2*stride), unwritten(width*headDim)
	var calls []Call
	of.each(func(i, n, before, skip int) {
		q := numbers(fmt.Sprint("q", i), n*stride, 1)
		for j := range q {
			q[j] += mean*float32(j%stride%3) + q[j/stride*stride] // columns that vary together
		}
		calls = append(calls,
			&GVoteStats{X: q, State: means, N: n, Dim: stride, CountBefore: before, Skip: skip},
			&QueryCov{
				Q: Queries{layout.Queries{Buf: q, N: n, Stride: stride, Heads: nHeads}, 0}.at(i), Mean: means, Cov: cov,
				HeadDim: headDim, CountBefore: before, Skip: skip, abs: 1e-4 + 1e-5*float64(mean),
			})
	})
	return Case{"query_cov", calls}
}

// smallQueryCov has means that are not those of the rows, so that it hangs on no
// other kernel.
func smallQueryCov(headDim int) Case {
	const n, heads = 9, 3
	q := Queries{layout.Queries{Buf: numbers("queries", n*5*headDim, 1), N: n, Stride: 5 * headDim, Heads: heads}, 0}.at(1)
	first := &QueryCov{
		Q: q, Mean: numbers("means", heads*headDim, 1), Cov: unwritten(heads * headDim * headDim), HeadDim: headDim, Skip: 4,
		abs: 2.5e-5,
	}
	second := *first
	second.CountBefore, second.Skip = n-4, 1
	return Case{"query_cov", []Call{first, &second}}
}

// QueryCovCases are awkward chunks.
func QueryCovCases() []Case {
	var cases []Case
	for _, s := range []struct {
		nHeads, headDim int
		chunks          chunks
		mean            float32
		why             string
	}{
		{1, 8, chunks{[]int{1}, 0}, 0, "one row has no variance"},
		{2, 8, chunks{[]int{20}, 4}, 0, "one chunk, some rows skipped"},
		{3, 16, chunks{[]int{3, 255, 1, 2}, 4}, 1, "a chunk that is skipped as a whole, one of a single row"},
		{2, 64, chunks{[]int{257, 255}, 4}, 100, "means far above the deviations"},
		{1, 128, chunks{[]int{40, 2}, 0}, 0, "a wide head of few rows"},
	} {
		c := newQueryCov(s.nHeads, s.headDim, s.chunks, s.mean)
		c.Name = s.why
		cases = append(cases, c)
	}
	return cases
}
