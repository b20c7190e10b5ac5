package cpu

import (
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"

	"keyfold/layout"
	"keyfold/ref"
)

var (
	weightTypes = layout.WeightTypes
	nan         = float32(math.NaN())
)

func normals(r *rand.Rand, n int, scale float64) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(scale * r.NormFloat64())
	}
	return x
}

// poisoned returns an output that nobody has written.
func poisoned(n int) []float32 { return slices.Repeat([]float32{nan}, n) }

// matrix returns random weights: quants of all bits, and scales of which some
// are subnormal halves. Its columns are as many as t takes, at least cols.
func matrix(r *rand.Rand, t layout.WeightType, rows, cols int) *layout.Weights {
	cols = (cols + t.ColumnsOf() - 1) / t.ColumnsOf() * t.ColumnsOf()
	w := &layout.Weights{Type: t, Rows: rows, Cols: cols}
	quants := t.QuantWords(rows, cols)
	w.Words = make([]uint32, quants+t.ScaleWords(rows, cols))
	half := func(i int) uint32 {
		scale := 0.01
		if i%3 == 0 {
			scale = 1e-5
		}
		return layout.ToHalf(float32(scale * r.NormFloat64()))
	}
	for i := range w.Words {
		switch {
		case t == layout.F32:
			w.Words[i] = math.Float32bits(float32(r.NormFloat64()))
		case t.ColumnsOf() == layout.LargeBlock && (i < quants || (i-quants)%t.RecordWords() > 0):
			w.Words[i] = r.Uint32()
		case t == layout.F16 || i >= quants:
			w.Words[i] = half(i) | half(i+1)<<16
		default:
			w.Words[i] = r.Uint32()
		}
	}
	return w
}

// checkBits complains unless got and want are the same bits. Any NaN is as good
// as another.
func checkBits(t *testing.T, what string, got, want []float32) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d elements, want %d", what, len(got), len(want))
	}
	for i := range want {
		if math.Float32bits(got[i]) != math.Float32bits(want[i]) && (got[i] == got[i] || want[i] == want[i]) {
			t.Errorf("%s: element %d is %g, want exactly %g", what, i, got[i], want[i])
			return
		}
	}
}

// checkClose complains where an element differs by more than the bound.
func checkClose(t *testing.T, what string, got, want []float32, bound func(i int) float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d elements, want %d", what, len(got), len(want))
	}
	for i := range want {
		if d := math.Abs(float64(got[i]) - float64(want[i])); !(d <= bound(i)) {
			t.Errorf("%s: element %d is %g, want %g give or take %g", what, i, got[i], want[i], bound(i))
			return
		}
	}
}

// The lanes and their order, on numbers whose sum depends on it: 2^24 + 1 is
// 2^24 in float32, and 1 + 1 is not lost.
func TestMatVecAddsInLanes(t *testing.T) {
	const big = 1 << 24
	for _, tc := range []struct {
		why  string
		x    []float32
		want float32
	}{
		{"a lane in the order of i", []float32{big, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, -big}, 0},
		{"lanes 0 and 1 before 2 and 3", []float32{big, 1, 1, 1}, big + 2},
		{"lanes 0 to 3 before 4 to 7", []float32{big, 0, 0, 0, 0, 1, 0, 1}, big + 2},
		{"the tail is of lanes 0, 1, ...", []float32{0, big, 0, 0, 0, 0, 0, 0, 1, -big}, 1},
	} {
		w := slices.Repeat([]float32{1}, 5*len(tc.x))
		for name, f := range map[string]func(y, w, x []float32, stride int){"matvecGo": matvecGo, "matvec": matvec} {
			y := poisoned(5)
			f(y, w, tc.x, len(tc.x))
			checkBits(t, name+": "+tc.why, y, slices.Repeat([]float32{tc.want}, 5))
		}
	}
}

