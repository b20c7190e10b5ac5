package ref

import "keyfold/layout"

// GVoteVote is the CPU twin of gpu/shaders/gvote_vote.wgsl. The last prompt
// query of each query head a finds C_0, the smallest set of largest softmax
// weights with mass >= PNuc (all slots if PNuc >= 1), whose size is bStep[a],
// and votes for it if IncludeC0. Then each sampled query votes for its bStep[a]
// largest scores. Ties go to the lower slot.
//
//	last     of one token: the last of the prompt
//	sampled  of N samples, with the Heads and Scale of last
//	votes    (n_kv_heads, Stride)  overwritten: voters for each slot, 0 beyond a head's length
//	bStep    (n_heads)             overwritten
//
// Source: Tang et al. 2025, GVote, arXiv:2509.03136.
func GVoteVote(c layout.Cache, last, sampled layout.Queries, votes, bStep []uint32, b layout.Ballot) {
	headDim, groupSize := c.HeadDim(), last.Heads/len(c.Heads)
	clear(votes)
	for a := range last.Heads {
		h := a / groupSize
		vote := func(picked []int) {
			for _, j := range picked {
				votes[h*b.Stride+j]++
			}
		}
		scores := c.Scores(h, c.Len(h), last.Row(0, a, headDim), last.Scale)
		order := layout.Descending(scores)
		c0 := order[:layout.Nucleus(scores, order, b.PNuc)]
		bStep[a] = uint32(len(c0))
		if b.IncludeC0 {
			vote(c0)
		}
		for s := range sampled.N {
			scores := c.Scores(h, c.Len(h), sampled.Row(s, a, headDim), sampled.Scale)
			vote(layout.Descending(scores)[:len(c0)])
		}
	}
}
