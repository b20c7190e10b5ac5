package cpu

// SwiGLU computes what [ref.SwiGLU] specifies.
func SwiGLU(gateUp, y []float32, n, hidden int) {
	for t := range n {
		g := gateUp[t*2*hidden : t*2*hidden+hidden]
		u := gateUp[t*2*hidden+hidden : (t+1)*2*hidden]
		out := y[t*hidden : (t+1)*hidden]
		for i, z := range g {
			out[i] = min(-z, 80)
		}
		exp(out, 0)
		for i, z := range g {
			out[i] = z / (1 + out[i]) * u[i]
		}
	}
}