// The machine's own matvec is the plain one, bit for bit: around four rows at a
// time and eight columns, with rows that are not neighbours, and without a
// look at what lies between and behind them.
func TestMatVecOfThisMachine(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 0))
	for _, rows := range []int{0, 1, 3, 4, 5, 8, 11} {
		for _, cols := range []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 15, 16, 17, 64, 172, 288} {
			for _, gap := range []int{0, 3} {
				stride := cols + gap
				w := normals(r, rows*stride+8, 1)
				for i := range w {
					if i >= rows*stride || i%stride >= cols {
						w[i] = nan
					}
				}
				x, got, want := normals(r, cols, 1), poisoned(rows+1), poisoned(rows+1)
				matvec(got[:rows], w, x, stride)
				matvecGo(want[:rows], w, x, stride)
				checkBits(t, fmt.Sprintf("%dx%d, stride %d", rows, cols, stride), got, want)
			}
		}
	}
}

func TestUnpack(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 0))
	for _, wt := range weightTypes {
		if inBlocks(wt) {
			continue
		}
		w := matrix(r, wt, 7, 96)
		cols := w.Cols
		want := make([]float32, 7*cols)
		for row := range 7 {
			w.Row(want[row*cols:(row+1)*cols], row)
		}
		checkBits(t, wt.String(), unpackRows(poisoned(7*cols), w, 0, 7), want)
		checkBits(t, wt.String()+" from row 3", unpackRows(poisoned(3*cols), w, 3, 3), want[3*cols:6*cols])
	}
	for _, ct := range layout.CacheTypes {
		rows := layout.NewRows(ct, 96, 4)
		rows.Put(1, normals(r, 96, 1))
		rows.Put(2, normals(r, 96, 1))
		want := make([]float32, 2*96)
		rows.Get(want, 1)
		rows.Get(want[96:], 2)
		checkBits(t, "cache "+ct.String(), unpackSlots(poisoned(2*96), &rows, 1, 2), want)
	}
}

// Every half there is, and one more word: they are taken by fours.
func TestUnpackHalves(t *testing.T) {
	var words []uint32
	var want []float32
	for h := range uint32(1<<16 + 1) {
		h &= 0xffff
		words = append(words, h|(h^0x5555)<<16)
		want = append(want, layout.Half(h), layout.Half(h^0x5555))
	}
	got := poisoned(len(want))
	unpackHalves(got, words)
	checkBits(t, "all halves", got, want)
}

// Rows with scales between them, from a scale on that need not be the first.
func TestUnpackBlocks(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 0))
	type unpackFunc func(dst []float32, quants, scales []uint32, block, blocks, stride int)
	for name, f := range map[string]struct {
		quantWords  int
		fast, plain unpackFunc
	}{"q8_0": {8, unpackQ8, unpackQ8Go}, "q4_0": {4, unpackQ4, unpackQ4Go}} {
		for _, rows := range []int{1, 2, 5} {
			for _, blocks := range []int{1, 2, 3} {
				for _, block := range []int{0, 1, 4} {
					stride := blocks*f.quantWords + (block+blocks+1)/2 + 1
					words := make([]uint32, rows*stride)
					for i := range words {
						words[i] = r.Uint32() // some scales are infinities and NaN
					}
					scales := words[blocks*f.quantWords:]
					got, want := poisoned(rows*blocks*layout.Block), poisoned(rows*blocks*layout.Block)
					f.fast(got, words, scales, block, blocks, stride)
					f.plain(want, words, scales, block, blocks, stride)
					checkBits(t, fmt.Sprintf("%s: %d rows of %d blocks from %d on", name, rows, blocks, block), got, want)
				}
			}
		}
	}
}

