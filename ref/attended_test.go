package ref

import (
	"math"
	"testing"

	"keyfold/layout"
)

func TestAttnMax(t *testing.T) {
	// Two query heads share keys 0 and ln 3 on a line. Token 0 sees the first key, token 1 both.
	ln3 := float32(math.Log(3))
	k := keys([]float32{0}, []float32{ln3})
	slots, heads := make([]layout.Slot, 2), []layout.Head{{Offset: 0, Len: 0}}
	q := []float32{1, 1, 1, 0} // token 1: head 0 weighs 1:3, head 1 weighs 1:1
	lse := make([]float32, 4)
	Attention(layout.Cache{K: k, V: k, Slots: slots, Heads: heads, Appended: 2}, layout.Queries{Buf: q, N: 2, Stride: 2, Heads: 2, Scale: 1}, make([]float32, 4), lse)
	most := []float32{0, 0, 10}
	AttnMax(layout.Cache{K: k, Slots: slots, Heads: heads, Appended: 2}, layout.Queries{Buf: q, N: 2, Stride: 2, Heads: 2, Scale: 1}, lse, most, 3)
	checkFloats(t, "most", most, []float32{1, 0.75, 10})
	most = []float32{0, 0, 10}
	AttnMax(layout.Cache{K: k, Slots: slots, Heads: heads, Appended: 2}, layout.Queries{Buf: q[2:], N: 1, Stride: 2, Heads: 2, Scale: 1}, lse[2:], most, 3) // token 1 alone
	checkFloats(t, "most of token 1", most, []float32{0.5, 0.75, 10})
	most = []float32{0.6, 0.7, 10}
	AttnMax(layout.Cache{K: k, Slots: slots, Heads: heads, Appended: 2}, layout.Queries{Buf: q[2:], N: 1, Stride: 2, Heads: 2, Scale: 1}, lse[2:], most, 3)
	checkFloats(t, "most, with what was before", most, []float32{0.6, 0.75, 10})
}

func TestExpectedLogits(t *testing.T) {
	// Two query heads over one KV head; scale 1/2, the second slot stands for two tokens.
	k := keys([]float32{1, 0}, []float32{1, 2})
	v := keys([]float32{3, 4}, []float32{0, 2})
	slots, heads := []layout.Slot{{N: 1}, {N: 2, Bias: 0.5}}, []layout.Head{{Offset: 0, Len: 1}}
	mean := []float32{2, 1, -1, 0}
	cov := []float32{4, 1, 1, 2, 0, 0, 0, 8}
	z, norms := []float32{9, 9, 9, 9, 9, 9}, []float32{9, 9, 9}
	ExpectedLogits(layout.Cache{K: k, V: v, Slots: slots, Heads: heads, Appended: 1}, layout.QueryMoments{Mean: mean, Cov: cov, Heads: 2, Scale: 0.5}, z, norms, 3)
	// Head 0: 1/2 * 2 + 1/8 * 4, and 1/2 * 4 + 1/8 (4 + 2*2 + 2*4) + 1/2.
	// Head 1: 1/2 * -1 + 0, and 1/2 * -1 + 1/8 * 8*4 + 1/2.
	checkFloats(t, "logits", z, []float32{1.5, 4.5, 9, -0.5, 4, 9})
	checkFloats(t, "norms", norms, []float32{5, 2, 9})
}

// The mean of exp(q.k) over many normal queries is exp of the expected logit.
func TestExpectedLogitsOfManyQueries(t *testing.T) {
	const headDim, n = 4, 200000
	key := []float32{0.5, -0.3, 0.2, 0.4}
	k, slots, heads := keys(key), []layout.Slot{{N: 1}}, []layout.Head{{Offset: 0, Len: 1}}
	q := make([]float32, n*headDim)
	for t := range n {
		common := layout.Normal(1, uint32(t), 99)
		for i := range headDim { // they vary together, around 0.3
			q[t*headDim+i] = 0.3 + common + layout.Normal(1, uint32(t), uint32(i))
		}
	}
	sum := 0.0
	for t := range n {
		sum += math.Exp(0.5 * layout.Dot(q[t*headDim:(t+1)*headDim], key))
	}
	stats, cov := make([]float32, 2*headDim), make([]float32, headDim*headDim)
	GVoteStats(q, stats, n, headDim, 0, 0)
	QueryCov(layout.Queries{Buf: q, N: n, Stride: headDim, Heads: 1}, stats, cov, headDim, 0, 0)
	for i := range cov {
		cov[i] /= n
	}
	z, norm := make([]float32, 1), make([]float32, 1)
	ExpectedLogits(layout.Cache{K: k, V: k, Slots: slots, Heads: heads}, layout.QueryMoments{Mean: stats[:headDim], Cov: cov, Heads: 1, Scale: 0.5}, z, norm, 1)
	if got, want := float64(z[0]), math.Log(sum/n); !(math.Abs(got-want) <= 0.005) {
		t.Errorf("expected logit %g, the queries' own mean gives %g", got, want)
	}
}

func TestQueryCov(t *testing.T) {
	// Two heads of two columns. Head 0: rows (1, 2), (3, 6), (5, 1) around (3, 3). Head 1: rows that do not vary.
	rows := []float32{
		70, 70, 70, 70,
		1, 2, 5, 5,
		3, 6, 5, 5,
		5, 1, 5, 5,
	}
	stats, cov := []float32{99, 99, 99, 99, 99, 99, 99, 99}, []float32{99, 99, 99, 99, 99, 99, 99, 99}
	// Squares 4+0+4, products (-2)(-1) + 0 + 2(-2), squares 1+9+4.
	want := []float32{8, -2, -2, 14, 0, 0, 0, 0}
	GVoteStats(rows, stats, 4, 4, 0, 1)
	QueryCov(layout.Queries{Buf: rows, N: 4, Stride: 4, Heads: 2}, stats, cov, 2, 0, 1)
	checkFloats(t, "co-moments", cov, want)
	for _, first := range []int{2, 3} { // the same in two chunks
		GVoteStats(rows, stats, first, 4, 0, 1)
		QueryCov(layout.Queries{Buf: rows, N: first, Stride: 4, Heads: 2}, stats, cov, 2, 0, 1)
		GVoteStats(rows[4*first:], stats, 4-first, 4, first-1, 0)
		QueryCov(layout.Queries{Buf: rows[4*first:], N: 4 - first, Stride: 4, Heads: 2}, stats, cov, 2, first-1, 0)
		checkFloats(t, "co-moments of two chunks", cov, want)
	}
}
