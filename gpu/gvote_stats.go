package gpu

// GVoteStats folds the rows skip .. n-1 of x into the mean and the sum of
// squared deviations of each column, over the countBefore rows that state has
// seen so far. The variance of all of them is M2 / (countBefore + n - skip).
//
//	x      (n, dim)
//	state  (2, dim): mean, M2   updated; not read if countBefore is 0
//
// With skip >= n nothing is recorded. CPU twin: [ref.GVoteStats].
func (p *Pass) GVoteStats(x, state *Buffer, n, dim, countBefore, skip int) {
	p.want("gvote_stats", "x", x, n*dim, "n*dim")
	p.want("gvote_stats", "state", state, 2*dim, "2*dim")
	if skip >= n {
		return
	}
	p.dispatch(kernelID{name: "gvote_stats"}, [3]int{divUp(dim, 64), 1, 1},
		[]uint32{uint32(n), uint32(dim), uint32(countBefore), uint32(skip)}, // struct Params in gvote_stats.wgsl
		x, state)
}
