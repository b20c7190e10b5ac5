package ref

import (
	"math"
	"slices"
	"testing"

	"keyfold/layout"
)

// keys returns a cache of f32 rows.
func keys(rows ...[]float32) layout.Rows {
	r := layout.NewRows(layout.CacheF32, len(rows[0]), len(rows))
	for slot, row := range rows {
		r.Put(slot, row)
	}
	return r
}

func checkFloats(t *testing.T, what string, got, want []float32) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d numbers, want %d", what, len(got), len(want))
	}
	for i := range want {
		if !(math.Abs(float64(got[i]-want[i])) <= 1e-6) {
			t.Errorf("%s[%d] = %.7f, want %.7f", what, i, got[i], want[i])
		}
	}
}

func TestKeySimilarity(t *testing.T) {
	// Head 0: 45 degrees, then a zero key. Head 1: the first slot has nobody before it in its own head.
	k := keys([]float32{1, 0}, []float32{3, 3}, []float32{0, 0}, []float32{0, 2}, []float32{0, -5})
	got := slices.Repeat([]float32{9}, 8)
	KeySimilarity(layout.Cache{K: k, Heads: []layout.Head{{Offset: 0, Len: 2}, {Offset: 3, Len: 1}}, Appended: 1}, got, 4)
	checkFloats(t, "cosine", got, []float32{0, math.Sqrt2 / 2, 0, 9, 0, -1, 9, 9})
}

func TestPivotDistance(t *testing.T) {
	k := keys([]float32{1, 0}, []float32{4, 4}, []float32{9, 9}, []float32{9, 7})
	got := slices.Repeat([]float32{9}, 6)
	PivotDistance(layout.Cache{K: k, Heads: []layout.Head{{Offset: 0, Len: 2}, {Offset: 2, Len: 2}}}, []uint32{1, 1, 0, 0, 0, 0}, got, nil, 3, false)
	checkFloats(t, "distance", got, []float32{5, 0, 9, 0, 2, 9})
	PivotDistance(layout.Cache{K: k, Heads: []layout.Head{{Offset: 0, Len: 2}, {Offset: 2, Len: 2}}}, []uint32{layout.NoPivot, 0, 0, layout.NoPivot, 0, 0}, got, nil, 3, false)
	checkFloats(t, "distance", got, []float32{0, 5, 9, 0, 2, 9})
}

func TestAttnMass(t *testing.T) {
	// Two query heads share keys 0 and ln 3 on a line. Token 0 sees the first key, token 1 both.
	ln3 := float32(math.Log(3))
	k := keys([]float32{0}, []float32{ln3})
	slots, heads := make([]layout.Slot, 2), []layout.Head{{Offset: 0, Len: 0}}
	q := []float32{1, 1, 1, 0} // token 1: head 0 weighs 1:3, head 1 weighs 1:1
	lse := make([]float32, 4)
	Attention(layout.Cache{K: k, V: k, Slots: slots, Heads: heads, Appended: 2}, layout.Queries{Buf: q, N: 2, Stride: 2, Heads: 2, Scale: 1}, make([]float32, 4), lse)
	mass := []float32{10, 10, 10}
	AttnMass(layout.Cache{K: k, Slots: slots, Heads: heads, Appended: 2}, layout.Queries{Buf: q, N: 2, Stride: 2, Heads: 2, Scale: 1}, lse, mass, 0, 3)
	// Slot 0: 1 from token 0, and (1/4 + 1/2) / 2 from token 1.
	checkFloats(t, "mass", mass, []float32{10 + 1 + 0.375, 10 + 0.625, 10})
	AttnMass(layout.Cache{K: k, Slots: slots, Heads: heads, Appended: 2}, layout.Queries{Buf: q, N: 2, Stride: 2, Heads: 2, Scale: 1}, lse, mass, 1, 3)
	checkFloats(t, "mass with t_first=1", mass, []float32{10 + 1 + 2*0.375, 10 + 2*0.625, 10})
}

