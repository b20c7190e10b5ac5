package cpu

// The functions of vector.wat, called through web/vector.js. Where the browser
// has no vector instructions they do nothing and return false.

//go:wasmimport vector matvec
//go:noescape
func matvecSIMD(y, w, x *float32, rows, cols, stride int32) bool

//go:wasmimport vector unpackHalves
//go:noescape
func unpackHalvesSIMD(dst *float32, words *uint32, halves int32) bool

//go:wasmimport vector transpose
//go:noescape
func transposeSIMD(dst, src *float32, rows, cols, stride int32) bool

// matvec is [matvecGo], with vector instructions where the browser has them.
func matvec(y, w, x []float32, stride int) {
	fast := len(y) &^ 3
	if fast > 0 && len(x) > 0 {
		_ = w[(fast-1)*stride+len(x)-1] // the last element that is read
		if matvecSIMD(&y[0], &w[0], &x[0], int32(fast), int32(len(x)), int32(stride)) {
			if y = y[fast:]; len(y) == 0 {
				return
			}
			w = w[fast*stride:]
		}
	}
	matvecGo(y, w, x, stride)
}

// unpackHalves is [unpackHalvesGo], with vector instructions where the browser has them.
func unpackHalves(dst []float32, words []uint32) {
	fast := len(words) &^ 1
	if fast > 0 && unpackHalvesSIMD(&dst[:2*fast][0], &words[0], int32(2*fast)) {
		dst, words = dst[2*fast:], words[fast:]
	}
	unpackHalvesGo(dst, words)
}

// transpose is [transposeGo], with vector instructions where the browser has them.
func transpose(dst, src []float32, cols, stride int) {
	fast := len(src) / cols &^ 3
	if fast > 0 && cols%4 == 0 {
		_ = dst[(cols-1)*stride+fast-1] // the last element that is written
		if transposeSIMD(&dst[0], &src[0], int32(fast), int32(cols), int32(stride)) {
			dst, src = dst[fast:], src[fast*cols:]
		}
	}
	transposeGo(dst, src, cols, stride)
}
