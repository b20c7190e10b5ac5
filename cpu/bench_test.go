package cpu

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"keyfold/layout"
)

// BenchmarkAttention attends with one token, in 6 heads of 64, to a cache of one
// layer, and BenchmarkMatMul multiplies a matrix with one token to 64; see
// testdata/exec.mjs for the same in wasm.
//
//	go test -run '^$' -bench . -cpu 1 ./cpu
func BenchmarkAttention(b *testing.B) {
	const headDim, nHeads = 64, 6
	r := rand.New(rand.NewPCG(1, 0))
	for _, ct := range layout.CacheTypes {
		for _, kvHeads := range []int{6, 2} {
			for _, slots := range []int{16, 1024, 4096} {
				lens := make([]int, kvHeads)
				for i := range lens {
					lens[i] = slots
				}
				c := randomCache(r, ct, headDim, lens, 1)
				q, out, lse := normals(r, nHeads*headDim, 1), make([]float32, nHeads*headDim), make([]float32, nHeads)
				b.Run(fmt.Sprintf("%v/%d_of_%d/%d", ct, kvHeads, nHeads, slots), func(b *testing.B) {
					for b.Loop() {
						Attention(c.With(1), layout.Queries{Buf: q, N: 1, Stride: len(q), Heads: nHeads, Scale: 0.125}, out, lse)
					}
				})
			}
		}
	}
}

func BenchmarkMatMul(b *testing.B) {
	const rows, cols = 1536, 288
	r := rand.New(rand.NewPCG(2, 0))
	for _, wt := range weightTypes {
		w := matrix(r, wt, rows, cols) // 512 columns where blocks have 256
		for i := range w.Words {
			w.Words[i] = r.Uint32()&^0x40004000 | 0x20002000 // no half is subnormal, which would take longer
		}
		for _, n := range []int{1, 2, 4, 8, 16, 64} {
			x, y := normals(r, n*w.Cols, 1), make([]float32, n*rows)
			b.Run(fmt.Sprintf("%v/%d", wt, n), func(b *testing.B) {
				for b.Loop() {
					MatMul(layout.Stack{w}, x, y, n)
				}
			})
		}
	}
}
