//go:build !amd64 && !js

package cpu

import "keyfold/layout"

func centre(scales []float32) { centreGo(scales) }

func addBlocks(y, w, scales, x []float32, step int) { addBlocksGo(y, w, scales, x, step) }

func addPacked(y []float32, quants []uint32, scales, x []float32, step int, t layout.WeightType) {
	addPackedGo(y, quants, scales, x, step, t)
}

func widen(dst []float32, quants []uint32, t layout.WeightType) { widenGo(dst, quants, t) }

// addTokens is [addTokensGo], token by token as [addBlocks] does it.
func addTokens(y, w, scales, x []float32, n, rows, step, stride int) {
	for t := range n {
		addBlocks(y[t*stride:][:rows], w, scales, x[t*len(x)/n:(t+1)*len(x)/n], step)
	}
}
