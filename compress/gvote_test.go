package compress

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

func TestGVoteGolden(t *testing.T) {
	// Head 0 (12 slots)  votes 0 0 3 0 1 0 0 2 3 0 1 0    newest: 11
	// Head 1 (5 slots)   votes 0 0 0 0 7
	for _, tc := range []struct {
		name    string
		options []string
		want    string
	}{
		{"votes and the newest", []string{"n_s=0"}, "2 4 7 8 10 11 | 4"},
		{"the first n_s = 2 too", []string{"n_s=2"}, "0 1 2 4 7 8 10 11 | 0 1 4"},
		{"n_s = 4: slot 2 is voted for, too", nil, "0 1 2 3 4 7 8 10 11 | 0 1 2 3 4"},
		{"n_s more than there are", []string{"n_s=50"}, "0 1 2 3 4 5 6 7 8 9 10 11 | 0 1 2 3 4"},
		{"p_nuc 1 keeps everything", []string{"p_nuc=1", "n_s=0"}, "0 1 2 3 4 5 6 7 8 9 10 11 | 0 1 2 3 4"},
		{"12 is not shorter than min_len 12, 5 is", []string{"min_len=12", "n_s=0"}, "2 4 7 8 10 11 | 0 1 2 3 4"},
		{"12 is shorter than min_len 13", []string{"min_len=13", "n_s=0"},
			"0 1 2 3 4 5 6 7 8 9 10 11 | 0 1 2 3 4"},
		// With cap 4: the newest and three of 2(3) 8(3) 7(2) 4(1) 10(1).
		{"cap 4", []string{"cap=4", "n_s=0"}, "2 7 8 11 | 4"},
		{"cap 5: of 4 and 10, with one vote each, the lower", []string{"cap=5", "n_s=0"}, "2 4 7 8 11 | 4"},
		{"cap 6 is what there is", []string{"cap=6", "n_s=0"}, "2 4 7 8 10 11 | 4"},
		{"cap 3 with n_s 2 is full: 0, 1, 11", []string{"cap=3", "n_s=2"}, "0 1 11 | 0 1 4"},
		{"cap 1: the newest", []string{"cap=1", "n_s=0"}, "11 | 4"},
		{"cap does not cut heads shorter than min_len", []string{"cap=3", "n_s=0", "min_len=12"},
			"2 8 11 | 0 1 2 3 4"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := line(12, 5)
			f.Heads[0].Votes = []uint32{0, 0, 3, 0, 1, 0, 0, 2, 3, 0, 1, 0}
			f.Heads[1].Votes = []uint32{0, 0, 0, 0, 7}
			m := newMethod(t, "gvote", 0, append([]string{"min_len=0"}, tc.options...)...)
			if got := showPlan(plan(t, m, &f.Signals)); got != tc.want {
				t.Errorf("plan %q, want %q", got, tc.want)
			}
		})
	}
}

// After a compression slot != position: n_s counts positions.
func TestGVoteFirstTokensAreByPosition(t *testing.T) {
	f := line(5)
	f.Heads[0].Pos = []int{1, 3, 4, 9, 12}
	m := newMethod(t, "gvote", 0, "min_len=0")
	if got, want := showPlan(plan(t, m, &f.Signals)), "0 1 4"; got != want {
		t.Errorf("plan %q, want %q", got, want)
	}
}

// Nobody votes on heads that are kept whole, so they need no votes.
func TestGVoteNeedsNoVotesToKeepEverything(t *testing.T) {
	for options, slots := range map[string]int{"p_nuc=1": 40, "min_len=32": 31} {
		f := line(slots)
		f.Heads[0].Votes = nil
		if p := plan(t, newMethod(t, "gvote", 0, options), &f.Signals); p.Rows() != slots {
			t.Errorf("%s: %d rows, want %d", options, p.Rows(), slots)
		}
	}
}

