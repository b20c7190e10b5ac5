package kernelcase

import "keyfold/ref"

// RMSNorm is a call of rms_norm.
type RMSNorm struct {
	X, W, Y         []float32
	Rows, Dim, Row0 int
	Eps             float32
}

func newRMSNorm(rows, dim, row0 int, scale, eps float32) *RMSNorm {
	return &RMSNorm{
		X: numbers("x", (row0+rows)*dim, scale), W: numbers("w", dim, 1), Y: unwritten(rows * dim),
		Rows: rows, Dim: dim, Row0: row0, Eps: eps,
	}
}

func (c *RMSNorm) Twin() { ref.RMSNorm(c.X, c.W, c.Y, c.Rows, c.Dim, c.Row0, c.Eps) }

// One f32 sum of dim squares, a root, then three multiplications.
func (c *RMSNorm) Outputs() []Output { return []Output{near("y", c.Y, 1e-6, 1e-5)} }

// RMSNormCases are awkward shapes.
func RMSNormCases() []Case {
	var cases []Case
	for _, s := range []struct {
		rows, dim, row0 int
		scale           float32 // size of the input
		why             string
	}{
		{1, 1, 0, 1, "smallest legal row"},
		{1, 63, 0, 1, "one thread idle"},
		{1, 64, 0, 1, "exactly one column per thread"},
		{3, 65, 2, 1, "one thread owns two columns, and row offsets matter"},
		{1, 64, 0, 1e-3, "eps is as large as the mean square"},
		{17, 288, 0, 1, "many rows"},
	} {
		cases = append(cases, one(s.why, newRMSNorm(s.rows, s.dim, s.row0, s.scale, 1e-5)))
	}
	return cases
}
