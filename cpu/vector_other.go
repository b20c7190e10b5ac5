//go:build !amd64 && !js

package cpu

func matvec(y, w, x []float32, stride int)              { matvecGo(y, w, x, stride) }
func addRows(lanes, w, x []float32)                     { addRowsGo(lanes, w, x) }
func unpackHalves(dst []float32, words []uint32)        { unpackHalvesGo(dst, words) }
func unpackQ8M(dst []float32, quants, scales []uint32)  { unpackQ8MGo(dst, quants, scales) }
func unpackQ4K(dst []float32, quants, records []uint32) { unpackQ4KGo(dst, quants, records) }
func unpackQ8K(dst []float32, quants, records []uint32) { unpackQ8KGo(dst, quants, records) }

func unpackQ8(dst []float32, quants, scales []uint32, block, blocks, stride int) {
	unpackQ8Go(dst, quants, scales, block, blocks, stride)
}

func unpackQ4(dst []float32, quants, scales []uint32, block, blocks, stride int) {
	unpackQ4Go(dst, quants, scales, block, blocks, stride)
}

func expVectors(s []float32, top float32) (done int) {
	expGo(s, top)
	return len(s)
}

func pause() {}

func addBias(scores, bias []float32, scale float32) float32 { return addBiasGo(scores, bias, scale) }

func swiGLU(y, gate, up []float32) { swiGLUGo(y, gate, up) }
