package ref

import "keyfold/layout"

// GVoteVote is the CPU twin of gpu/shaders/gvote_vote.wgsl. The last prompt
// query of each query head a finds C_0, the smallest set of largest softmax
// weights with mass >= pNuc (all slots if pNuc >= 1), whose size is bStep[a],
// and votes for it if includeC0. Then each sampled query votes for its bStep[a]
// largest scores. Ties go to the lower slot.
//
//	k         (slots of all heads, head_dim)
//	slots     (slots of all heads)
//	heads     (n_kv_heads), each with Len + nAfter slots
//	qLast     (nHeads, head_dim)
//	qSamples  (samples, qStride), its first nHeads*head_dim columns
//	votes     (n_kv_heads, stride)  overwritten: voters for each slot, 0 beyond a head's length
//	bStep     (nHeads)              overwritten
//
// Source: Tang et al. 2025, GVote, arXiv:2509.03136.
func GVoteVote(k layout.Rows, slots []layout.Slot, heads []layout.Head, qLast, qSamples []float32, votes, bStep []uint32,
	samples, qStride, nHeads, stride, nAfter int, scale, pNuc float32, includeC0 bool) {
	headDim, groupSize := k.HeadDim, nHeads/len(heads)
	clear(votes)
	for a := range nHeads {
		h := a / groupSize
		head := heads[h]
		vote := func(picked []int) {
			for _, j := range picked {
				votes[h*stride+j]++
			}
		}
		scores := layout.Scores(k, slots, head.Offset, head.Len+nAfter, qLast[a*headDim:(a+1)*headDim], scale)
		order := layout.Descending(scores)
		c0 := order[:layout.Nucleus(scores, order, pNuc)]
		bStep[a] = uint32(len(c0))
		if includeC0 {
			vote(c0)
		}
		for s := range samples {
			query := qSamples[s*qStride+a*headDim : s*qStride+(a+1)*headDim]
			scores := layout.Scores(k, slots, head.Offset, head.Len+nAfter, query, scale)
			vote(layout.Descending(scores)[:len(c0)])
		}
	}
}
