package cpu

// GVoteStats computes what [ref.GVoteStats] specifies, row by row, with one
// division a row.
func GVoteStats(x, state []float32, n, dim, countBefore, skip int) {
	parallel(dim, 8, 2*n*dim, func(from, to int) {
		mean, m2 := make([]float64, to-from), make([]float64, to-from)
		if countBefore > 0 {
			for c := range mean {
				mean[c], m2[c] = float64(state[from+c]), float64(state[dim+from+c])
			}
		}
		for t := skip; t < n; t++ {
			share := 1 / float64(countBefore+t-skip+1)
			row := x[t*dim+from : t*dim+to]
			m2 := m2[:len(row)]
			mean := mean[:len(row)]
			for c, v := range row {
				step := float64(v) - mean[c]
				moved := mean[c] + float64(step*share)
				mean[c] = moved
				m2[c] += float64(step * (float64(v) - moved))
			}
		}
		for c := range mean {
			state[from+c], state[dim+from+c] = float32(mean[c]), float32(m2[c])
		}
	})
}
