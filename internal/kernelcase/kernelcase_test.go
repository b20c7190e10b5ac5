package kernelcase

import (
	"math"
	"strings"
	"testing"

	"keyfold/layout"
	"keyfold/ref"
)

var weightTypes = layout.WeightTypes

// What has to be equal exactly does not hang on a rounding error in the small cases,
// whatever the width of heads.
func TestSmallCasesHaveNoCloseCalls(t *testing.T) {
	for _, ct := range layout.CacheTypes {
		for headDim := 4; headDim <= 256; headDim += 4 {
			if ct.Check(headDim) != nil {
				continue
			}
			cases := OfCacheMethods(ct, headDim)
			vote := cases[len(cases)-1].Calls[0].(*GVoteVote)
			vote.Twin()
			if _, calls := vote.CloseCalls(); calls > 0 {
				t.Errorf("%v, head_dim %d: %d close calls", ct, headDim, calls)
			}
		}
	}
	row := smallLogits()[150:]
	scaled := make([]float32, len(row))
	for _, c := range smallDraws {
		want, _ := ref.Choose(row, c.draw, 3)
		for _, by := range []float32{0.999, 1.001} {
			for i := range row {
				scaled[i] = by * row[i]
			}
			near := c.draw
			near.TopP, near.MinP = min(1, by*near.TopP), by*near.MinP
			if near.TopP == by {
				near.TopP = 1
			}
			if got, _ := ref.Choose(scaled, near, 3); got != want {
				t.Errorf("%s: %g of everything changes the choice from %d to %d", c.name, by, want, got)
			}
		}
		free, _ := ref.Choose(row, layout.Draw{Seed: c.draw.Seed, Temperature: c.draw.Temperature, TopP: 1}, 3)
		if filters := c.draw.TopK > 0 || c.draw.TopP < 1 || c.draw.MinP > 0; filters == (free == want) {
			t.Errorf("%s: the choice is %d, without filters %d", c.name, want, free)
		}
	}
}

// A comparison that cannot fail is worse than none. Each complaint names the first
// element that is wrong.
func TestCompare(t *testing.T) {
	nan := float32(math.NaN())
	floats := []float32{1, 2, unwritten(1)[0]}
	state := near("state", []float32{9, 1, 2, 9}, 1e-6, 1e-5).part("m2", 1, 3)
	for _, tc := range []struct {
		what string
		o    Output
		got  []uint32
		want string // in the complaint, or none
	}{
		{"the same", near("y", floats, 1e-6, 1e-5), layout.FloatWords(floats), ""},
		{"near", near("y", floats, 1e-6, 1e-5), layout.FloatWords([]float32{1.00001, 2, floats[2]}), ""},
		{"off by 1e-4", near("y", floats, 1e-6, 1e-5), layout.FloatWords([]float32{1, 2.0001, floats[2]}), "y[1] = 2.0001, want 2"},
		{"NaN", near("y", floats, 1e-6, 1e-5), layout.FloatWords([]float32{nan, 2, floats[2]}), "y[0] = NaN, want 1"},
		{"unwritten", near("y", floats, 1e-6, 1e-5), unwrittenWords(3), "and 1 more"},
		{"overwritten", near("y", floats, 1e-6, 1e-5), layout.FloatWords([]float32{1, 2, 3}), "y[2] = 3, want NaN"},
		{"short", near("y", floats, 1e-6, 1e-5), layout.FloatWords([]float32{1, 2}), "2 words, want 3"},
		{"exactly", exactly("x", []uint32{4, 5}), []uint32{4, 5}, ""},
		{"another word", exactly("x", []uint32{4, 5}), []uint32{4, 6}, "x[1] = 6, want 5"},
		{"a part", state, layout.FloatWords([]float32{1, 3}), "m2[2] = 3, want 2"},
		{"slots", exactSlots([]layout.Slot{{Pos: 7, N: 1}}), []uint32{7, 2, 0}, "slots[1] = 2, want 1"},
	} {
		err := tc.o.Compare(tc.got, Strict)
		if tc.want == "" && err != nil || tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)) {
			t.Errorf("%s: %v, want %q", tc.what, err, tc.want)
		}
	}
}

