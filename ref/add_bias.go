package ref

// AddBias is the CPU twin of gpu/shaders/add_bias.wgsl. It adds a vector to
// every row, in place.
//
//	x     (rows, width)
//	bias  (width)
//
// Source: Bai et al. 2023, Qwen Technical Report, arXiv:2309.16609, section 2.3
// (biases of queries, keys and values).
func AddBias(x, bias []float32, rows int) {
	for r := range rows {
		for i, b := range bias {
			x[r*len(bias)+i] += b
		}
	}
}
