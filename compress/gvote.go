package compress

import (
	"cmp"
	"fmt"
	"math"
	"slices"
)

// gVote keeps the slots that sampled future queries vote for. Nobody sets the
// size of the cache: it emerges from the votes, differently in every head.
//
// The ballots are held by the engine (Signals.Votes), with the parameters that
// Needs hands over. For each query head a of the group, and samples s = 1..S:
//
//	C_0(a)    = the fewest keys that hold p_nuc of the last prompt query's attention
//	B_step(a) = |C_0(a)|
//	h_s       ~ N(mu, diag(sd²))     mu, sd: of the attention input, first n_s tokens left out
//	C_s(a)    = the B_step(a) keys with the largest logits for the query of h_s
//	votes_i   = #{(a, s) : i in C_s(a)}      s from 0 if include_c0, else from 1
//
// Here the votes are counted, for each KV head with positions pos:
//
//	kept = { i : votes_i > 0  or  pos_i < n_s  or  i is the newest }
//
// Heads shorter than min_len and everything under p_nuc >= 1 are kept whole, or
// where they may not be ([Signals].Most) the first n_s slots and the most recent.
// With a cap, or with Most, the slots with the fewest votes leave until cap are left, of equal
// ones the later; the first n_s positions and the newest slot count, and stay.
//
// Differs from the paper: C_0 votes too (it is the only real demand at hand, and
// guarantees the first decoded token); the first n_s positions and the newest
// slot are always kept; short caches are not pruned; cap is ours.
// Where the public text is silent, keyfold chooses n_s = 4, future positions
// L + s, and the union over the query heads that share a KV head.
//
// Source: Tang et al. 2025, GVote, arXiv 2509.03136, as its public reviews
// describe it; the full text was not at hand.
type gVote struct {
	votes     VoteOptions
	positions string // "next" or "spread"
	cap       int    // slots kept per head at most; 0: no cap
}

var gVoteEntry = entry{
	name:     "gvote",
	summary:  "keeps what sampled future queries vote for (GVote, arXiv 2509.03136)",
	noBudget: "its size follows from the votes",
	options: []OptionHelp{
		{Key: "p_nuc", Default: "0.95", Want: "a number above 0, at most 2",
			Meaning: "attention mass that one query's keys must hold; 1 or more keeps everything",
			Size:    "attention to keep"},
		{Key: "samples", Default: "8", Want: "an integer from 1 to 1024",
			Meaning: "sampled future queries per layer"},
		{Key: "n_s", Default: "4", Want: "an integer from 0 to 1000000",
			Meaning: "first tokens left out of the statistics and always kept",
			Differs: "the paper's number is not known; it does not say that they are kept"},
		{Key: "include_c0", Default: "true", Want: "true or false",
			Meaning: "the last prompt query's own keys count as votes",
			Differs: "the paper unites the samples' keys only"},
		{Key: "positions", Default: "next", Want: "next or spread",
			Meaning: "where the sampled queries stand: the next positions, or spread over the next 512",
			Differs: "the paper's rule is not known"},
		{Key: "cap", Default: "0", Want: "0 for none, or an integer above n_s",
			Meaning: "most slots kept per head, those with the most votes"},
		{Key: "min_len", Default: "32", Want: "an integer from 0 to 1000000000",
			Meaning: "heads with fewer slots are kept whole",
			Differs: "the paper sets no such limit"},
	},
	build: func(r *reader) Method { return newGVote(r) },
}

func newGVote(r *reader) *gVote {
	m := &gVote{
		votes: VoteOptions{
			PNuc:      r.number("p_nuc", math.SmallestNonzeroFloat64, 2),
			Samples:   r.count("samples", 1, 1024),
			NSkip:     r.count("n_s", 0, 1_000_000),
			IncludeC0: r.choice("include_c0", "true", "false") == "true",
			Seed:      r.seed,
		},
		positions: r.choice("positions", "next", "spread"),
		cap:       r.count("cap", 0, math.MaxInt32),
	}
	m.votes.MinLen = r.count("min_len", 0, 1_000_000_000)
	m.votes.Spread = m.positions == "spread"
	if m.cap > 0 && m.cap <= m.votes.NSkip {
		r.refuse("cap")
	}
	if m.cap > 0 && m.votes.PNuc >= 1 {
		r.fail("option cap is %d and p_nuc is %g, want one of them: p_nuc >= 1 keeps everything",
			m.cap, m.votes.PNuc)
	}
	return m
}