func TestGaussianMerge(t *testing.T) {
	// Keys 0, 1 and 3 on a line, sigma 1, pivot 0, the second key stands for two tokens.
	k := keys([]float32{0}, []float32{1}, []float32{3})
	v := keys([]float32{1}, []float32{2}, []float32{4})
	kOut, vOut := keys([]float32{7}, []float32{7}), keys([]float32{7}, []float32{7})
	weights := make([]float32, 3)
	GaussianMerge(layout.Cache{K: k, V: v, Slots: []layout.Slot{{N: 1}, {N: 2}, {N: 1}}}, layout.Cache{K: kOut, V: vOut}, []layout.MergeRow{{To: 1, Pivot: 0, First: 0, Count: 3, Sigma: 1, ValueScale: 2}}, []uint32{0, 1, 2}, nil, weights)
	// n g = 1, 2 e^-0.5, e^-4.5 = 1, 1.2130613, 0.0111090; sum 2.2241703
	checkFloats(t, "weights", weights, []float32{0.4496059, 0.5453995, 0.0049947})
	// k* = 0.5453995 + 3 * 0.0049947; v* = 2 (0.4496059 + 2 * 0.5453995 + 4 * 0.0049947)
	checkFloats(t, "key", []float32{math.Float32frombits(kOut.Words[0]), math.Float32frombits(kOut.Words[1])}, []float32{7, 0.5603835})
	checkFloats(t, "value", []float32{math.Float32frombits(vOut.Words[0]), math.Float32frombits(vOut.Words[1])}, []float32{7, 3.1207672})
}

// Aligned: the keys (1, 0) at position 5 and (cos 2, sin 2) at position 7, of the one frequency 1, are
// the same key turned by their positions' difference. PerToken: a value that was merged of two counts half.
func TestGaussianMergeAlignedPerToken(t *testing.T) {
	cos, sin := float32(math.Cos(2)), float32(math.Sin(2))
	k, v := keys([]float32{1, 0}, []float32{cos, sin}), keys([]float32{1, 1}, []float32{6, 8})
	slots, table := []layout.Slot{{Pos: 5, N: 1}, {Pos: 7, N: 2}}, layout.RoPETable(0, 3, layout.RoPEFrequencies(10000, 2, nil))
	distance := make([]float32, 2)
	for pivot, want := range [][]float32{{1, 0}, {cos, sin}} {
		PivotDistance(layout.Cache{K: k, Slots: slots, Heads: []layout.Head{{Offset: 0, Len: 2}}}, []uint32{uint32(pivot), uint32(pivot)}, distance, table, 2, true)
		checkFloats(t, "aligned distance", distance, []float32{0, 0})
		kOut, vOut, weights := keys([]float32{7, 7}), keys([]float32{7, 7}), make([]float32, 2)
		GaussianMerge(layout.Cache{K: k, V: v, Slots: slots}, layout.Cache{K: kOut, V: vOut}, []layout.MergeRow{{Pivot: pivot, Count: 2, Sigma: 1, ValueScale: 3, Aligned: true, PerToken: true}}, []uint32{0, 1}, table, weights)
		checkFloats(t, "weights", weights, []float32{1. / 3, 2. / 3})
		row := make([]float32, 2)
		kOut.Get(row, 0)
		checkFloats(t, "key", row, want)
		vOut.Get(row, 0)
		checkFloats(t, "value", row, []float32{3 * (1./3 + 6./3), 3 * (1./3 + 8./3)})
	}
}

// Two frequencies, 1 and 1/100 per position: a key rotated by position 7 is turned to 4 and to 9, and one is
// left as it is. From 7 to 4 and back is where it was.
func TestKeyRotate(t *testing.T) {
	at := func(pos float64) []float32 { // (1, 0, 0, 2) rotated by a position
		return []float32{float32(math.Cos(pos)), float32(math.Sin(pos)),
			float32(-2 * math.Sin(pos/100)), float32(2 * math.Cos(pos/100))}
	}
	k, table := keys(at(7), at(7), at(7)), layout.RoPETable(0, 4, layout.RoPEFrequencies(10000, 4, nil))
	kOut, row := keys(make([]float32, 4), []float32{5, 6, 7, 8}, make([]float32, 4)), make([]float32, 4)
	KeyRotate(layout.Cache{K: k}, layout.Cache{K: kOut}, []int32{-3, 0, 2}, table)
	for slot, want := range [][]float32{at(4), {5, 6, 7, 8}, at(9)} {
		kOut.Get(row, slot)
		checkFloats(t, "key", row, want)
	}
	KeyRotate(layout.Cache{K: kOut}, layout.Cache{K: k}, []int32{3, 0, -2}, table)
	for slot := range 3 {
		k.Get(row, slot)
		checkFloats(t, "key turned back", row, at(7))
	}
}

