package gpu

import "math"

// GVoteVote records a ballot over the heads[h].len + nAfter slots of each KV
// head. The last prompt query of each query head a sets its budget bStep[a], the
// size of the smallest set of largest softmax weights with mass >= pNuc (all
// slots if pNuc >= 1), and votes for that set if includeC0. Then each sampled
// query votes for the bStep[a] largest scores. Ties go to the lower slot.
//
//	qLast     (nHeads, head_dim)      rotated
//	qSamples  (samples, qStride), its first nHeads*head_dim columns, rotated
//	ranks     (at least nHeads, stride)  scratch; (samples*nHeads, stride) lets all samples vote at once
//	votes     (n_kv_heads, stride) u32   overwritten: voters for each slot, 0 beyond a head's length
//	bStep     (nHeads) u32               overwritten
//
// votes is set to 0 here, by zero.wgsl. CPU twin: [ref.GVoteVote].
func (p *Pass) GVoteVote(c *Cache, qLast, qSamples, ranks, votes, bStep *Buffer, samples, qStride, nHeads, stride, nAfter int,
	scale, pNuc float32, includeC0 bool) {
	p.want("gvote_vote", "q_last", qLast, nHeads*c.HeadDim, "n_heads*head_dim")
	p.want("gvote_vote", "q_samples", qSamples, samples*qStride, "samples*q_stride")
	p.want("gvote_vote", "ranks", ranks, nHeads*stride, "n_heads*stride")
	p.want("gvote_vote", "votes", votes, c.NKVHeads*stride, "n_kv_heads*stride")
	p.want("gvote_vote", "b_step", bStep, nHeads, "n_heads")
	if p.err != nil {
		return
	}
	id := c.kernel("gvote_vote", true, false)
	id.consts[1] = p.d.variant(Ballots).id().consts[1]
	perVoter := (2*c.HeadDim + 80) * stride // the scores, and searches of up to 28 steps over some slots
	ballot := func(q *Buffer, qStride, first, n int, nucleus uint32) {
		p.spend(n * nHeads * perVoter)
		p.dispatch(id, [3]int{n * nHeads, 1, 1}, []uint32{ // struct Params in gvote_vote.wgsl
			uint32(qStride), uint32(nHeads), uint32(nHeads / c.NKVHeads), uint32(nAfter), math.Float32bits(scale),
			uint32(stride), uint32(first), nucleus, math.Float32bits(pNuc), boolWord(includeC0),
		}, c.K, c.V, c.Slots, c.Heads, q, ranks, votes, bStep)
	}
	p.Zero(votes, c.NKVHeads*stride)
	ballot(qLast, nHeads*c.HeadDim, 0, 1, 1)
	atOnce := min(ranks.size/4/(nHeads*stride), p.d.Limits.Groups/nHeads, max(1, p.d.MostWork()/(nHeads*perVoter)))
	for first := 0; first < samples; first += atOnce {
		ballot(qSamples, qStride, first, min(atOnce, samples-first), 0)
	}
}

func boolWord(b bool) uint32 {
	if b {
		return 1
	}
	return 0
}
