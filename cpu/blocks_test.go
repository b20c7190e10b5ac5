package cpu

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"keyfold/layout"
)

// The order of additions, on numbers whose sum depends on it, and what is rounded: a
// product, a sum, and the scaled sum of a block.
func TestBlocksAddInOrder(t *testing.T) {
	const big, ulp = 1 << 24, 0x1p-23
	ones := slices.Repeat([]float32{1}, 64)
	for _, tc := range []struct {
		why    string
		x      map[int]float32
		scales []float32
		want   float32
	}{
		{"a block in the order of its vectors", map[int]float32{0: big, 8: 1, 16: 1, 24: -big}, []float32{1, 0}, 0},
		{"blocks in order", map[int]float32{0: big, 32: 1, 40: 1}, []float32{1, 1}, big + 2},
		{"lanes 0 and 1 before 2 and 3", map[int]float32{0: big, 1: 1, 2: 1, 3: 1}, []float32{1, 0}, big + 2},
		{"lanes 0 to 3 before 4 to 7", map[int]float32{0: big, 5: 1, 7: 1}, []float32{1, 0}, big + 2},
		{"the sum is scaled, not the weights", map[int]float32{0: 1 + ulp, 8: -1}, []float32{1 + ulp, 0}, ulp * (1 + ulp)},
	} {
		x := make([]float32, 64)
		for i, v := range tc.x {
			x[i] = v
		}
		for name, f := range map[string]func(y, w, scales, x []float32, n, rows, step, stride int){"addTokensGo": addTokensGo, "addTokens": addTokens} {
			for n := 1; n <= 3; n++ {
				y := make([]float32, 5*n)
				f(y, slices.Repeat(ones, 5), slices.Repeat(tc.scales, 5), slices.Repeat(x, n), n, 5, 1, 5)
				checkBits(t, fmt.Sprintf("%s, %d tokens: %s", name, n, tc.why), y, slices.Repeat([]float32{tc.want}, 5*n))
			}
		}
	}
}

// The machine's own products of blocks are the plain ones, bit for bit: around four rows
// at a time, with something between the scales and without, and with no look behind the end.
func TestBlocksOfThisMachine(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 0))
	for _, wt := range []layout.WeightType{layout.Q8_0, layout.Q4_0} {
		for _, rows := range []int{0, 1, 3, 4, 5, 8, 11} {
			for _, blocks := range []int{1, 2, 3, 18} {
				for _, step := range []int{1, 2} {
					what := fmt.Sprintf("%v, %dx%d blocks, step %d", wt, rows, blocks, step)
					quants := make([]uint32, wt.QuantWords(rows, blocks*layout.Block))
					for i := range quants {
						quants[i] = r.Uint32()
					}
					scales, x := normals(r, rows*blocks*step, 1), normals(r, blocks*layout.Block, 1)
					if step == 2 {
						for i := range scales {
							if i%2 == 1 {
								scales[i] = nan
							}
						}
					}
					wide, wantWide := poisoned(rows*len(x)+1), poisoned(rows*len(x)+1)
					widen(wide, quants, wt)
					widenGo(wantWide, quants, wt)
					checkBits(t, what+", widened", wide, wantWide)
					want := normals(r, rows+1, 1)
					got, fromWide := slices.Clone(want), slices.Clone(want)
					addPackedGo(want[:rows], quants, scales, x, step, wt)
					addPacked(got[:rows], quants, scales, x, step, wt)
					addTokens(fromWide, wide, scales, x, 1, rows, step, rows)
					checkBits(t, what, got, want)
					checkBits(t, what+", from floats", fromWide, want)
					testTokens(t, what, r, wt, quants, scales, rows, len(x), step)
				}
			}
		}
	}
}

