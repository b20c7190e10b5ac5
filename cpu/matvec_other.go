//go:build !amd64 && !js

package cpu

func matvec(y, w, x []float32, stride int) { matvecGo(y, w, x, stride) }
