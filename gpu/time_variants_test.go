//go:build !js

package gpu

import (
	"slices"
	"testing"

	"keyfold/layout"
)

// Every kernel that runs here is timed, the table's first, and the table's is in use
// again afterwards.
func TestTimeVariants(t *testing.T) {
	d := openForTest(t)
	for _, task := range matrixTasks {
		w := d.uploadWeights(t, quantised("w", layout.Q8_0, 70, 64))
		x, y := d.upload(t, normals("x", 64*64, 1)), d.poisoned(t, 64*70)
		tokens := [...]int{OneToken: 1, FewTokens: 5, ManyTokens: 64}[task]
		times := d.TimeVariants(task, func(p *Pass) { p.MatMul(w, x, y, tokens) })
		var got, want []string
		for _, v := range d.variants(task) {
			want = append(want, v.String())
		}
		for _, v := range times {
			t.Logf("%v: %s %v", task, v.Kernel, v.Time)
			got = append(got, v.Kernel)
			if v.Time <= 0 || v.Err != nil {
				t.Errorf("%v: %s took %v, %v", task, v.Kernel, v.Time, v.Err)
			}
		}
		if !slices.Equal(got, want) || len(d.trial) > 0 {
			t.Errorf("%v: timed %v, want %v; %v is on trial", task, got, want, d.trial)
		}
	}
}

// Kernels of blocks are not timed with a type that has none, and the table's is first.
func TestTimeProducts(t *testing.T) {
	d := openForTest(t)
	d.Software = false
	for wt, want := range map[layout.WeightType][]string{
		layout.F16:  {"matvec", "matvec_rows", "matvec(WG_SIZE=32)", "matvec(WG_SIZE=128)"},
		layout.Q4_0: {"matvec_blocks", "matvec_rows", "matvec", "matvec(WG_SIZE=32)", "matvec(WG_SIZE=128)"},
	} {
		w := d.uploadWeights(t, quantised("w", wt, 70, 64))
		x, y := d.upload(t, normals("x", 64, 1)), d.poisoned(t, 70)
		var got []string
		for _, v := range d.TimeProducts(OneToken, wt, func(p *Pass) { p.MatMul(w, x, y, 1) }) {
			got = append(got, v.Kernel)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%v: timed %v, want %v", wt, got, want)
		}
	}
}

// A sample runs the kernel that is timed, not the table's, and one that does not
// compile takes no time.
func TestTimeVariantsReportsWhatDoesNotCompile(t *testing.T) {
	d := openForTest(t)
	w := d.uploadWeights(t, quantised("w", layout.F32, 70, 64))
	x, y := d.upload(t, normals("x", 20*64, 1)), d.poisoned(t, 20*70)
	d.shader = wrongShader(t, d.variants(ManyTokens)[2].kernel, "let cols4 =", "let cols4")
	times := d.TimeVariants(ManyTokens, func(p *Pass) { p.MatMul(w, x, y, 20) })
	if len(times) != 3 || times[0].Err != nil || times[0].Time <= 0 || times[2].Err == nil || times[2].Time != 0 {
		t.Errorf("timed %+v, want a time first and an error last", times)
	}
}

// A sample takes every matrix as often as the others, and never more work than asked for
// by more than a row's.
func TestSampleOf(t *testing.T) {
	matrix := func(rows, cols int) *Weights {
		return &Weights{Rows: rows + 4, Cols: cols, parts: []weightPart{{typ: layout.F16, rows: 4}, {typ: layout.Q8_0, row0: 4, rows: rows}}}
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
		for _, w := range SampleOf([]*Weights{a, b}, layout.Q8_0, tc.tokens, tc.operations) {
			rows = append(rows, w.Rows)
			if w.Rows != w.parts[0].rows || w.parts[0].row0 != 0 {
				t.Errorf("%d rows, %d of them in the first part, from %d on", w.Rows, w.parts[0].rows, w.parts[0].row0)
			}
		}
		if !slices.Equal(rows, tc.rows) {
			t.Errorf("%d operations with %d tokens: rows %v, want %v", tc.operations, tc.tokens, rows, tc.rows)
		}
	}
	if a.parts[1].rows != 10 || a.parts[1].row0 != 4 {
		t.Error("a matrix was changed")
	}
	if sample := SampleOf([]*Weights{a, b}, layout.F32, 1, 160); len(sample) > 0 {
		t.Errorf("%d samples of a type that no matrix has", len(sample))
	}
}
