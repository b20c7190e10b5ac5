package cpu

import (
	"math"

	"keyfold/layout"
)

// GVoteVote computes what [ref.GVoteVote] specifies. Nothing is sorted: of a
// voter's slots it matters which are the first, and not in which order.
func GVoteVote(c layout.Cache, last, sampled layout.Queries, votes, bStep []uint32, ballot layout.Ballot) {
	clear(votes)
	eachHead(c, last.Heads, 1+sampled.N, func(kvHead int, b *buffers) {
		headDim, groupSize, n, offset := c.HeadDim(), last.Heads/len(c.Heads), c.Len(kvHead), c.Heads[kvHead].Offset
		b.panel, b.scores = room(b.panel, n*headDim), room(b.scores, n)
		keys, order := unpackSlots(b.panel, &c.K, offset, n), make([]uint64, n)
		bias := b.biases(c.Slots[offset : offset+n])
		score := func(query []float32) float32 {
			matvec(b.scores, keys, query, headDim)
			return addBias(b.scores, bias, last.Scale)
		}
		vote := func(picked []uint64) {
			for _, ranked := range picked {
				votes[kvHead*ballot.Stride+slotOf(ranked)]++
			}
		}
		for a := kvHead * groupSize; a < (kvHead+1)*groupSize; a++ {
			top := score(last.Row(0, a, headDim))
			rank(order, b.scores)
			size := n
			if ballot.PNuc < 1 {
				total := exp(b.scores, top)
				size = first(order, b.scores, float64(ballot.PNuc)*total)
			}
			bStep[a] = uint32(size)
			if ballot.IncludeC0 {
				vote(order[:size])
			}
			for s := range sampled.N {
				score(sampled.Row(s, a, headDim))
				rank(order, b.scores)
				vote(order[:first(order, nil, float64(size))])
			}
		}
	})
}

// rank writes numbers that are the larger, the larger the slot's score and, of
// equal scores, the lower the slot.
func rank(order []uint64, scores []float32) {
	order = order[:len(scores)]
	for j, s := range scores {
		bits := math.Float32bits(s)
		bits ^= uint32(int32(bits)>>31) | 1<<31 // negative floats ascend as their bits descend
		order[j] = uint64(bits)<<32 | uint64(^uint32(j))
	}
}

// slotOf returns the slot that [rank] gave a number.
func slotOf(ranked uint64) int { return int(^uint32(ranked)) }

// first moves the m largest numbers to the front of order, where m is the
// smallest for which the weights of their slots sum to need, and returns m: all
// if they do not. Without weights each weighs 1.
//
// Source: Hoare 1961, "Algorithm 65: Find", which divides only the part that has
// the boundary in it.
func first(order []uint64, weights []float32, need float64) int {
	from, to := 0, len(order) // all before are among them, none from `to` on
	for from < to {
		at := from + divide(order[from:to])
		before := weigh(order[from:at], weights)
		with := before + weigh(order[at:at+1], weights)
		switch {
		case before >= need:
			to = at
		case with >= need:
			return at + 1
		default:
			from = at + 1
			need -= with
		}
	}
	return from
}

// divide puts the larger numbers before one of them and the smaller behind it,
// and returns where it is: the median of the first, the middle and the last.
func divide(order []uint64) int {
	last := len(order) - 1
	a, b, c := order[0], order[last/2], order[last]
	pivot := max(min(a, b), min(max(a, b), c))
	switch pivot {
	case a:
		order[0], order[last] = c, a
	case b:
		order[last/2], order[last] = c, b
	}
	at := 0
	for i, ranked := range order[:last] {
		order[i], order[at] = order[at], ranked // without a branch: it would be guessed wrong half of the time
		if ranked > pivot {
			at++
		}
	}
	order[at], order[last] = pivot, order[at]
	return at
}

func weigh(order []uint64, weights []float32) float64 {
	if weights == nil {
		return float64(len(order))
	}
	sum := 0.0
	for _, ranked := range order {
		sum += float64(weights[slotOf(ranked)])
	}
	return sum
}
