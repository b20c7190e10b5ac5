package kernelcase

import (
	"fmt"
	"math"

	"keyfold/layout"
	"keyfold/ref"
)

// GVoteVote is a call of gvote_vote.
type GVoteVote struct {
	Cache         layout.Cache
	Last, Sampled Queries
	Votes, BStep  []uint32
	Ballot        layout.Ballot
	ScratchRows   int  // that a device gets: fewer than samples*n_heads make several dispatches
	sure          bool // no choice hangs on a rounding error
}

func newGVoteVote(c layout.Cache, group, samples int, ballot layout.Ballot) *GVoteVote {
	ballot.Stride = strideOf(c)
	heads := group * len(c.Heads)
	last, sampled := queries("last", c, group, 1, 1), queries("sampled", c, group, samples, 1)
	return &GVoteVote{
		Cache: c, Last: last, Sampled: sampled, Votes: unwrittenWords(len(c.Heads) * ballot.Stride), BStep: unwrittenWords(heads),
		Ballot: ballot, ScratchRows: samples * heads,
	}
}

func (c *GVoteVote) Twin() {
	ref.GVoteVote(c.Cache, c.Last.OnCPU(), c.Sampled.OnCPU(), c.Votes, c.BStep, c.Ballot)
}

// Outputs leaves out KV heads in which a choice hangs on a rounding error.
func (c *GVoteVote) Outputs() []Output {
	budgets, votes := exactly("b_step", c.BStep), exactly("votes", c.Votes)
	if c.sure {
		return []Output{budgets, votes}
	}
	close, _ := c.CloseCalls()
	group := c.Last.Heads / len(c.Cache.Heads)
	var outputs []Output
	for h := range c.Cache.Heads {
		if !close[h] {
			outputs = append(outputs, budgets.part("b_step", h*group, (h+1)*group),
				votes.part("votes", h*c.Ballot.Stride, (h+1)*c.Ballot.Stride))
		}
	}
	return outputs
}

// Voters returns how many queries vote.
func (c *GVoteVote) Voters() int { return c.Last.Heads * (1 + c.Sampled.N) }

// CloseCalls counts the voters whose choice is a close call once the twin has voted,
// and names their KV heads.
func (c *GVoteVote) CloseCalls() (heads map[int]bool, calls int) {
	heads = map[int]bool{}
	headDim, group := c.Cache.HeadDim(), c.Last.Heads/len(c.Cache.Heads)
	for a := range c.Last.Heads {
		h := a / group
		check := func(q layout.Queries, t int, pNuc float32) {
			scores := c.Cache.Scores(h, c.Cache.Len(h), q.Row(t, a, headDim), q.Scale)
			if closeCall(scores, layout.Descending(scores), int(c.BStep[a]), pNuc) {
				heads[h] = true
				calls++
			}
		}
		check(c.Last.OnCPU(), 0, c.Ballot.PNuc)
		for s := range c.Sampled.N {
			check(c.Sampled.OnCPU(), s, 0)
		}
	}
	return heads, calls
}

// closeCall reports whether the choice of the first m slots of order hangs on a
// rounding error: the score of slot m-1 and that of slot m are nearly but not
// exactly equal (exact ties are exact on all sides), or, if by mass, the mass
// of m-1 or of m slots is nearly pNuc.
func closeCall(scores []float64, order []int, m int, pNuc float32) bool {
	if m == 0 {
		return false // an empty head
	}
	if m < len(order) {
		gap := scores[order[m-1]] - scores[order[m]]
		if gap != 0 && gap < 1e-5*math.Max(1, math.Abs(scores[order[m]])) {
			return true
		}
	}
	if pNuc <= 0 || pNuc >= 1 {
		return false
	}
	lse, mass := layout.LogSumExp(scores), 0.0
	for _, j := range order[:m-1] {
		mass += math.Exp(scores[j] - lse)
	}
	with := mass + math.Exp(scores[order[m-1]]-lse)
	return math.Abs(mass-float64(pNuc)) < 1e-5 || math.Abs(with-float64(pNuc)) < 1e-5
}

func smallGVoteVote(c layout.Cache, group int) *GVoteVote {
	v := newGVoteVote(c, group, 3, layout.Ballot{PNuc: 0.9, IncludeC0: true})
	v.ScratchRows, v.sure = 2*v.Last.Heads, true
	return v
}

// GVoteVoteCases are ballots in caches of type t: with several dispatches, one sample each
// at first, all at once at last.
func GVoteVoteCases(t layout.CacheType) []Case {
	var cases []Case
	for i, pNuc := range []float32{0.01, 0.5, 0.95, 1} {
		cases = append(cases, perShape(t, shapesFor(t), func(s CacheShape) Call {
			v := newGVoteVote(NewCache(t, s, 2, 3), s.Group, 5, layout.Ballot{PNuc: pNuc, IncludeC0: i%2 == 0})
			for j := range s.HeadDim { // so sharp that most weights are 0 in f32, and yet p_nuc = 1 means every slot
				v.Last.Buf[j] *= 100
			}
			v.ScratchRows = v.Last.Heads * (1 + 2*i)
			v.Last, v.Sampled = v.Last.at(i), v.Sampled.at(2*i)
			return v
		})...)
	}
	return cases
}

