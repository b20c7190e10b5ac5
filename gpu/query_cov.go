package gpu

// QueryCov folds the rows skip .. N-1 of a chunk of queries into the co-moments
// of each query head, after [Pass.GVoteStats] has folded them into the means.
// countBefore rows were folded in before. The covariance of all of them is
// cov / (countBefore + N - skip).
//
//	q     before RoPE; the scale is not used
//	mean  (n_heads*headDim or more)    of all rows, these included
//	cov   (n_heads, headDim, headDim)  updated; not read if countBefore is 0
//
// With skip >= N nothing is recorded. CPU twin: [ref.QueryCov].
func (p *Pass) QueryCov(q Queries, mean, cov *Buffer, headDim, countBefore, skip int) {
	p.wantQueries("query_cov", q)
	p.want("query_cov", "mean", mean, q.Heads*headDim, "n_heads*head_dim")
	p.want("query_cov", "cov", cov, q.Heads*headDim*headDim, "n_heads*head_dim*head_dim")
	if skip >= q.N {
		return
	}
	p.spend(6 * (q.N - skip) * q.Heads * headDim * headDim)
	p.dispatch(kernelID{name: "query_cov"}, [3]int{divUp(q.Heads*headDim*headDim/4, 64), 1, 1}, []uint32{ // struct Params in query_cov.wgsl
		uint32(q.N), uint32(q.First), uint32(q.Stride), uint32(q.Heads), uint32(headDim / 4), uint32(countBefore), uint32(skip),
	}, q.Buf, mean, cov)
}
