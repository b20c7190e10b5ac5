package ref

import "keyfold/layout"

// Embed is the CPU twin of gpu/shaders/embed.wgsl: x[t] = row tokens[t] of w.
//
//	w       (vocab, dim)
//	tokens  (n)
//	x       (n, dim)  overwritten
func Embed(w *layout.Weights, tokens []uint32, x []float32) {
	for t, token := range tokens {
		w.Row(x[t*w.Cols:(t+1)*w.Cols], int(token))
	}
}
