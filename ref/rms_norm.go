package ref

import (
	"math"

	"keyfold/layout"
)

// RMSNorm is the CPU twin of gpu/shaders/rms_norm.wgsl and rms_norm_rows.wgsl.
//
//	y[r, i] = x[row0+r, i] * w[i] / sqrt(mean_j(x[row0+r, j]²) + eps)
//
//	x  (at least row0+rows, dim)
//	w  (dim)
//	y  (rows, dim)  overwritten
//
// Source: Zhang & Sennrich 2019, Root Mean Square Layer Normalization, arXiv:1910.07467.
func RMSNorm(x, w, y []float32, rows, dim, row0 int, eps float32) {
	for r := range rows {
		in, out := x[(row0+r)*dim:(row0+r+1)*dim], y[r*dim:(r+1)*dim]
		invRMS := 1 / math.Sqrt(layout.Dot(in, in)/float64(dim)+float64(eps))
		for i, v := range in {
			out[i] = float32(float64(v) * invRMS * float64(w[i]))
		}
	}
}