// Rows of halves may be a step of 2^-10 off. Of quantised numbers a few may be one step
// of their block off.
func TestCompareRows(t *testing.T) {
	for _, ct := range layout.CacheTypes {
		const headDim, slots = 64, 40
		rows := layout.NewRows(ct, headDim, slots)
		for slot := range slots {
			rows.Put(slot, numbers("row", headDim, 1))
		}
		o := nearRows("k", rows, 1e-6, 1e-6)
		// complaint changes so many elements of every row by so much of the largest.
		complaint := func(elements int, by float64, slack Slack) error {
			got := layout.NewRows(ct, headDim, slots)
			row := make([]float32, headDim)
			for slot := range slots {
				rows.Get(row, slot)
				for i := range elements {
					row[2*i+1] += float32(2 * by)
				}
				got.Put(slot, row)
			}
			return o.Compare(got.Words, slack)
		}
		step := 1.0 / map[layout.CacheType]float64{layout.CacheF32: 1e7, layout.CacheF16: 1 << 16, layout.CacheQ8_0: 127, layout.CacheQ4_0: 8}[ct]
		if err := complaint(0, 0, Strict); err != nil {
			t.Errorf("%v, the same: %v", ct, err)
		}
		if err := complaint(1, 3*step+1e-3, Lenient); err == nil {
			t.Errorf("%v: nothing is said of elements 3 steps off", ct)
		}
		if err := complaint(8, step, Strict); ct.Quantised() == (err == nil) {
			t.Errorf("%v: 8 elements of each row a step off: %v", ct, err)
		}
	}
}

// What the twin adds to the mass is each query's attention, which sums to 1, and the
// most that was paid is at least that of one query.
func TestAttentionSumsToOne(t *testing.T) {
	for _, c := range AttnMassCases(layout.CacheF32) {
		if len(c.Calls) > 1 {
			continue
		}
		call := c.Calls[0].(*AttnMass)
		before := append([]float32(nil), call.Mass...)
		call.Twin()
		for h := range call.Cache.Heads {
			sum := 0.0
			for j := h * call.Stride; j < (h+1)*call.Stride; j++ {
				sum += float64(call.Mass[j]) - float64(before[j])
			}
			if want := float64(max(0, call.Q.N-call.TFirst)); !(math.Abs(sum-want) <= 1e-4) {
				t.Errorf("%s from token %d: head %d received %g, want one unit per token = %g", c.Name, call.TFirst, h, sum, want)
			}
		}
	}
	for _, c := range AttnMaxCases(layout.CacheF32) {
		call := c.Calls[0].(*AttnMax)
		call.Twin()
		for h := range call.Cache.Heads {
			sum := 0.0
			for _, v := range call.Largest[h*call.Stride : h*call.Stride+call.Cache.Len(h)] {
				sum += float64(v)
			}
			if !(sum >= 0.999) {
				t.Errorf("%s: head %d: the most that was paid sums to %g, want at least the 1 of one query", c.Name, h, sum)
			}
		}
	}
}

