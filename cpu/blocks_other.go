//go:build !amd64 && !js

package cpu

import "keyfold/layout"

func centre(scales []float32) { centreGo(scales) }

func addPacked(y []float32, quants []uint32, scales, x []float32, step int, t layout.WeightType) {
	addPackedGo(y, quants, scales, x, step, t)
}

func widen(dst []float32, quants []uint32, t layout.WeightType) { widenGo(dst, quants, t) }

// widePanel is the number of integers that are floats at a time.
func widePanel() int { return nearPanel }

func addTokens(y, w, scales, x []float32, n, rows, step, stride int) {
	addTokensGo(y, w, scales, x, n, rows, step, stride)
}

// packedTokens is the number of tokens up to which integers are widened for each of them.
func packedTokens() int { return 1 }

// addPackedTokens does what [addPacked] does for each of n tokens.
func addPackedTokens(y []float32, quants []uint32, scales, x []float32, n, rows, step, stride int, wt layout.WeightType) {
	for t := range n {
		addPacked(y[t*stride:][:rows], quants, scales, x[t*len(x)/n:(t+1)*len(x)/n], step, wt)
	}
}
