package compress

import (
	"fmt"
	"math"
	"testing"
)

// handmade is one layer with two heads of different length, worked by hand.
//
//	head 0, T = 10, recent .2: slots 8 9; top .1: one of 0..7, slot 4 (9 is the most)
//	slot    0   1   2   3   4   5   6   7   8   9
//	mass    5   1   3   3   9   2   4   4   7   6
//	cos     -  .9  .8  .6 .95 .95  .9  .8  .9  .9    eps .75
//	linked     yes yes  no  no  no yes yes  no  no   (4, 8 and 9 are protected)
//	sets   {0 1 2} pivot 0    {5 6 7} pivot 6 (4 = 4, the lower slot)
//	key     0   1   3  10  11  20  22  25  30  31
//	‖kp-k‖  0   1   3           2   0   3
//
//	head 1, T = 3: recent and top are 0 slots, but the newest is protected
//	slot    0   1   2
//	mass    1   1   5
//	cos     -  .9 .99
//	sets   {0 1} pivot 0 (1 = 1)
//	key     0   4   5
//	‖kp-k‖  0   4
func handmade() *fixture {
	onLine := func(xs ...float64) (keys [][]float64) {
		for _, x := range xs {
			keys = append(keys, []float64{x})
		}
		return keys
	}
	f := fixtureOf(onLine(0, 1, 3, 10, 11, 20, 22, 25, 30, 31), onLine(0, 4, 5))
	f.Heads[0].Mass = []float32{5, 1, 3, 3, 9, 2, 4, 4, 7, 6}
	f.Heads[0].Cosine = []float32{0, .9, .8, .6, .95, .95, .9, .8, .9, .9}
	f.Heads[1].Mass = []float32{1, 1, 5}
	f.Heads[1].Cosine = []float32{0, .9, .99}
	return f
}

func TestKVMergerGolden(t *testing.T) {
	const usual = "0{0..2}3 3 4 6{5..7}3 8 9 | 0{0..1}2 2"
	for _, tc := range []struct {
		name    string
		options []string
		want    string
	}{
		{"as above", nil, usual},
		{"cos .8 is not above eps .8", []string{"eps=0.800000011920929"}, // float32(.8)
			"0{0..1}2 2 3 4 6{5..6}2 7 8 9 | 0{0..1}2 2"},
		{"cos .8 is above eps .8 less a hair", []string{"eps=0.800000011"}, usual},
		{"eps -1, nothing protected but the newest", []string{"eps=-1", "recent=0", "top=0"},
			"4{0..8}9 9 | 0{0..1}2 2"},
		{"a protected slot breaks the run", []string{"eps=-1", "recent=0"},
			"0{0..3}4 4 8{5..8}4 9 | 0{0..1}2 2"},
		{"recent .3 of 10 is 3 slots", []string{"recent=0.3"}, "0{0..2}3 3 4 6{5..6}2 7 8 9 | 0{0..1}2 2"},
		{"top .2: slots 4, 0", []string{"top=0.2"}, "0 2{1..2}2 3 4 6{5..7}3 8 9 | 0{0..1}2 2"},
		{"top .3: slots 4, 0 and 6 (4 = 4, the lower)", []string{"top=0.3"},
			"0 2{1..2}2 3 4 5 6 7 8 9 | 0{0..1}2 2"},
		{"top 1/3 of 3 is one slot: 0 (1 = 1)", []string{"top=0.3333334"},
			"0 2{1..2}2 3 4 5 6 7 8 9 | 0 1 2"},
		{"all protected by recent", []string{"eps=-1", "recent=1"}, "0 1 2 3 4 5 6 7 8 9 | 0 1 2"},
		{"all protected by top", []string{"eps=-1", "top=1"}, "0 1 2 3 4 5 6 7 8 9 | 0 1 2"},
		{"eps above 1", []string{"eps=2", "top=0", "recent=0"}, "0 1 2 3 4 5 6 7 8 9 | 0 1 2"},
		{"layer skipped", []string{"skip_layers=0"}, "0 1 2 3 4 5 6 7 8 9 | 0 1 2"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m := newMethod(t, "kvmerger", 0, append([]string{"recent=0.2", "top=0.1"}, tc.options...)...)
			if got := showPlan(plan(t, m, &handmade().Signals)); got != tc.want {
				t.Errorf("plan %q\nwant %q", got, tc.want)
			}
		})
	}
}

// A cosine that rounding put above 1 counts as 1.
func TestKVMergerEpsOneMergesNothing(t *testing.T) {
	f := handmade()
	f.Heads[0].Cosine[1] = 1.0000001
	m := newMethod(t, "kvmerger", 0, "eps=1", "recent=0", "top=0")
	if got, want := plan(t, m, &f.Signals).Rows(), 13; got != want {
		t.Errorf("%d rows, want all %d", got, want)
	}
}

