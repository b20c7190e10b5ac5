package ref

import "keyfold/layout"

// QueryCov is the CPU twin of gpu/shaders/query_cov.wgsl: it folds the rows
// skip .. N-1 of a chunk of queries into the co-moments of each query head,
// after [GVoteStats] has folded them into the means.
//
//	d_t = q_t − mean    r = Σ_t d_t    S = Σ_t d_t d_tᵀ
//	C = C + S + r rᵀ/a    with a = countBefore rows before    S − r rᵀ/b    if a = 0, b = N − skip
//
// mean is that of all a + b rows, and C / (a + b) is then their covariance.
//
//	q     before RoPE; the scale is not used
//	mean  (n_heads*headDim)            of all rows, these included
//	cov   (n_heads, headDim, headDim)  C: updated; not read if countBefore is 0
//
// Source: Chan, Golub & LeVeque 1979, "Updating Formulae and a Pairwise
// Algorithm for Computing Sample Variances", STAN-CS-79-773, eq. 2.1, with the
// means of the parts written as deviations from the mean of all.
func QueryCov(q layout.Queries, mean, cov []float32, headDim, countBefore, skip int) {
	deviation, sum := make([]float64, headDim), make([]float64, headDim)
	products := make([]float64, headDim*headDim)
	for h := range q.Heads {
		clear(sum)
		clear(products)
		for t := skip; t < q.N; t++ {
			for i, x := range q.Row(t, h, headDim) {
				deviation[i] = float64(x) - float64(mean[h*headDim+i])
				sum[i] += deviation[i]
			}
			for i, x := range deviation {
				for j, y := range deviation {
					products[i*headDim+j] += x * y
				}
			}
		}
		for i, x := range sum {
			for j, y := range sum {
				c := &cov[(h*headDim+i)*headDim+j]
				if countBefore > 0 {
					*c = float32(float64(*c) + products[i*headDim+j] + x*y/float64(countBefore))
				} else {
					*c = float32(products[i*headDim+j] - x*y/float64(q.N-skip))
				}
			}
		}
	}
}
