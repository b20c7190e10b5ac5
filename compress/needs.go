package compress

import (
	"errors"
	"fmt"
)

// Needs says which signals a method reads, so that nothing is computed in vain.
// It also says what one reading of a prompt collects. [Needs.Union] is the only
// place that combines needs, [Needs.Covers] the only one that compares them.
type Needs struct {
	Mass     bool
	MassLast int // 0: attention paid by all queries of the prompt; W > 0: by the last W only
	Cosine   bool
	Votes    *VoteOptions // nil: no votes

	LastQueries int              // queries at the end of the prompt that Signals.Window may be asked about
	Expected    *ExpectedOptions // nil: no expected attention
	Reread      bool             // the text is read a second time
	Future      bool             // the text that follows is known
}

// ExpectedOptions are the parameters of expected attention (expected.go).
type ExpectedOptions struct {
	NSkip   int // first tokens left out of the queries' mean and covariance
	Horizon int // positions behind the prompt over which the queries' rotation is averaged, >= 1
}

// VoteOptions are the parameters of GVote's ballots (gvote.go).
type VoteOptions struct {
	PNuc      float64 // nucleus mass that sets the single-step budget, > 0; >= 1 means every key
	Samples   int     // sampled future queries per layer, >= 1
	NSkip     int     // first tokens left out of the statistics (n_s)
	IncludeC0 bool    // the last prompt query's own nucleus votes too
	Spread    bool    // sample s stands at position L + floor(s*512/Samples) instead of L + s
	MinLen    int     // caches shorter than this are not pruned, so nobody needs to vote
	Seed      uint32
}

// Union returns what a reading collects that serves both n and o, or false if
// no single reading does: which queries' attention is summed, and which first
// tokens the statistics skip, is fixed while the text is read. Options that only
// count afterwards (a vote's samples, a horizon) are n's, or o's if n has none.
func (n Needs) Union(o Needs) (u Needs, ok bool) {
	u = n
	if !u.Mass {
		u.Mass, u.MassLast = o.Mass, o.MassLast
	}
	u.Cosine = n.Cosine || o.Cosine
	if u.Votes == nil {
		u.Votes = o.Votes
	}
	u.LastQueries = max(n.LastQueries, o.LastQueries)
	if u.Expected == nil {
		u.Expected = o.Expected
	}
	u.Reread = n.Reread || o.Reread
	u.Future = n.Future || o.Future
	return u, u.Covers(o) == nil
}

// Covers returns nil if a reading that collected n can tell all that o asks for,
// or an error that says what is missing. Keys are compared on the cache as it
// is, so Cosine needs nothing collected.
func (n Needs) Covers(o Needs) error {
	switch {
	case o.Reread && !n.Reread:
		return errors.New("the prompt was not read a second time")
	case o.Future && !n.Future:
		return errors.New("the tokens that follow the prompt are not known")
	case o.Mass && !n.Mass:
		return errors.New("the prompt was read without counting the attention that its slots receive")
	case o.Mass && o.MassLast != n.MassLast:
		return fmt.Errorf("the prompt was read counting the attention paid by %s, want that by %s",
			lastTokens(n.MassLast), lastTokens(o.MassLast))
	case o.Votes != nil && (n.Votes == nil || n.Votes.NSkip != o.Votes.NSkip):
		return fmt.Errorf("the prompt was read without the statistics of its hidden states behind the first %d tokens", o.Votes.NSkip)
	case o.LastQueries > n.LastQueries:
		return fmt.Errorf("the prompt was read with the queries of its last %d tokens kept, want %d", n.LastQueries, o.LastQueries)
	case o.Expected != nil && (n.Expected == nil || n.Expected.NSkip != o.Expected.NSkip):
		return fmt.Errorf("the prompt was read without the statistics of its queries behind the first %d tokens", o.Expected.NSkip)
	}
	return nil
}

// lastTokens names the tokens whose attention is summed.
func lastTokens(n int) string {
	if n == 0 {
		return "all tokens"
	}
	return fmt.Sprintf("the last %d tokens", n)
}

// Last returns how many tokens at the end of the text are asked for their
// queries or their attention. So many must be fed after a compression before
// there can be another.
func (n Needs) Last() int { return max(n.LastQueries, n.MassLast) }

// OneReading reports whether a single reading of the prompt, and of nothing
// else, tells all.
func (n Needs) OneReading() bool { return !n.Reread && !n.Future }
