package kernelcase

import (
	"fmt"

	"keyfold/layout"
	"keyfold/ref"
)

// OfWeights are the small cases of the kernels that read a matrix of type t. The
// shapes are such that no kernel gets by with one workgroup, one turn of a loop or
// full tiles. Some faults of drivers show only in rows of 1,536 columns and more, or from
// 200 tokens on: every kernel has such calls, too, with few rows.
func OfWeights(t layout.WeightType) []Case {
	w, long, longer, gated := weights(t, smallRows, smallCols), weights(t, 6, 1536), weights(t, 5, 2304), weights(t, smallRows-1, smallCols)
	return []Case{
		one(fmt.Sprintf("embed %v", t), newEmbed(w, []uint32{5, smallRows - 1, 0, 17}, 1, 2)),
		productCase(w, 1, newMatMul(long, 1, false), newMatMul(longer, 1, true)),
		productCase(w, 5, newMatMul(longer, 8, false)),
		productCase(w, 33, newMatMul(long, 200, false), newMatMul(longer, 17, false)),
		Case{fmt.Sprintf("norm_matvec %v", t), []Call{newNormMatVec(w, 2, 1, 0.01), newNormMatVec(longer, 0, 1, 0.01)}},
		Case{fmt.Sprintf("norm_swiglu %v", t), []Call{newNormSwiGLU(gated, 1, 0.01), largeNormSwiGLU(gated), newNormSwiGLU(long, 1, 0.01)}},
	}
}

// OfTokens are those of the kernels for numbers of tokens that few runs meet.
func OfTokens(t layout.WeightType) []Case {
	w, long, longer := weights(t, smallRows, smallCols), weights(t, 6, 1536), weights(t, 5, 2304)
	return []Case{
		productCase(w, 2, newMatMul(longer, 2, false)),
		productCase(w, 3, newMatMul(long, 4, false)),
	}
}

// productCase multiplies n tokens with w, adds the same product, and makes more calls.
func productCase(w *layout.Weights, n int, more ...Call) Case {
	first := newMatMul(w, n, false)
	second := *first
	second.Add = true
	return Case{fmt.Sprintf("matmul %v (%s)", w.Type, count(n, "row")), append([]Call{first, &second}, more...)}
}

// The small matrix is no multiple of what any workgroup takes.
const smallRows, smallCols = 37, 288

// count returns "1 row" or "9 rows".
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// MatMul is a call of matmul, matvec or one of their variants.
type MatMul struct {
	W    *layout.Weights
	X, Y []float32
	N    int
	Add  bool
}

// newMatMul has a row of y that no token has, behind the others.
func newMatMul(w *layout.Weights, n int, add bool) *MatMul {
	c := &MatMul{W: w, X: numbers("x", n*w.Cols, 1), Y: unwritten((n + 1) * w.Rows), N: n, Add: add}
	if add {
		copy(c.Y, numbers("y", len(c.Y), 1))
	}
	return c
}

func (c *MatMul) Twin() {
	if c.Add {
		ref.AddMatMul(c.W, c.X, c.Y, c.N)
	} else {
		ref.MatMul(c.W, c.X, c.Y, c.N)
	}
}

func (c *MatMul) Outputs() []Output { return []Output{near("y", c.Y, sumError(c.W.Cols), 5e-6)} }

// sumError is that of an f32 sum of up to 1,024 products of size 0.2, or of more, whose
// errors add up.
func sumError(products int) float64 { return 1e-5 * max(1, float64(products)/1024) }

