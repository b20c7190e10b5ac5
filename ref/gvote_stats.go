package ref

// GVoteStats is the CPU twin of gpu/shaders/gvote_stats.wgsl: it folds the rows
// skip .. n-1 of x into the mean and the sum of squared deviations (M2) of each
// column over the countBefore rows seen so far.
//
//	x      (n, dim)
//	state  (2, dim): mean, M2   updated; not read if countBefore is 0
//
// Source: Welford 1962, "Note on a Method for Calculating Corrected Sums of
// Squares and Products"; Tang et al. 2025, GVote, arXiv:2509.03136.
func GVoteStats(x, state []float32, n, dim, countBefore, skip int) {
	for c := range dim {
		var mean, m2 float64
		if countBefore > 0 {
			mean, m2 = float64(state[c]), float64(state[dim+c])
		}
		for t := skip; t < n; t++ {
			v := float64(x[t*dim+c])
			step := v - mean
			mean += step / float64(countBefore+t-skip+1)
			m2 += step * (v - mean)
		}
		state[c], state[dim+c] = float32(mean), float32(m2)
	}
}