func TestGVoteNeeds(t *testing.T) {
	for _, tc := range []struct {
		options []string
		want    VoteOptions
	}{
		{nil, VoteOptions{PNuc: .95, Samples: 8, NSkip: 4, IncludeC0: true, MinLen: 32, Seed: 1}},
		{[]string{"p_nuc=0.5", "samples=3", "n_s=2", "include_c0=false", "positions=spread", "min_len=7"},
			VoteOptions{PNuc: .5, Samples: 3, NSkip: 2, Spread: true, MinLen: 7, Seed: 1}},
	} {
		needs := newMethod(t, "gvote", 0, tc.options...).Needs()
		if needs.Mass || needs.Cosine || needs.Votes == nil || *needs.Votes != tc.want {
			t.Errorf("%v: needs %+v", tc.options, needs)
		}
	}
}

// More samples cannot lose a slot, and the keep-set is within its bound:
//
//	|keep| <= (S + 1) * Σ_a B_step(a) + n_s + 1
func TestGVoteKeepsMoreWithMoreVotes(t *testing.T) {
	const group, nSkip = 2, 4
	m := newMethod(t, "gvote", 0)
	for seed := range uint64(20) {
		rng := rand.New(rand.NewPCG(seed, 0))
		f := line(200)
		budgets := []int{1 + rng.IntN(9), 1 + rng.IntN(9)}
		var before []bool
		for voters := 1; voters <= 9; voters++ { // C_0, then the samples
			for a := range group {
				for _, slot := range rng.Perm(200)[:budgets[a]] {
					f.Heads[0].Votes[slot]++
				}
			}
			kept := make([]bool, 200)
			for _, row := range plan(t, m, &f.Signals).Heads[0] {
				kept[row.Pivot] = true
			}
			n := 0
			for slot, is := range kept {
				if is {
					n++
				}
				if before != nil && before[slot] && !is {
					t.Errorf("seed %d: voter %d lost slot %d", seed, voters, slot)
				}
				if f.Heads[0].Votes[slot] > 0 && !is {
					t.Errorf("seed %d: slot %d has votes and is dropped", seed, slot)
				}
			}
			if bound := voters*(budgets[0]+budgets[1]) + nSkip + 1; n > bound {
				t.Errorf("seed %d: %d kept by %d voters, bound %d", seed, n, voters, bound)
			}
			before = kept
		}
	}
}

func TestGVoteCapKeepsTheMostVotes(t *testing.T) {
	for seed := range uint64(20) {
		for _, limit := range []int{5, 6, 17, 40} {
			f := randomFixture(seed, 64, false)
			p := plan(t, newMethod(t, "gvote", 0, fmt.Sprintf("cap=%d", limit)), &f.Signals)
			free := plan(t, newMethod(t, "gvote", 0), &f.Signals)
			for h, rows := range p.Heads {
				head := &f.Heads[h]
				if head.Slots() < 32 {
					continue
				}
				if want := min(limit, len(free.Heads[h])); len(rows) != want {
					t.Errorf("seed %d cap %d: %d rows, want %d", seed, limit, len(rows), want)
				}
				kept := make([]bool, head.Slots())
				for _, row := range rows {
					kept[row.Pivot] = true
				}
				for in := 4; in < head.Slots()-1; in++ {
					for out := 4; out < head.Slots()-1; out++ {
						vin, vout := head.Votes[in], head.Votes[out]
						if kept[in] && !kept[out] && (vout > vin || vout == vin && out < in && vout > 0) {
							t.Errorf("seed %d cap %d: keeps slot %d with %d votes, drops %d with %d",
								seed, limit, in, vin, out, vout)
						}
					}
				}
			}
		}
	}
}

// A text no longer than n_s is kept whole, and nobody votes on it.
func TestGVoteKeepsAllOfTheSkipped(t *testing.T) {
	f := line(40)
	f.Heads[0].Votes = nil
	for _, name := range []string{"gvote", "votefold"} {
		if got := len(plan(t, newMethod(t, name, 0, "n_s=40"), &f.Signals).Heads[0]); got != 40 {
			t.Errorf("%s keeps %d of 40 slots", name, got)
		}
		if _, err := newMethod(t, name, 0, "n_s=39").Plan(&f.Signals); err == nil {
			t.Errorf("%s decided on a longer text without votes", name)
		}
	}
}