// TiedVotes are ballots on five different keys with thirty slots each, in some order, and
// one on slots with the same key. Equal keys give equal scores, and the lower slots win.
func TiedVotes(t layout.CacheType) []Case {
	const n, keys = 150, 5
	headDim := 8
	if t.Quantised() {
		headDim = 32
	}
	rows := numbers("keys", keys*headDim, 1)
	tied := func(pNuc float32, keyOf func(i int) int) *GVoteVote {
		c := NewCache(t, CacheShape{"ties", headDim, []int{n}, 2}, 0, 0)
		for i, slot := range newRandom("order").perm(n) {
			at := keyOf(i) * headDim
			c.K.Put(slot, rows[at:at+headDim])
			c.Slots[slot].Bias = 0
		}
		v := newGVoteVote(c, 2, 3, layout.Ballot{PNuc: pNuc, IncludeC0: true})
		v.sure = true
		return v
	}
	var cases []Case
	for _, pNuc := range []float32{0.3, 0.5, 0.95} {
		cases = append(cases, one(fmt.Sprintf("%v, ties, p_nuc %g", t, pNuc), tied(pNuc, func(i int) int { return i % keys })))
	}
	return append(cases, one(fmt.Sprintf("%v, all equal", t), tied(0.5, func(int) int { return 0 })))
}

// LongVote is a ballot over thousands of slots, so close to each other that some choices
// hang on rounding errors.
func LongVote(pNuc float32) *GVoteVote {
	c := NewCache(layout.CacheF32, CacheShape{"long", 8, []int{3000}, 2}, 0, 0)
	return newGVoteVote(c, 2, 4, layout.Ballot{PNuc: pNuc, IncludeC0: true})
}

// NewGVoteVote is a ballot of a shape, for benchmarks.
func NewGVoteVote(t layout.CacheType, s CacheShape, samples int) *GVoteVote {
	return newGVoteVote(NewCache(t, s, 0, 0), s.Group, samples, layout.Ballot{PNuc: 0.95, IncludeC0: true})
}

// ShortVotes are ballots on keys, queries and biases that are so short in binary that
// float32 has all scores exactly: many slots are equal. Quantised keys are not short.
func ShortVotes(t layout.CacheType) []Case {
	var cases []Case
	for _, s := range []struct {
		CacheShape
		after int
		scale float32
	}{
		{CacheShape{"one slot", 4, []int{0}, 1}, 1, 0.5},
		{CacheShape{"ragged, one head empty", 8, []int{150, 1, 0, 33}, 2}, 0, 0.25},
		{CacheShape{"appended behind the tables", 48, []int{60, 61}, 3}, 7, 0.5},
		{CacheShape{"most weights are 0 in float32", 32, []int{400}, 1}, 0, 8},
	} {
		for i, pNuc := range []float32{1e-6, 0.3, 0.95, 0.9999, 1} {
			v := shortVote(NewCache(t, s.CacheShape, s.after, 0), s.Group, s.scale, layout.Ballot{PNuc: pNuc, IncludeC0: i%2 == 0})
			cases = append(cases, one(fmt.Sprintf("%v, short numbers, %s, p_nuc %g", t, s.Why, pNuc), v))
		}
	}
	return cases
}

func shortVote(c layout.Cache, group int, scale float32, ballot layout.Ballot) *GVoteVote {
	short := func(v []float32) {
		for i, x := range v {
			v[i] = float32(math.Round(2*float64(x))) / 4
		}
	}
	row := make([]float32, c.HeadDim())
	for slot := range c.Slots {
		c.K.Get(row, slot)
		short(row)
		c.K.Put(slot, row)
		c.Slots[slot].Bias = float32(slot%3) / 2
	}
	v := newGVoteVote(c, group, 5, ballot)
	short(v.Last.Buf)
	short(v.Sampled.Buf)
	v.Last.Scale, v.Sampled.Scale, v.sure = scale, scale, true
	return v
}

// LargeVote is a ballot of short numbers over so many slots that the CPU takes several
// threads for it, which takes an emulated GPU long.
func LargeVote(pNuc float32) Case {
	c := NewCache(layout.CacheF16, CacheShape{"large", 16, []int{3000, 2000}, 1}, 0, 0)
	return one(fmt.Sprintf("large, p_nuc %g", pNuc), shortVote(c, 1, 0.125, layout.Ballot{PNuc: pNuc, IncludeC0: true}))
}
