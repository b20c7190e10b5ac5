package kernelcase

import (
	"fmt"

	"keyfold/ref"
)

// GVoteStats is a call of gvote_stats.
type GVoteStats struct {
	X, State                  []float32
	N, Dim, CountBefore, Skip int
}

func (c *GVoteStats) Twin() { ref.GVoteStats(c.X, c.State, c.N, c.Dim, c.CountBefore, c.Skip) }

// Means: one rounding of a number as large as the mean for each chunk, and of the
// deviations. Sums of up to 128 squares: an error e of the means adds about count*e^2
// and 2*e*deviation.
func (c *GVoteStats) Outputs() []Output {
	return []Output{
		near("mean", c.State, 1e-6, 5e-7).part("mean", 0, c.Dim),
		near("m2", c.State, 1e-6, 2e-5).part("m2", c.Dim, 2*c.Dim),
	}
}

// chunks are the rows of a text that is read piece by piece.
type chunks struct {
	rows []int // of each piece
	skip int   // rows of the whole that do not count
}

// each calls do for every piece with the rows that were counted before and those to
// skip in it.
func (c chunks) each(do func(i, n, before, skip int)) {
	done := 0
	for i, n := range c.rows {
		do(i, n, max(0, done-c.skip), max(0, c.skip-done))
		done += n
	}
}

// newGVoteStats returns the calls of all chunks, which share their state.
func newGVoteStats(dim int, of chunks, mean float32) Case {
	state := unwritten(2 * dim)
	var calls []Call
	of.each(func(i, n, before, skip int) {
		x := numbers(fmt.Sprint("x", i), n*dim, 1)
		for j := range x {
			x[j] += mean * float32(j%dim%3)
		}
		calls = append(calls, &GVoteStats{X: x, State: state, N: n, Dim: dim, CountBefore: before, Skip: skip})
	})
	return Case{"gvote_stats", calls}
}

// GVoteStatsCases are awkward chunks.
func GVoteStatsCases() []Case {
	var cases []Case
	for _, s := range []struct {
		dim    int
		chunks chunks
		mean   float32
		why    string
	}{
		{1, chunks{[]int{1}, 0}, 0, "one row has no variance"},
		{63, chunks{[]int{20}, 4}, 0, "one chunk, some rows skipped"},
		{64, chunks{[]int{3, 40, 1}, 4}, 0, "a chunk that is skipped as a whole, one of a single row"},
		{65, chunks{[]int{64, 64}, 0}, 300, "mean far above the deviation"},
		{1001, chunks{[]int{300}, 0}, 0, "work for several threads of the CPU"},
	} {
		c := newGVoteStats(s.dim, s.chunks, s.mean)
		c.Name = s.why
		cases = append(cases, c)
	}
	return cases
}
