package gpu

import (
	"math"

	"keyfold/layout"
)

// GVoteVote records a ballot over all slots of each KV head. The last prompt
// query of each query head a sets its budget bStep[a], the size of the smallest
// set of largest softmax weights with mass >= PNuc (all slots if PNuc >= 1), and
// votes for that set if IncludeC0. Then each sampled query votes for the bStep[a]
// largest scores. Ties go to the lower slot.
//
//	last     of one token: the last of the prompt
//	sampled  of N samples, with the Heads and Scale of last
//	ranks    (at least n_heads, Stride)  scratch; (N*n_heads, Stride) lets all samples vote at once
//	votes    (n_kv_heads, Stride) u32    overwritten: voters for each slot, 0 beyond a head's slots
//	bStep    (n_heads) u32               overwritten
//
// votes is set to 0 here, by zero.wgsl. CPU twin: [ref.GVoteVote].
func (p *Pass) GVoteVote(c *Cache, last, sampled Queries, ranks, votes, bStep *Buffer, b layout.Ballot) {
	nHeads, stride := last.Heads, b.Stride
	p.wantQueries("gvote_vote", last)
	p.wantQueries("gvote_vote", sampled)
	p.want("gvote_vote", "ranks", ranks, nHeads*stride, "n_heads*stride")
	p.want("gvote_vote", "votes", votes, c.NKVHeads*stride, "n_kv_heads*stride")
	p.want("gvote_vote", "b_step", bStep, nHeads, "n_heads")
	if p.err != nil {
		return
	}
	id := c.kernel("gvote_vote", true, false)
	id.consts[1] = p.d.variant(Ballots).id().consts[1]
	perVoter := (2*c.HeadDim + 80) * stride // the scores, and searches of up to 28 steps over some slots
	ballot := func(q Queries, first, n int, nucleus uint32) {
		p.spend(n * nHeads * perVoter)
		p.dispatch(id, [3]int{n * nHeads, 1, 1}, []uint32{ // struct Params in gvote_vote.wgsl
			uint32(q.Stride), uint32(nHeads), uint32(nHeads / c.NKVHeads), uint32(c.Appended), math.Float32bits(q.Scale),
			uint32(stride), uint32(q.First + first), nucleus, math.Float32bits(b.PNuc), boolWord(b.IncludeC0),
		}, c.K, c.V, c.Slots, c.Heads, q.Buf, ranks, votes, bStep)
	}
	p.Zero(votes, c.NKVHeads*stride)
	ballot(last, 0, 1, 1)
	atOnce := min(ranks.size/4/(nHeads*stride), p.d.Limits.Groups/nHeads, max(1, p.d.MostWork()/(nHeads*perVoter)))
	for first := 0; first < sampled.N; first += atOnce {
		ballot(sampled, first, min(atOnce, sampled.N-first), 0)
	}
}

func boolWord(b bool) uint32 {
	if b {
		return 1
	}
	return 0
}
