package gpu

import (
	"fmt"
	"slices"
	"testing"

	"keyfold/internal/kernelcase"
	"keyfold/layout"
)

func TestGVoteVote(t *testing.T) {
	bothTypes(t, func(t *testing.T, d *Device) {
		for _, ct := range layout.CacheTypes {
			d.runCases(t, kernelcase.GVoteVoteCases(ct))
			d.runCases(t, kernelcase.TiedVotes(ct))
		}
	})
}

// Short numbers have many ties. An emulated GPU takes long for the kernel for GPUs, so
// this is about the one for its own type of adapter.
func TestGVoteVoteOfShortNumbers(t *testing.T) {
	d := openForTest(t)
	for _, ct := range []layout.CacheType{layout.CacheF16, layout.CacheF32} {
		d.runCases(t, kernelcase.ShortVotes(ct))
	}
}

// Sums over thousands of slots still find the boundary of the nucleus.
func TestGVoteVoteLongCache(t *testing.T) {
	bothTypes(t, func(t *testing.T, d *Device) {
		for _, pNuc := range []float32{0.5, 0.95} {
			c := kernelcase.LongVote(pNuc)
			r := newCaseRun(d)
			p := d.Begin()
			r.pass = p
			r.record(p, c)
			c.Twin()
			votes, budgets := p.Read(r.words(c.Votes), 0, 4*len(c.Votes)), p.Read(r.words(c.BStep), 0, 4*len(c.BStep))
			if err := p.Submit(); err != nil {
				t.Fatal(err)
			}
			r.free()
			for a, got := range budgets.Words() {
				if want := c.BStep[a]; got+1 < want || got > want+1 {
					t.Errorf("p_nuc=%g: head %d has budget %d, want %d give or take one", pNuc, a, got, want)
				}
			}
			// Neighbouring scores are 1e-3 apart, so now and then a voter picks one slot for another or, where
			// the budget is one off, one more.
			differing := 0
			for j, got := range votes.Words() {
				if got != c.Votes[j] {
					differing++
				}
			}
			if limit := 2 * c.Voters(); differing > limit {
				t.Errorf("p_nuc=%g: votes differ at %d slots, want at most %d", pNuc, differing, limit)
			}
			t.Logf("p_nuc=%g: budgets %v, votes differ at %d slots", pNuc, budgets.Words(), differing)
		}
	})
}

// BenchmarkGVoteVote is one layer's ballot over 1,024 slots: the shapes of
// stories260K and of a model of width 288.
func BenchmarkGVoteVote(b *testing.B) {
	const n, samples = 1024, 8
	d := openForTest(b)
	for _, tc := range []struct{ headDim, kvHeads, nHeads int }{{8, 4, 8}, {48, 6, 6}} {
		b.Run(fmt.Sprintf("head_dim=%d,heads=%d", tc.headDim, tc.nHeads), func(b *testing.B) {
			shape := kernelcase.CacheShape{
				Why: "ballot", HeadDim: tc.headDim, Lens: slices.Repeat([]int{n}, tc.kvHeads), Group: tc.nHeads / tc.kvHeads,
			}
			v := kernelcase.NewGVoteVote(layout.CacheF16, shape, samples)
			r := newCaseRun(d)
			defer r.free()
			c, last, sampled, votes, budgets := r.cache(v.Cache), r.queries(v.Last), r.queries(v.Sampled), r.words(v.Votes), r.words(v.BStep)
			ranks := r.words(make([]uint32, v.ScratchRows*v.Ballot.Stride))
			for b.Loop() {
				p := d.Begin()
				p.GVoteVote(c, last, sampled, ranks, votes, budgets, v.Ballot)
				p.Read(budgets, 0, 4) // waits for the device
				if err := p.Submit(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
