package cpu

import (
	"math/rand/v2"
	"runtime"
	"testing"

	"keyfold/layout"
	"keyfold/ref"
)

// So many tokens that they are shared among threads: each step still writes what the twin
// does, bit for bit, or what it does for one token.
func TestRowsOnThreads(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(3))
	r := rand.New(rand.NewPCG(15, 0))
	const n, dim, heads, kvHeads, headDim = 97, 192, 5, 2, 48
	const row = (heads + 2*kvHeads) * headDim

	x, w := normals(r, (n+2)*dim, 1), normals(r, dim, 1)
	got, want := poisoned(n*dim), poisoned(n*dim)
	RMSNorm(x, w, got, n, dim, 2, 1e-5)
	ref.RMSNorm(x, w, want, n, dim, 2, 1e-5)
	checkBits(t, "RMSNorm", got, want)

	positions := make([]uint32, n)
	for i := range positions {
		positions[i] = uint32(7 + i)
	}
	table := layout.RoPETable(0, 7+n, layout.RoPEFrequencies(10000, headDim, nil))
	got, want = normals(r, n*row, 1), make([]float32, n*row)
	copy(want, got)
	RoPE(table, positions, got, row, heads+kvHeads, headDim)
	ref.RoPE(table, positions, want, row, heads+kvHeads, headDim)
	checkBits(t, "RoPE", got, want)

	caches := [2]layout.Cache{}
	for i, write := range []func([]float32, layout.Cache, []uint32, int){CacheWrite, ref.CacheWrite} {
		caches[i] = randomCache(rand.New(rand.NewPCG(16, 0)), layout.CacheF16, headDim, []int{3, 9}, n).With(n)
		write(want, caches[i], positions, heads)
	}
	rowOf := make([]float32, 2*headDim)
	for slot := range caches[0].Slots {
		if caches[0].Slots[slot] != caches[1].Slots[slot] {
			t.Errorf("CacheWrite: slot %d is %v, want %v", slot, caches[0].Slots[slot], caches[1].Slots[slot])
		}
		var rows [2][]float32
		for i, c := range caches {
			c.K.Get(rowOf[:headDim], slot)
			c.V.Get(rowOf[headDim:], slot)
			rows[i] = append(rows[i], rowOf...)
		}
		checkBits(t, "CacheWrite", rows[0], rows[1])
	}

	gateUp := normals(r, n*2*dim, 3)
	got, want = poisoned(n*dim), poisoned(n*dim)
	SwiGLU(gateUp, got, n, dim)
	for i := range n {
		SwiGLU(gateUp[i*2*dim:(i+1)*2*dim], want[i*dim:(i+1)*dim], 1, dim)
	}
	checkBits(t, "SwiGLU", got, want)
}