// Every half there is as a scale of blocks with every byte.
func TestUnpackScales(t *testing.T) {
	for h := range uint32(1 << 16) {
		var quants [64]uint32
		for i := range quants {
			quants[i] = (h+4*uint32(i))*0x01010101 + 0x03020100
		}
		dm := h | (h^0x5555)<<16
		record := []uint32{dm, quants[h%64], ^h, h << 16, quants[1], quants[2], 0x7f81807f, h * h, 0x01ff00fe} // every byte is an s and an n
		for name, f := range map[string][2]func(dst []float32){
			"q8_0": {
				func(dst []float32) { unpackQ8(dst, quants[:], []uint32{h}, 0, 1, 0) },
				func(dst []float32) { unpackQ8Go(dst, quants[:], []uint32{h}, 0, 1, 0) },
			},
			"q4_0": {
				func(dst []float32) { unpackQ4(dst, quants[:], []uint32{h << 16}, 1, 1, 0) },
				func(dst []float32) { unpackQ4Go(dst, quants[:], []uint32{h << 16}, 1, 1, 0) },
			},
			"q8m": {
				func(dst []float32) { unpackQ8M(dst, quants[:], []uint32{dm}) },
				func(dst []float32) { unpackQ8MGo(dst, quants[:], []uint32{dm}) },
			},
			"q4k": {
				func(dst []float32) { unpackQ4K(dst, quants[:], record) },
				func(dst []float32) { unpackQ4KGo(dst, quants[:], record) },
			},
			"q8k": {
				func(dst []float32) { unpackQ8K(dst, quants[:], record) },
				func(dst []float32) { unpackQ8KGo(dst, quants[:], record) },
			},
		} {
			size := layout.Block
			if name == "q4k" || name == "q8k" {
				size = layout.LargeBlock
			}
			got, want := poisoned(size), poisoned(size)
			f[0](got)
			f[1](want)
			checkBits(t, fmt.Sprintf("%s with scale %#x", name, h), got, want)
		}
	}
}

// The rows added to lanes give the product with the columns, bit for bit, however
// many are added at a time; what lies behind the rows is not looked at.
func TestAddRows(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 0))
	for _, rows := range []int{0, 1, 7, 8, 9, 16, 31, 64} {
		for _, cols := range []int{1, 2, 4, 6, 8, 12, 48, 64} {
			w, x := append(normals(r, rows*cols, 1), poisoned(cols)...), normals(r, rows, 1)
			columns := make([]float32, cols*rows)
			for j := range rows {
				for i := range cols {
					columns[i*rows+j] = w[j*cols+i]
				}
			}
			want := make([]float32, cols)
			matvecGo(want, columns, x, rows)
			for name, f := range map[string]func(lanes, w, x []float32){"addRowsGo": addRowsGo, "addRows": addRows} {
				for _, atOnce := range []int{8, 24, 64} {
					lanes, got := make([]float32, 8*cols), poisoned(cols)
					for j := 0; j < rows; j += atOnce {
						f(lanes, w[j*cols:], x[j:min(j+atOnce, rows)])
					}
					sumLanes(got, lanes, 1)
					checkBits(t, fmt.Sprintf("%s: %dx%d, %d at once", name, rows, cols, atOnce), got, want)
				}
			}
		}
	}
}

func TestExp(t *testing.T) {
	var s, want []float32
	for x := -110.0; x < 88.7; x += 0.0037 {
		s, want = append(s, float32(x)+3), append(want, float32(math.Exp(float64(float32(x)+3-3))))
	}
	inf := float32(math.Inf(1))
	s, want = append(s, inf, -inf, nan, 3), append(want, inf, 0, nan, 1)
	finite := len(s) - 4
	exp(s, 3)
	checkClose(t, "exp", s[:finite], want[:finite], func(i int) float64 { return 2e-7*float64(want[i]) + 1e-45 })
	if s[finite] != inf || s[finite+1] != 0 || s[finite+2] == s[finite+2] || s[finite+3] != 1 {
		t.Errorf("exp of infinity, -infinity, NaN and 0 is %v, want %v", s[finite:], want[finite:])
	}
	if got := exp([]float32{2, 2, 1}, 2); math.Abs(got-2.36787944) > 1e-7 {
		t.Errorf("the sum is %g, want 2 + 1/e", got)
	}
}