func TestKVMergerSigmaAndBias(t *testing.T) {
	// Sets of handmade: A = {0 1 2} with distances 0 1 3, B = {5 6 7} with 2 0 3
	// in head 0; C = {0 1} with 0 4 in head 1.
	ln2, ln3 := math.Log(2), math.Log(3)
	for _, tc := range []struct {
		name         string
		options      []string
		asked        int
		sigma, scale [3]float64
		bias         [3]float64
	}{
		// Head 0: (1+3+2+3)/4/√2 = 1.590990; head 1: 4/1/√2 = 2.828427.
		{"headdist, count", nil, 1,
			[3]float64{1.590990, 1.590990, 2.828427}, [3]float64{1, 1, 1}, [3]float64{ln3, ln3, ln2}},
		// A: (0+1+3)/3/√2 = .942809; B: 5/3/√2 = 1.178511; C: 4/2/√2 = 1.414214.
		{"meandist", []string{"sigma=meandist"}, 1,
			[3]float64{.942809, 1.178511, 1.414214}, [3]float64{1, 1, 1}, [3]float64{ln3, ln3, ln2}},
		{"number", []string{"sigma=5"}, 0,
			[3]float64{5, 5, 5}, [3]float64{1, 1, 1}, [3]float64{ln3, ln3, ln2}},
		{"convex", []string{"sigma=5", "values=convex"}, 0,
			[3]float64{5, 5, 5}, [3]float64{1, 1, 1}, [3]float64{}},
		{"paper", []string{"sigma=5", "values=paper"}, 0,
			[3]float64{5, 5, 5}, [3]float64{3, 3, 2}, [3]float64{}},
		// 2σ² = 8. A: ln(1 + e^-.125 + e^-1.125) = ln 2.207149 = .791702
		//          B: ln(1 + e^-.5 + e^-1.125)   = ln 1.931183 = .658133
		//          C: ln(1 + e^-2)               = ln 1.135335 = .126928
		{"effective", []string{"sigma=2", "values=effective"}, 1,
			[3]float64{2, 2, 2}, [3]float64{1, 1, 1}, [3]float64{.791702, .658133, .126928}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := handmade()
			m := newMethod(t, "kvmerger", 0, append([]string{"recent=0.2", "top=0.1"}, tc.options...)...)
			p := plan(t, m, &f.Signals)
			for i, row := range []Row{p.Heads[0][0], p.Heads[0][3], p.Heads[1][0]} {
				if !near(float64(row.Sigma), tc.sigma[i], 1e-6) || !near(float64(row.Bias), tc.bias[i], 1e-6) ||
					float64(row.ValueScale) != tc.scale[i] {
					t.Errorf("set %d: sigma %.6f bias %.6f value_scale %g, want %.6f %.6f %g", i,
						row.Sigma, row.Bias, row.ValueScale, tc.sigma[i], tc.bias[i], tc.scale[i])
				}
			}
			if f.asked != tc.asked {
				t.Errorf("asked for distances %d times, want %d", f.asked, tc.asked)
			}
		})
	}
}

func TestKVMergerAsksOnlyForMembersOfSets(t *testing.T) {
	f := handmade()
	var got string
	f.Distance = func(pivots [][]int, aligned bool) ([][]float32, error) {
		got = fmt.Sprint(pivots)
		return f.distance(pivots, aligned)
	}
	plan(t, newMethod(t, "kvmerger", 0, "recent=0.2", "top=0.1"), &f.Signals)
	if want := "[[-1 0 0 -1 -1 6 -1 6 -1 -1] [-1 0 -1]]"; got != want {
		t.Errorf("pivots %s, want %s", got, want)
	}

	f.asked = 0
	plan(t, newMethod(t, "kvmerger", 0, "eps=1"), &f.Signals)
	if f.asked != 0 {
		t.Errorf("asked for distances of no sets")
	}
}

func TestKVMergerSigmaFloor(t *testing.T) {
	f := line(4)
	f.keys[0] = [][]float64{{1}, {1}, {1}, {1}} // all distances 0
	for _, rule := range []string{"headdist", "meandist"} {
		p := plan(t, newMethod(t, "kvmerger", 0, "sigma="+rule, "values=effective"), &f.Signals)
		row := p.Heads[0][0]
		if row.Sigma != 1e-6 || !near(float64(row.Bias), math.Log(3), 1e-6) {
			t.Errorf("%s: sigma %g bias %g, want 1e-6 and ln 3", rule, row.Sigma, row.Bias)
		}
	}
}