// Chunk after chunk gives what one chunk does.
func TestChunksAddUp(t *testing.T) {
	for _, c := range append(GVoteStatsCases(), QueryCovCases()...) {
		c.Twin()
		last := c.Calls[len(c.Calls)-1]
		var all []float32
		skip, rows := 0, 0
		var whole Call
		for _, call := range c.Calls {
			if s, ok := call.(*GVoteStats); ok {
				all, rows, skip = append(all, s.X...), rows+s.N, skip+min(s.Skip, s.N)
				whole = &GVoteStats{X: all, State: unwritten(2 * s.Dim), N: rows, Dim: s.Dim, Skip: skip}
			}
		}
		whole.Twin()
		if q, ok := last.(*QueryCov); ok {
			of := q.Q
			of.Buf, of.First, of.N = all, 0, rows
			whole = &QueryCov{Q: of, Mean: whole.(*GVoteStats).State, Cov: unwritten(len(q.Cov)), HeadDim: q.HeadDim, Skip: skip, abs: q.abs}
			whole.Twin()
		}
		for i, o := range last.Outputs() {
			if err := o.Compare(whole.Outputs()[i].Want(), Strict); err != nil {
				t.Errorf("%s: %v", c.Name, err)
			}
		}
	}
}

func TestMassOfChunksAddsUp(t *testing.T) {
	chunks := massOfChunks(layout.CacheF32)
	chunks.Twin()
	first := chunks.Calls[0].(*AttnMass)
	whole := massOfChunks(layout.CacheF32).Calls[0].(*AttnMass) // with the numbers as they were
	whole.Cache, whole.Q.N, whole.TFirst = first.Cache.With(20), 20, 5
	whole.Twin()
	if err := whole.Outputs()[0].Compare(first.Outputs()[0].Want(), Strict); err != nil {
		t.Error(err)
	}
}

// All equal: half of the mass is half of the slots, the lower half. No tie hangs on a
// rounding error.
func TestTiedVotes(t *testing.T) {
	for _, ct := range layout.CacheTypes {
		cases := TiedVotes(ct)
		for _, c := range cases {
			c.Twin()
			if _, calls := c.Calls[0].(*GVoteVote).CloseCalls(); calls > 0 && c.Name != cases[len(cases)-1].Name {
				t.Errorf("%s: %d close calls; choose other numbers", c.Name, calls)
			}
		}
		v := cases[len(cases)-1].Calls[0].(*GVoteVote)
		if v.BStep[0] != 75 || v.Votes[74] != 8 || v.Votes[75] != 0 {
			t.Errorf("%v, all equal: budget %d, votes around the middle %v; want 75, 8 and 0", ct, v.BStep[0], v.Votes[74:76])
		}
	}
}

// Two layers draw other numbers.
func TestLayersDrawOtherSamples(t *testing.T) {
	for _, dim := range []int{63, 64} {
		a, b := newGVoteSample(dim, 2, 100, 0), newGVoteSample(dim, 2, 100, 3)
		a.Twin()
		b.Twin()
		if err := a.Outputs()[0].Compare(b.Outputs()[0].Want(), Strict); err == nil {
			t.Errorf("dim %d: two layers drew the same", dim)
		}
	}
}

// Few voters are close calls, so that most votes are compared.
func TestFewVotesAreCloseCalls(t *testing.T) {
	for _, ct := range layout.CacheTypes {
		calls, voters := 0, 0
		for _, c := range GVoteVoteCases(ct) {
			vote := c.Calls[0].(*GVoteVote)
			vote.Twin()
			_, n := vote.CloseCalls()
			calls += n
			voters += vote.Voters()
		}
		t.Logf("%v: %d of %d voters are close calls", ct, calls, voters)
		if calls > voters/100 {
			t.Errorf("%v: %d of %d voters are close calls, want at most 1 in 100", ct, calls, voters)
		}
	}
}

// Two inputs of a call never are the same numbers.
func TestInputsDiffer(t *testing.T) {
	a, b := numbers("x", 100, 1), numbers("y", 100, 1)
	for i := range a {
		if a[i] == b[i] {
			t.Errorf("element %d of x and y is %g", i, a[i])
		}
	}
	for _, wt := range weightTypes {
		if w := weights(wt, 3, 64); len(w.Words) != wt.QuantWords(3, w.Cols)+wt.ScaleWords(3, w.Cols) {
			t.Errorf("%v: %d words", wt, len(w.Words))
		}
	}
}
