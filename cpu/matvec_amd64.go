package cpu

import "golang.org/x/sys/cpu"

// matvecAVX2 computes what [matvecGo] does, bit for bit. Rows and cols are at
// least 1, rows a multiple of 4.
//
//go:noescape
func matvecAVX2(y, w, x *float32, rows, cols, stride int)

// matvec is [matvecGo], with vector instructions where the machine has them.
func matvec(y, w, x []float32, stride int) {
	fast := len(y) &^ 3
	if !cpu.X86.HasAVX2 || fast == 0 || len(x) == 0 {
		fast = 0
	} else {
		_ = w[(fast-1)*stride+len(x)-1] // the last element that is read
		matvecAVX2(&y[0], &w[0], &x[0], fast, len(x), stride)
	}
	if fast < len(y) {
		matvecGo(y[fast:], w[fast*stride:], x, stride)
	}
}