// testTokens compares products with one token to nine, of which nothing else is written.
func testTokens(t *testing.T, what string, r *rand.Rand, wt layout.WeightType, quants []uint32, scales []float32, rows, cols, step int) {
	t.Helper()
	w := make([]float32, rows*cols)
	widenGo(w, quants, wt)
	for n := 1; n <= 9; n++ {
		x, want := normals(r, n*cols, 1), normals(r, n*(rows+3), 1)
		got, packed := slices.Clone(want), slices.Clone(want)
		addTokensGo(want, w, scales, x, n, rows, step, rows+3)
		addTokens(got, w, scales, x, n, rows, step, rows+3)
		addPackedTokens(packed, quants, scales, x, n, rows, step, rows+3, wt)
		checkBits(t, fmt.Sprintf("%s, %d tokens", what, n), got, want)
		checkBits(t, fmt.Sprintf("%s, %d tokens from packed integers", what, n), packed, want)
	}
}

// Every integer in every place of a block: the product with one column is a column.
func TestBlocksOfEveryInteger(t *testing.T) {
	r := rand.New(rand.NewPCG(12, 0))
	const rows, cols = 256, 64
	for _, wt := range weightTypes {
		if !inBlocks(wt) {
			continue
		}
		w := matrix(r, wt, rows, cols)
		for i := range w.Words[:wt.QuantWords(rows, cols)] {
			row := uint32(i / wt.QuantWords(1, cols))
			w.Words[i] = row * 0x01010101
			if wt != layout.Q8_0 {
				w.Words[i] = row % 16 * 0x11111111
			}
		}
		row := make([]float32, cols)
		for c := range cols {
			x, y := make([]float32, cols), poisoned(rows)
			x[c] = 1
			MatMul(layout.Stack{w}, x, y, 1)
			for i := range y {
				w.Row(row, i)
				if d := y[i] - row[c]; d > 1e-7 || d < -1e-7 || d != d {
					t.Fatalf("%v: element %d, %d is %g, want %g", wt, i, c, y[i], row[c])
				}
			}
		}
	}
}

// Pairs of scales of every size, around as many as are taken at a time.
func TestCentre(t *testing.T) {
	r := rand.New(rand.NewPCG(13, 0))
	for n := 0; n < 70; n += 2 {
		got := normals(r, n, 1)
		for i := range got {
			got[i] = layout.Half(layout.ToHalf(got[i] * float32(math.Pow(10, float64(i%9-6)))))
		}
		want := slices.Clone(got)
		centre(got)
		centreGo(want)
		checkBits(t, fmt.Sprint(n), got, want)
	}
}

// The errors of products in blocks are no larger than those of products of floats, give or
// take a third: for weights around zero, with x of any mean.
func TestBlocksAreExact(t *testing.T) {
	r := rand.New(rand.NewPCG(14, 0))
	const rows, cols = 64, 576
	for _, wt := range weightTypes {
		if !inBlocks(wt) {
			continue
		}
		for _, mean := range []float32{0, 1, 10} {
			w, x := matrix(r, wt, rows, cols), normals(r, cols, 1)
			scales := w.Words[wt.QuantWords(rows, cols):]
			for i := range scales {
				d := float32(0.01 * (1 + r.Float64()))
				other := d
				if wt == layout.Q4M {
					other = -d * float32(7+r.Float64())
				}
				scales[i] = layout.ToHalf(d) | layout.ToHalf(other)<<16
			}
			for i := range x {
				x[i] += mean
			}
			row, floats, blocks := make([]float32, cols), make([]float32, 1), make([]float32, rows)
			MatMul(layout.Stack{w}, x, blocks, 1)
			var before, after float64
			for i := range rows {
				w.Row(row, i)
				matvecGo(floats, row, x, cols)
				want := layout.Dot(row, x)
				before += math.Pow(float64(floats[0])-want, 2)
				after += math.Pow(float64(blocks[i])-want, 2)
			}
			t.Logf("%v, mean %g: %.2g and %.2g", wt, mean, math.Sqrt(before/rows), math.Sqrt(after/rows))
			if after > 1.7*before { // squares
				t.Errorf("%v, mean %g: the error is %g, that of floats %g", wt, mean, math.Sqrt(after/rows), math.Sqrt(before/rows))
			}
		}
	}
}
