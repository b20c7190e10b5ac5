package cpu

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"keyfold/layout"
	"keyfold/ref"
)

// Votes are the twin's, and so are budgets. Keys, queries and biases are so
// short in binary that float32 has all scores exactly: many slots are equal,
// and no voter is undecided because of rounding.
func TestGVoteVote(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 0))
	short := func(n int) []float32 {
		x := make([]float32, n)
		for i := range x {
			x[i] = float32(r.IntN(9)-4) / 4
		}
		return x
	}
	const samples, gap = 5, 3
	for _, tc := range []struct {
		headDim, group, after int
		lens                  []int
		scale                 float32
		why                   string
	}{
		{2, 1, 1, []int{0}, 0.5, "one slot"},
		{8, 2, 0, []int{150, 1, 0, 33}, 0.25, "ragged, one head empty"},
		{48, 3, 7, []int{60, 61}, 0.5, "appended behind the tables"},
		{32, 1, 0, []int{400}, 8, "most weights are 0 in float32"},
		{16, 1, 0, []int{3000, 2000}, 0.125, "work for several threads"},
	} {
		c := randomCache(r, layout.CacheF16, tc.headDim, tc.lens, tc.after)
		for i := range c.Slots {
			c.K.Put(i, short(tc.headDim))
			c.Slots[i].Bias = float32(r.IntN(3)) / 2
		}
		nHeads := tc.group * len(tc.lens)
		stride, qStride := slices.Max(tc.lens)+tc.after+1, nHeads*tc.headDim+gap
		last, sampled := short(nHeads*tc.headDim), short(samples*qStride)
		for i, pNuc := range []float32{1e-6, 0.3, 0.95, 0.9999, 1} {
			vote := func(f func(layout.Cache, layout.Queries, layout.Queries, []uint32, []uint32, layout.Ballot)) (votes, bStep []uint32) {
				votes, bStep = slices.Repeat([]uint32{9999}, len(tc.lens)*stride), slices.Repeat([]uint32{9999}, nHeads)
				f(c.With(tc.after), layout.Queries{Buf: last, N: 1, Heads: nHeads, Scale: tc.scale},
					layout.Queries{Buf: sampled, N: samples, Stride: qStride, Heads: nHeads, Scale: tc.scale},
					votes, bStep, layout.Ballot{PNuc: pNuc, IncludeC0: i%2 == 0, Stride: stride})
				return votes, bStep
			}
			votes, bStep := vote(GVoteVote)
			wantVotes, wantB := vote(ref.GVoteVote)
			if !slices.Equal(bStep, wantB) {
				t.Errorf("%s, p_nuc %g: budgets %v, want %v", tc.why, pNuc, bStep, wantB)
			}
			if !slices.Equal(votes, wantVotes) {
				t.Errorf("%s, p_nuc %g: votes %v, want %v", tc.why, pNuc, votes, wantVotes)
			}
		}
	}
}

// Whatever order the slots come in, the first m are those that sorting finds.
func TestFirst(t *testing.T) {
	r := rand.New(rand.NewPCG(8, 0))
	for n := range 70 {
		for name, score := range map[string]func(i int) float32{
			"random":     func(int) float32 { return float32(r.NormFloat64()) },
			"ascending":  func(i int) float32 { return float32(i) },
			"descending": func(i int) float32 { return float32(-i) },
			"few values": func(int) float32 { return float32(r.IntN(3) - 1) },
			"all equal":  func(int) float32 { return 2 },
		} {
			scores, weights := make([]float32, n), make([]float32, n)
			wide := make([]float64, n)
			for i := range scores {
				scores[i], weights[i] = score(i), float32(r.IntN(5))
				wide[i] = float64(scores[i])
			}
			sorted := layout.Descending(wide)
			check := func(weights []float32, need float64) {
				t.Helper()
				want, sum := 0, 0.0
				for want < n && sum < need {
					if weights == nil {
						sum++
					} else {
						sum += float64(weights[sorted[want]])
					}
					want++
				}
				order := make([]uint64, n)
				rank(order, scores)
				m := first(order, weights, need)
				picked := make([]int, m)
				for i := range picked {
					picked[i] = slotOf(order[i])
				}
				wantPicked := slices.Sorted(slices.Values(sorted[:want]))
				if slices.Sort(picked); !slices.Equal(picked, wantPicked) {
					t.Errorf("%s, %d slots of weights %v, need %g: %v, want %v", name, n, weights, need, picked, wantPicked)
				}
			}
			for m := range n + 1 {
				check(nil, float64(m))
			}
			for need := 1; need < 2*n+3; need += 1 + n/8 { // more than there is, at times
				check(weights, float64(need))
			}
		}
	}
}

func TestGVoteStats(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 0))
	for _, tc := range []struct {
		dim    int
		chunks []int
		skip   int // rows of the whole that do not count
		mean   float32
		why    string
	}{
		{1, []int{1}, 0, 0, "one row has no variance"},
		{63, []int{20}, 4, 0, "some rows skipped"},
		{64, []int{3, 40, 1}, 4, 0, "a chunk that is skipped as a whole, one of a single row"},
		{65, []int{64, 64}, 0, 300, "mean far above the deviation"},
		{1001, []int{300}, 0, 0, "work for several threads"},
	} {
		got, want := poisoned(2*tc.dim), poisoned(2*tc.dim)
		done := 0
		for _, n := range tc.chunks {
			x := normals(r, n*tc.dim, 1)
			for j := range x {
				x[j] += tc.mean * float32(j%tc.dim%3)
			}
			before, skip := max(0, done-tc.skip), max(0, tc.skip-done)
			GVoteStats(x, got, n, tc.dim, before, skip)
			ref.GVoteStats(x, want, n, tc.dim, before, skip)
			done += n
		}
		// Both sum in float64 and round the state to float32 after each chunk.
		checkClose(t, tc.why, got, want, func(i int) float64 { return 1e-6 * (math.Abs(float64(want[i])) + 1) })
	}
}
