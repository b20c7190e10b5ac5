package layout

import "math"

// RoPETable returns the rotations of positions from..to-1: the pairs
// (cos a, sin a) with a = position * base^(-2i/head_dim), laid out
// (to-from, head_dim/2, 2). It is computed in float64, because a shader's own
// sin and cos may be off by 2^-11.
//
// Source: Su et al. 2021, RoFormer, arXiv:2104.09864, section 3.2.2.
func RoPETable(from, to, headDim int, base float64) []float32 {
	table := make([]float32, 0, (to-from)*headDim)
	for pos := from; pos < to; pos++ {
		for i := range headDim / 2 {
			sin, cos := math.Sincos(float64(pos) * math.Pow(base, -2*float64(i)/float64(headDim)))
			table = append(table, float32(cos), float32(sin))
		}
	}
	return table
}
