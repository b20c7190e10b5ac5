package ref

import "math"

// SwiGLU is the CPU twin of gpu/shaders/swiglu.wgsl.
//
//	y[t, i] = silu(g[t, i]) u[t, i]    silu(z) = z / (1 + exp(−z))
//
// The exponent ends at 80, where silu is below 1e-32: WGSL does not say what a device
// makes of exp beyond the largest f32.
//
//	gateUp  (n, 2*hidden): g (hidden), u (hidden)
//	y       (n, hidden)  overwritten
//
// Source: Shazeer 2020, GLU Variants Improve Transformer, arXiv:2002.05202, eq. 6.
func SwiGLU(gateUp, y []float32, n, hidden int) {
	for t := range n {
		g := gateUp[t*2*hidden : t*2*hidden+hidden]
		u := gateUp[t*2*hidden+hidden : (t+1)*2*hidden]
		for i, z := range g {
			y[t*hidden+i] = float32(float64(z) / (1 + math.Exp(min(-float64(z), 80))) * float64(u[i]))
		}
	}
}