// Around eight at a time, with some that go the long way at every place, the bits
// are those of the loop for one.
func TestExpOfThisMachine(t *testing.T) {
	r := rand.New(rand.NewPCG(10, 0))
	inf := float32(math.Inf(1))
	for n := range 67 {
		for _, odd := range []float32{1, 200, -200, inf, -inf, nan, 91, 90.99999, -84, -83.99999} {
			for _, at := range []int{0, 7, 8, 23, n - 1} {
				got := normals(r, n, 20)
				if at >= 0 && at < n {
					got[at] = odd
				}
				want, sums := slices.Clone(got), [4]float64{}
				expGo(want, 3)
				for i, v := range want {
					sums[i%4] += float64(v)
				}
				sum, gotSum := (sums[0]+sums[1])+(sums[2]+sums[3]), exp(got, 3)
				what := fmt.Sprintf("%d, with %g at %d", n, odd, at)
				checkBits(t, what, got, want)
				if gotSum != sum && sum == sum {
					t.Errorf("%s: the sum is %g, want exactly %g", what, gotSum, sum)
				}
			}
		}
	}
	var got []float32
	for x := float32(-90); x < 90; x += 0.0007 {
		got = append(got, x)
	}
	want := slices.Clone(got)
	expGo(want, 0)
	exp(got, 0)
	checkBits(t, "all sizes", got, want)
}

func TestSwiGLU(t *testing.T) {
	const n, hidden = 3, 700
	gateUp := normals(rand.New(rand.NewPCG(8, 0)), n*2*hidden, 1)
	for i := range hidden { // every size of gate in the second row
		gateUp[2*hidden+i] = 0.4 * float32(i-hidden/2)
	}
	got, want := poisoned(n*hidden), make([]float32, n*hidden)
	SwiGLU(gateUp, got, n, hidden)
	ref.SwiGLU(gateUp, want, n, hidden)
	// exp is off by 2e-7 relative, and three results are rounded. The exponent ends at 80.
	checkClose(t, "SwiGLU", got, want, func(i int) float64 { return 5e-7*math.Abs(float64(want[i])) + 1e-35 })
	SwiGLU([]float32{nan, 1}, got, 1, 1)
	if got[0] == got[0] {
		t.Errorf("a gate that is NaN gives %g, want NaN", got[0])
	}
}

// The machine's own gates are the plain ones, bit for bit, around four at a time: those whose
// exponential is of any size, and no number but what was given behind them.
func TestSwiGLUOfThisMachine(t *testing.T) {
	r := rand.New(rand.NewPCG(19, 0))
	inf := float32(math.Inf(1))
	for n := range 30 {
		gate, up := normals(r, n, 60), normals(r, n, 1)
		for i, z := range []float32{80, 80.00001, -80, -80.00001, 87, 88, 200, -200, inf, -inf, 0, nan} {
			if n > 0 {
				gate[(5*i+n)%n] = z
			}
			got, want := poisoned(n+1), poisoned(n+1)
			swiGLUGo(want[:n], gate, up)
			swiGLU(got[:n], gate, up)
			checkBits(t, fmt.Sprintf("%d with %g", n, z), got, want)
		}
	}
}

// The machine's own scores are the plain ones, around eight at a time, and so is the
// largest, wherever it is and whatever is no number.
func TestAddBiasOfThisMachine(t *testing.T) {
	r := rand.New(rand.NewPCG(18, 0))
	for n := 0; n < 40; n++ {
		for at := -1; at < n; at++ {
			scores, bias := normals(r, n, 1), normals(r, n+1, 1)
			if at >= 0 {
				scores[at] = 100
				scores[(at*7+3)%n] = nan
			}
			want := slices.Clone(scores)
			top, wantTop := addBias(scores, bias, 0.3), addBiasGo(want, bias, 0.3)
			checkBits(t, fmt.Sprintf("%d scores, the largest at %d", n, at), append(scores, top), append(want, wantTop))
		}
	}
}

