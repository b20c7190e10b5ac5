//go:build !amd64 && !js

package cpu

import "keyfold/layout"

func centre(scales []float32) { centreGo(scales) }

func addBlocks(y, w, scales, x []float32, step int) { addBlocksGo(y, w, scales, x, step) }

func addPacked(y []float32, quants []uint32, scales, x []float32, step int, t layout.WeightType) {
	addPackedGo(y, quants, scales, x, step, t)
}

func widen(dst []float32, quants []uint32, t layout.WeightType) { widenGo(dst, quants, t) }