func TestExplicitMerge(t *testing.T) {
	k, v := keys([]float32{1}, []float32{2}, []float32{5}), keys([]float32{10}, []float32{20}, []float32{40})
	kOut, vOut := keys([]float32{7}, []float32{7}), keys([]float32{7}, []float32{7})
	ExplicitMerge(layout.Cache{K: k, V: v}, layout.Cache{K: kOut, V: vOut}, []layout.ExplicitRow{{To: 1, Keys: []layout.Share{{Slot: 0, Weight: 1}, {Slot: 2, Weight: -0.5}}, Values: []layout.Share{{Slot: 0, Weight: 0.5}, {Slot: 1, Weight: 0.25}, {Slot: 2, Weight: 2}}}})
	checkFloats(t, "key", []float32{math.Float32frombits(kOut.Words[0]), math.Float32frombits(kOut.Words[1])}, []float32{7, -1.5})
	checkFloats(t, "value", []float32{math.Float32frombits(vOut.Words[0]), math.Float32frombits(vOut.Words[1])}, []float32{7, 90})
}

func TestGVoteStats(t *testing.T) {
	// Column 0: 1, 2, 6 counted, mean 3, M2 = 4 + 1 + 9. Column 1 is constant.
	state := []float32{99, 99, 99, 99}
	GVoteStats([]float32{50, 50, 1, 5}, state, 2, 2, 0, 1)
	GVoteStats([]float32{2, 5, 6, 5}, state, 2, 2, 1, 0)
	checkFloats(t, "state", state, []float32{3, 5, 14, 0})
}

func TestGVoteVote(t *testing.T) {
	// Keys on a line, two query heads over one KV head of five slots, the last one appended.
	// Query 1 weighs the keys as 1:2:4:2:1, so 0.4 of the mass is slot 2, 0.5 and 0.6 need slot 1, 0.7 slot 3.
	ln2 := float32(math.Log(2))
	k := keys([]float32{0}, []float32{ln2}, []float32{2 * ln2}, []float32{ln2}, []float32{0})
	slots, heads := make([]layout.Slot, 5), []layout.Head{{Offset: 0, Len: 4}}
	qLast := []float32{1, -1}            // head 1: slots 0 and 4 first (4/12 each), then 1 and 3, then 2
	qSamples := []float32{-1, 1, 0.5, 0} // head 0, head 1, two columns of something else
	for _, tc := range []struct {
		pNuc      float32
		includeC0 bool
		bStep     []uint32
		votes     []uint32
	}{
		{0.39, true, []uint32{1, 2}, []uint32{2, 1, 2, 0, 1, 0}},  // C0 {2}, {0,4}; samples {0}, {2,1}
		{0.39, false, []uint32{1, 2}, []uint32{1, 1, 1, 0, 0, 0}}, // the samples alone
		{0.55, false, []uint32{2, 2}, []uint32{1, 1, 1, 0, 1, 0}}, // samples {0,4}, {2,1}
		{1, true, []uint32{5, 5}, []uint32{4, 4, 4, 4, 4, 0}},
	} {
		votes, bStep := slices.Repeat([]uint32{9}, 6), make([]uint32, 2)
		GVoteVote(layout.Cache{K: k, Slots: slots, Heads: heads, Appended: 1}, layout.Queries{Buf: qLast, N: 1, Stride: 0, Heads: 2, Scale: 1}, layout.Queries{Buf: qSamples, N: 1, Stride: 4, Heads: 2, Scale: 1}, votes, bStep, layout.Ballot{PNuc: tc.pNuc, IncludeC0: tc.includeC0, Stride: 6})
		if !slices.Equal(bStep, tc.bStep) || !slices.Equal(votes, tc.votes) {
			t.Errorf("p_nuc=%g, include_c0=%v: budgets %v votes %v, want %v %v",
				tc.pNuc, tc.includeC0, bStep, votes, tc.bStep, tc.votes)
		}
	}
}