// However the work is cut, the bits are the same: tokens one by one or together,
// on one thread or on three.
func TestResultsDoNotDependOnTheCut(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 0))
	w, x := matrix(r, layout.Q8_0, 302, 256), normals(r, 9*256, 1)
	c := randomCache(r, layout.CacheF16, 48, []int{70, 90, 40, 65, 80}, 9)
	q := normals(r, 9*5*2*48, 1)
	run := func(threads, atOnce int) (y, out []float32) {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(threads))
		y, out = poisoned(9*302), poisoned(9*5*2*48)
		for t := 0; t < 9; t += atOnce {
			n := min(atOnce, 9-t)
			MatMul(layout.Stack{w}, x[t*256:], y[t*302:], n)
			Attention(c.With(t+n), layout.Queries{Buf: q[t*480:], N: n, Stride: 480, Heads: 10, Scale: 0.2}, out[t*480:], make([]float32, n*10))
		}
		return y, out
	}
	wantY, wantOut := run(1, 9)
	for _, threads := range []int{1, 3} {
		for _, atOnce := range []int{1, 2, 3, 4, 9} {
			y, out := run(threads, atOnce)
			checkBits(t, fmt.Sprintf("MatMul on %d threads, %d tokens at once", threads, atOnce), y, wantY)
			checkBits(t, fmt.Sprintf("Attention on %d threads, %d tokens at once", threads, atOnce), out, wantOut)
		}
	}
}

// A matrix in parts, of any types and rows, gives what its parts give, one under the other.
func TestMatMulOfParts(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(3))
	r := rand.New(rand.NewPCG(17, 0))
	const cols, n = 256, 5
	var parts layout.Stack
	for i, wt := range []layout.WeightType{layout.Q4M, layout.Q8_0, layout.Q4_0, layout.F16, layout.Q4M, layout.Q4K} {
		parts = append(parts, matrix(r, wt, []int{203, 1, 50, 97, 6, 131}[i], cols))
	}
	x, rows := normals(r, n*cols, 1), parts.Rows()
	for name, f := range map[string]func(w layout.Stack, x, y []float32, n int){"MatMul": MatMul, "AddMatMul": AddMatMul} {
		got := normals(r, n*rows, 1)
		want := slices.Clone(got)
		f(parts, x, got, n)
		row0 := 0
		for _, w := range parts {
			for t := range n {
				f(layout.Stack{w}, x[t*cols:(t+1)*cols], want[t*rows+row0:][:w.Rows], 1)
			}
			row0 += w.Rows
		}
		checkBits(t, name, got, want)
	}
}

// randomCache returns a cache whose heads have different lengths, gaps between them
// and biases. It holds more rows than lens says behind each head: those of new tokens.
func randomCache(r *rand.Rand, t layout.CacheType, headDim int, lens []int, more int) layout.Cache {
	var c layout.Cache
	total := 0
	for _, n := range lens {
		c.Heads = append(c.Heads, layout.Head{Offset: total + 2, Len: n})
		total += 2 + n + more
	}
	c.K, c.V = layout.NewRows(t, headDim, total), layout.NewRows(t, headDim, total)
	for range total {
		c.Slots = append(c.Slots, layout.Slot{N: 1, Bias: float32(r.Float64())})
	}
	for i := range total {
		c.K.Put(i, normals(r, headDim, 1))
		c.V.Put(i, normals(r, headDim, 1))
	}
	return c
}

// A key that is no number makes the outputs of all that see it no numbers.
func TestAttentionShowsNaN(t *testing.T) {
	r := rand.New(rand.NewPCG(6, 0))
	c := randomCache(r, layout.CacheF32, 8, []int{20}, 2)
	c.K.Put(c.Heads[0].Offset+20, poisoned(8)) // of the first of two new tokens
	out, lse := make([]float32, 2*8), make([]float32, 2)
	Attention(c.With(2), layout.Queries{Buf: normals(r, 16, 1), N: 2, Stride: 8, Heads: 1, Scale: 0.3}, out, lse)
	for i, v := range append(out, lse...) {
		if v == v {
			t.Errorf("element %d is %g, want NaN", i, v)
		}
	}
}
