package gpu

// QueryCov folds the rows skip .. n-1 of a chunk of queries into the co-moments
// of each query head, after [Pass.GVoteStats] has folded them into the means.
// countBefore rows were folded in before. The covariance of all of them is
// cov / (countBefore + n - skip).
//
//	q     (n, stride), its first nHeads*headDim columns
//	mean  (nHeads*headDim or more)    of all rows, these included
//	cov   (nHeads, headDim, headDim)  updated; not read if countBefore is 0
//
// With skip >= n nothing is recorded. CPU twin: [ref.QueryCov].
func (p *Pass) QueryCov(q, mean, cov *Buffer, n, stride, nHeads, headDim, countBefore, skip int) {
	p.want("query_cov", "q", q, n*stride, "n*stride")
	p.want("query_cov", "mean", mean, nHeads*headDim, "n_heads*head_dim")
	p.want("query_cov", "cov", cov, nHeads*headDim*headDim, "n_heads*head_dim*head_dim")
	if skip >= n {
		return
	}
	p.spend(6 * (n - skip) * nHeads * headDim * headDim)
	p.dispatch(kernelID{name: "query_cov"}, [3]int{divUp(nHeads*headDim*headDim/4, 64), 1, 1}, []uint32{ // struct Params in query_cov.wgsl
		uint32(n), uint32(stride), uint32(nHeads), uint32(headDim / 4), uint32(countBefore), uint32(skip),
	}, q, mean, cov)
}
