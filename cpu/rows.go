package cpu

import (
	"keyfold/layout"
	"keyfold/ref"
)

// Steps that do the same to every token are shared among threads. perElement is about how
// many multiplications each of their elements takes as long as.
const perElement = 16

// RMSNorm computes what [ref.RMSNorm] specifies.
func RMSNorm(x, w, y []float32, rows, dim, row0 int, eps float32) {
	parallel(rows, 1, rows*dim*perElement, func(from, to int) {
		ref.RMSNorm(x, w, y[from*dim:], to-from, dim, row0+from, eps)
	})
}

// RoPE computes what [ref.RoPE] specifies.
func RoPE(table []float32, positions []uint32, qkv []float32, stride, nHeads, headDim int) {
	parallel(len(positions), 1, len(positions)*nHeads*headDim*perElement, func(from, to int) {
		ref.RoPE(table, positions[from:to], qkv[from*stride:], stride, nHeads, headDim)
	})
}

// CacheWrite computes what [ref.CacheWrite] specifies.
func CacheWrite(qkv []float32, c layout.Cache, positions []uint32, nHeads int) {
	headDim, n := c.HeadDim(), len(positions)
	row := (nHeads + 2*len(c.Heads)) * headDim
	parallel(n, 1, n*2*len(c.Heads)*headDim*perElement, func(from, to int) {
		for t := from; t < to; t++ {
			for h, head := range c.Heads {
				slot := head.Offset + c.Visible(h, t, n) - 1
				key := t*row + (nHeads+h)*headDim
				value := key + len(c.Heads)*headDim
				c.K.Put(slot, qkv[key:key+headDim])
				c.V.Put(slot, qkv[value:value+headDim])
				c.Slots[slot] = layout.Slot{Pos: positions[t], N: 1}
			}
		}
	})
}

// SwiGLU computes what [ref.SwiGLU] specifies.
func SwiGLU(gateUp, y []float32, n, hidden int) {
	parallel(n, 1, n*hidden*perElement, func(from, to int) {
		for t := from; t < to; t++ {
			gate := gateUp[t*2*hidden : t*2*hidden+hidden]
			up := gateUp[t*2*hidden+hidden : (t+1)*2*hidden]
			swiGLU(y[t*hidden:(t+1)*hidden], gate, up)
		}
	})
}

// swiGLUGo computes what [ref.SwiGLU] specifies, of one token.
func swiGLUGo(y, gate, up []float32) {
	for i, z := range gate {
		y[i] = min(-z, 80)
	}
	exp(y, 0)
	for i, z := range gate {
		y[i] = z / (1 + y[i]) * up[i]
	}
}
