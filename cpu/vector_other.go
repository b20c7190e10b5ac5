//go:build !js

package cpu

func unpackHalves(dst []float32, words []uint32) { unpackHalvesGo(dst, words) }

func transpose(dst, src []float32, cols, stride int) { transposeGo(dst, src, cols, stride) }
