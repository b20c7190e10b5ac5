package gpu

import (
	"slices"
	"testing"
	"time"

	"keyfold/layout"
)

// Which of the kernels is taken is the clock's to say, but it is one of them, and
// it still multiplies.
func TestMeasure(t *testing.T) {
	d := openForTest(t)
	for _, task := range MatrixTasks {
		w := d.uploadWeights(t, quantised("w", layout.Q8_0, 70, 64))
		other := d.uploadWeights(t, quantised("w", layout.Q8_0, 64, 96))
		before := d.LiveBytes()
		timings, err := d.Measure(task, []*Weights{w, other})
		if err != nil {
			t.Fatal(err)
		}
		var kernels []string
		for _, timing := range timings {
			t.Logf("%v: %s %v", task, timing.Kernel, timing.Time)
			kernels = append(kernels, timing.Kernel)
			if timing.Time <= 0 {
				t.Errorf("%v: %s took %v", task, timing.Kernel, timing.Time)
			}
		}
		if kernels[0] != d.preferred(task)[0].String() {
			t.Errorf("%v: timed %v, want that of the class first", task, kernels)
		}
		if got := d.Kernel(task, layout.Q8_0); got != fastest(timings) {
			t.Errorf("%v: uses %s, want %s", task, got, fastest(timings))
		}
		if got := d.Kernel(task, layout.F16); got != kernels[0] {
			t.Errorf("%v: uses %s for a type that was not measured, want %s", task, got, kernels[0])
		}
		d.staging.Destroy()
		d.staging = nil
		if after := d.LiveBytes(); after > before {
			t.Errorf("%v: %d bytes are allocated, %d were before", task, after, before)
		}
	}
	checks, err := d.SelfTest([]layout.WeightType{layout.Q8_0}, nil, 8)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range checks {
		if c.Err != nil {
			t.Errorf("%s: %v", c.Kernel, c.Err)
		}
	}
}

// A kernel that does not compile is not taken.
func TestMeasureLeavesOutWhatDoesNotCompile(t *testing.T) {
	d := openForTest(t)
	w := d.uploadWeights(t, quantised("w", layout.F32, 70, 64))
	d.Sabotage(d.preferred(FewTokens)[0].kernel, "let cols4 =", "let cols4")
	timings, err := d.Measure(FewTokens, []*Weights{w})
	if err != nil || len(timings) != 1 || d.Kernel(FewTokens, layout.F32) != d.preferred(FewTokens)[1].String() {
		t.Errorf("timed %v, uses %s, %v, want the other kernel", timings, d.Kernel(FewTokens, layout.F32), err)
	}
}

func TestFastest(t *testing.T) {
	for _, tc := range []struct {
		times []time.Duration
		want  int
	}{
		{[]time.Duration{1000}, 0},
		{[]time.Duration{1000, 2000}, 0},
		{[]time.Duration{1000, 901, 990}, 0}, // too close
		{[]time.Duration{1000, 899, 990}, 1},
		{[]time.Duration{1000, 800, 700}, 2},
	} {
		var timings []Timing
		for i, time := range tc.times {
			timings = append(timings, Timing{string(rune('0' + i)), time})
		}
		if got := fastest(timings); got != timings[tc.want].Kernel {
			t.Errorf("%v: took %s, want %d", tc.times, got, tc.want)
		}
	}
}

// A sample takes every matrix as often as the others, and never more work than asked for
// by more than a row's.
func TestTakeSample(t *testing.T) {
	matrix := func(rows, cols int) *Weights {
		return &Weights{Rows: rows, Cols: cols, parts: []weightPart{{rows: rows}}}
	}
	a, b := matrix(10, 8), matrix(5, 16)
	for _, tc := range []struct {
		tokens, operations int
		rows               []int
	}{
		{1, 160, []int{10}},
		{1, 320 + 64, []int{10, 5, 4}},
		{4, 640 + 640, []int{10, 5}},
		{4, 100, []int{2}},
		{1, 1 << 40, slices.Repeat([]int{10, 5}, 32)},
	} {
		var rows []int
		for _, w := range takeSample([]*Weights{a, b}, tc.tokens, tc.operations) {
			rows = append(rows, w.Rows)
			if w.Rows != w.parts[0].rows {
				t.Errorf("%d rows, %d of them in the first part", w.Rows, w.parts[0].rows)
			}
		}
		if !slices.Equal(rows, tc.rows) {
			t.Errorf("%d operations with %d tokens: rows %v, want %v", tc.operations, tc.tokens, rows, tc.rows)
		}
	}
	if a.parts[0].rows != 10 {
		t.Error("a matrix was changed")
	}
}

// The hash tells kernels and types apart, and is the same for the same ones.
func TestSources(t *testing.T) {
	seen := map[string]bool{}
	for _, task := range []Task{OneToken, ManyTokens} {
		for _, wt := range weightTypes {
			for range 2 {
				sum, err := Sources(task, wt)
				if err != nil {
					t.Fatal(err)
				}
				seen[sum] = true
			}
		}
	}
	if len(seen) != 2*len(weightTypes) {
		t.Errorf("%d hashes of %d sets of kernels", len(seen), 2*len(weightTypes))
	}
}