// MatMulCases are awkward shapes for matrices of type t.
func MatMulCases(t layout.WeightType) []Case {
	var cases []Case
	for _, s := range []struct {
		rows, cols, n int
		add           bool
		why           string
	}{
		{1, 32, 1, false, "smallest"},
		{5, 64, 1, false, "one token, rows not a multiple of 4"},
		{31, 288, 1, true, "one token, added"},
		{6, 1024, 1, false, "one token, several columns per thread"},
		{5, 32, 2, true, "two tokens, fewer columns than threads that share rows, added"},
		{50, 288, 3, false, "three tokens, several workgroups"},
		{18, 1056, 4, true, "four tokens, two rows more than a workgroup, added"},
		{33, 64, 8, false, "one tile of tokens"},
		{35, 96, 9, true, "a token more than a tile, added"},
		{64, 96, 16, false, "two tiles of tokens, whole workgroups"},
		{19, 36, 5, true, "few tokens, columns that do not fill a block, in types without blocks"},
		{65, 96, 19, true, "odd tiles, added"},
		{70, 64, 66, false, "several workgroups of tokens"},
		{129, 32, 65, true, "a row and a token more than wide tiles"},
		{62, 160, 127, false, "two rows and a token less than wide tiles"},
		{6, 8192, 2, false, "rows longer than a panel of the CPU"},
		{301, 256, 7, false, "work for several threads of the CPU"},
		{37, 36, 33, true, "columns that do not fill a tile, in types without blocks"},
	} {
		if s.cols%layout.Block == 0 || t == layout.F32 || t == layout.F16 {
			cases = append(cases, one(fmt.Sprintf("%v: %s", t, s.why), newMatMul(weights(t, s.rows, s.cols), s.n, s.add)))
		}
	}
	return cases
}

// NormMatVec is a call of matvec with a norm.
type NormMatVec struct {
	W          *layout.Weights
	X, Norm, Y []float32
	Row        int
	Eps        float32
}

func newNormMatVec(w *layout.Weights, row int, scale, eps float32) *NormMatVec {
	return &NormMatVec{
		W: w, X: numbers("x", (row+1)*w.Cols, scale), Norm: numbers("norm", w.Cols, 1), Y: unwritten(w.Rows),
		Row: row, Eps: eps,
	}
}

func (c *NormMatVec) Twin() { ref.NormMatVec(c.W, c.X, c.Norm, c.Y, c.Row, c.Eps) }

// As for MatMul.
func (c *NormMatVec) Outputs() []Output { return []Output{near("y", c.Y, sumError(c.W.Cols), 5e-6)} }

// NormSwiGLU is a call of matvec with a norm and a gate.
type NormSwiGLU struct {
	W          *layout.Weights
	X, Norm, Y []float32
	Eps        float32
	large      bool // the sums are largeGate times as large
}

func newNormSwiGLU(w *layout.Weights, scale, eps float32) *NormSwiGLU {
	return &NormSwiGLU{
		W: w, X: numbers("x", w.Cols, scale), Norm: numbers("norm", w.Cols, 1), Y: unwritten(w.Rows / 2), Eps: eps,
	}
}

// largeNormSwiGLU has gates below -88 and more: see largeGate.
func largeNormSwiGLU(w *layout.Weights) *NormSwiGLU {
	c := newNormSwiGLU(w, 1, 0.01)
	c.Norm, c.large = numbers("norm", w.Cols, largeGate), true
	return c
}

func (c *NormSwiGLU) Twin() { ref.NormSwiGLU(c.W, c.X, c.Norm, c.Y, c.Eps) }

// A product of two sums as in MatMul, each of size 3.
func (c *NormSwiGLU) Outputs() []Output {
	abs := 2 * sumError(c.W.Cols)
	if c.large {
		abs *= largeGate * largeGate
	}
	return []Output{near("y", c.Y, abs, 1e-5)}
}

// NormMatVecCases are awkward shapes for matrices of type t, with a gate and without.
func NormMatVecCases(t layout.WeightType) []Case {
	var cases []Case
	for _, s := range []struct {
		rows, cols, row int
		scale           float32 // size of the input
		why             string
	}{
		{2, 32, 0, 1, "smallest"},
		{6, 64, 3, 1, "rows not a multiple of 4, another row"},
		{66, 288, 0, 1e-3, "eps is as large as the mean square, several workgroups"},
		{130, 96, 1, 50, "a large input, an odd number of gates"},
	} {
		const eps = 1e-6
		name, w := fmt.Sprintf("%v: %s", t, s.why), weights(t, s.rows, s.cols)
		cases = append(cases, one(name, newNormMatVec(w, s.row, s.scale, eps)), one(name+", SwiGLU", newNormSwiGLU(w, s.scale, eps)))
	}
	w := weights(t, 70, 64)
	return append(cases, one(fmt.Sprintf("%v: gates beyond the exponents of f32, SwiGLU", t), largeNormSwiGLU(w)))
}