func (m *gVote) Name() string { return "gvote" }

func (m *gVote) Needs() Needs {
	votes := m.votes
	return Needs{Votes: &votes}
}

func (m *gVote) deviations() []string {
	list := []string{
		fmt.Sprintf("the first n_s=%d tokens and the newest are always kept; the paper does not ask it",
			m.votes.NSkip),
	}
	if m.votes.IncludeC0 {
		list = append(list, "include_c0=true: the last prompt query votes; the paper unites the samples only")
	}
	if m.votes.MinLen > 1 {
		list = append(list, fmt.Sprintf("min_len=%d: shorter heads are kept whole; the paper has no limit",
			m.votes.MinLen))
	}
	if m.cap > 0 {
		list = append(list, fmt.Sprintf("cap=%d: the paper has no limit on the size of a head", m.cap))
	}
	return list
}

func (m *gVote) Plan(s *Signals) (*Plan, error) {
	if err := s.check("gvote", Needs{}); err != nil {
		return nil, err
	}
	kept, err := m.electAll("gvote", s)
	if err != nil {
		return nil, err
	}
	return keepWhere("gvote", m.options(), s, func(h, slot int) bool {
		return kept[h] == nil || kept[h][slot]
	}), nil
}

// electAll returns which slots of every head are kept; nil for a head that is
// kept whole. method is the one that errors name.
func (m *gVote) electAll(method string, s *Signals) ([][]bool, error) {
	kept := make([][]bool, len(s.Heads))
	for i := range s.Heads {
		h := &s.Heads[i]
		if m.whole(h) {
			if h.Slots() > s.most() {
				kept[i] = keepEnds(h, s.most(), m.votes.NSkip)
			}
			continue
		}
		if len(h.Votes) != h.Slots() {
			return nil, fmt.Errorf("%s: layer %d head %d has %d votes, want one per slot = %d",
				method, i/s.NKVHeads, i%s.NKVHeads, len(h.Votes), h.Slots())
		}
		kept[i] = m.elect(h, s.most())
	}
	return kept, nil
}

// whole reports whether nobody votes about a head: it is short, or all of its text
// is kept and left no statistics to vote by.
func (m *gVote) whole(h *Head) bool {
	n := h.Slots()
	return m.votes.PNuc >= 1 || n < m.votes.MinLen || n == 0 || h.Pos[n-1] < m.votes.NSkip
}

// elect returns which slots of one head are kept, no more than most if that can be.
func (m *gVote) elect(h *Head, most int) []bool {
	kept := make([]bool, h.Slots())
	left := most // for slots that are not kept in any case
	if m.cap > 0 {
		left = min(left, m.cap)
	}
	var candidates []int // slots kept for their votes alone
	for slot, votes := range h.Votes {
		switch {
		case h.Pos[slot] < m.votes.NSkip || slot == h.Slots()-1 || h.pinned(slot):
			kept[slot] = true
			left--
		case votes > 0:
			kept[slot] = true
			candidates = append(candidates, slot)
		}
	}
	if len(candidates) <= left {
		return kept
	}
	// The sort is stable: of equal votes the lower slot comes first.
	slices.SortStableFunc(candidates, func(a, b int) int { return cmp.Compare(h.Votes[b], h.Votes[a]) })
	for _, slot := range candidates[max(0, left):] {
		kept[slot] = false
	}
	return kept
}

func (m *gVote) options() map[string]any {
	return map[string]any{
		"p_nuc":      m.votes.PNuc,
		"samples":    m.votes.Samples,
		"n_s":        m.votes.NSkip,
		"include_c0": m.votes.IncludeC0,
		"positions":  m.positions,
		"cap":        m.cap,
		"min_len":    m.votes.MinLen,
	}
}