// Slots that stand for several tokens: n* = 2+1+4 = 7, count bias ln 7;
// effective, pivot 1, distances 1 0 2, 2σ² = 2: ln(2 e^-.5 + 1 + 4 e^-2) =
// ln(2*.606531 + 1 + 4*.135335) = ln 2.754402 = 1.013200.
func TestKVMergerMergesMergedSlots(t *testing.T) {
	newFixture := func() *fixture {
		f := fixtureOf([][]float64{{1}, {2}, {4}, {5}})
		f.Heads[0].N = []int{2, 1, 4, 1}
		f.Heads[0].Pos = []int{1, 2, 5, 7}
		f.Heads[0].Bias = []float32{float32(math.Log(2)), 0, float32(math.Log(4)), 0}
		f.Heads[0].Mass = []float32{1, 3, 2, 9}
		return f
	}
	for values, bias := range map[string]float64{"count": math.Log(7), "effective": 1.013200, "convex": 0} {
		p := plan(t, newMethod(t, "kvmerger", 0, "sigma=1", "values="+values), &newFixture().Signals)
		row := p.Heads[0][0]
		if got := showPlan(p); got != "1{0..2}7 3" || !near(float64(row.Bias), bias, 1e-6) {
			t.Errorf("%s: plan %q bias %.6f, want \"1{0..2}7 3\" bias %.6f", values, got, row.Bias, bias)
		}
	}

	// Stored values are sums over n_i tokens, so v* = Σ (7/n_i) w_i v_i.
	row := plan(t, newMethod(t, "kvmerger", 0, "values=paper"), &newFixture().Signals).Heads[0][0]
	if row.ValueScale != 7 || !row.PerToken || row.Bias != 0 {
		t.Errorf("paper: value_scale %g per token %v bias %g, want 7, true, 0", row.ValueScale, row.PerToken, row.Bias)
	}
}

// max_set cuts a run as the backward scan meets it, anchor where a member is
// not like the last one, and derotate is for those who measure and blend.
func TestKVMergerMaxSetAnchorDerotate(t *testing.T) {
	// Keys at 0, 40, 80, 120, 130 and 131 degrees and the newest: neighbours' cosines are
	// .77, .77, .77, .98 and 1.0; of 131 with 130 1.0, with 120 .98, with 80 .63, with 40 -.02;
	// of 80 with 40 .77, with 0 .17.
	angles := []float64{0, 40, 80, 120, 130, 131, 0}
	var keys [][]float64
	for _, a := range angles {
		sin, cos := math.Sincos(a * math.Pi / 180)
		keys = append(keys, []float64{cos, sin})
	}
	for _, tc := range []struct {
		options string
		want    string
	}{
		{"eps=0.7", "0{0..5}6 6"},
		{"max_set=2", "0{0..1}2 2{2..3}2 4{4..5}2 6"},
		{"max_set=4", "0{0..1}2 2{2..5}4 6"},
		{"max_set=5", "0 1{1..5}5 6"},
		{"max_set=6", "0{0..5}6 6"},
		{"anchor=true", "0 1{1..2}2 3{3..5}3 6"},
		{"derotate=true", "0{0..5}6 6"},
	} {
		f := fixtureOf(keys)
		p := plan(t, newMethod(t, "kvmerger", 0, "eps=0.7", "recent=0", "top=0", tc.options), &f.Signals)
		if got := showPlan(p); got != tc.want {
			t.Errorf("%s: plan %q, want %q", tc.options, got, tc.want)
		}
		derotate := tc.options == "derotate=true"
		if f.aligned != derotate || p.Heads[0][len(p.Heads[0])-2].Aligned != derotate {
			t.Errorf("%s: distances aligned %v, rows %+v", tc.options, f.aligned, p.Heads[0])
		}
	}
	f := fixtureOf(keys)
	f.Keys = nil
	_, err := newMethod(t, "kvmerger", 0, "anchor=true").Plan(&f.Signals)
	if want := "kvmerger: signals cannot read keys"; err == nil || err.Error() != want {
		t.Errorf("error %v\nwant  %s", err, want)
	}
}

func TestKVMergerSkipsLayers(t *testing.T) {
	for _, tc := range []struct {
		text   string
		layers int
		want   string
	}{
		{"", 4, "[]"}, {"paper", 1, "[0]"}, {"paper", 2, "[0 1]"}, {"paper", 3, "[0 1 2]"}, {"paper", 5, "[0 1 4]"},
		{"3,1", 4, "[1 3]"}, {" 2 , 2", 4, "[2]"},
	} {
		f := line(make([]int, 2*tc.layers)...) // empty heads
		for i := range f.Heads {
			f.Heads[i] = line(8).Heads[0]
			f.keys[i] = line(8).keys[0]
		}
		f.NLayers, f.NKVHeads = tc.layers, 2
		p := plan(t, newMethod(t, "kvmerger", 0, "skip_layers="+tc.text), &f.Signals)
		if got := fmt.Sprint(p.Options["skip_layers"]); got != tc.want {
			t.Errorf("%q of %d layers: skip_layers %s, want %s", tc.text, tc.layers, got, tc.want)
		}
		skipped := []int{}
		for layer := range tc.layers {
			if len(p.Heads[2*layer]) == 8 && len(p.Heads[2*layer+1]) == 8 {
				skipped = append(skipped, layer)
			}
		}
		if got := fmt.Sprint(skipped); got != tc.want {
			t.Errorf("%q of %d layers: kept whole %s, want %s", tc.text, tc.layers, got, tc.want)
		}
	}
}
