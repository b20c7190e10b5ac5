package layout

import "math"

// RoPEFrequencies returns by how much each pair of a head turns from one
// position to the next: (head_dim/2) base^(-2i/head_dim) / factors[i]. Models
// whose rotation is scaled have factors; nil stands for ones.
//
// Source: Su et al. 2021, RoFormer, arXiv:2104.09864, section 3.2.2.
func RoPEFrequencies(base float64, headDim int, factors []float32) []float64 {
	frequencies := make([]float64, headDim/2)
	for i := range frequencies {
		frequencies[i] = math.Pow(base, -2*float64(i)/float64(headDim))
		if factors != nil {
			frequencies[i] /= float64(factors[i])
		}
	}
	return frequencies
}

// RoPETable returns the rotations of positions from..to-1: the pairs
// (cos a, sin a) with a = position * frequencies[i], laid out
// (to-from, head_dim/2, 2). It is computed in float64, because a shader's own
// sin and cos may be off by 2^-11.
func RoPETable(from, to int, frequencies []float64) []float32 {
	table := make([]float32, 0, (to-from)*2*len(frequencies))
	for pos := from; pos < to; pos++ {
		for _, f := range frequencies {
			sin, cos := math.Sincos(float64(pos) * f)
			table = append(table, float32(cos), float32(sin))
		}
	}
	return table
}
