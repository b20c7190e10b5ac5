package kernelcase

import (
	"fmt"

	"keyfold/ref"
)

// AddBias is a call of add_bias.
type AddBias struct {
	X, Bias []float32
	Rows    int
}

func newAddBias(rows, width int) *AddBias {
	return &AddBias{X: numbers("x", rows*width, 1), Bias: numbers("bias", width, 4), Rows: rows}
}

func (c *AddBias) Twin() { ref.AddBias(c.X, c.Bias, c.Rows) }

// One addition, which WGSL rounds correctly.
func (c *AddBias) Outputs() []Output { return []Output{near("x", c.X, 1e-6, 1e-6)} }

// AddBiasCases are awkward shapes.
func AddBiasCases() []Case {
	var cases []Case
	for _, s := range [][2]int{{1, 1}, {1, 63}, {2, 64}, {3, 65}, {17, 288}} {
		cases = append(cases, one(fmt.Sprintf("%d rows of %d", s[0], s[1]), newAddBias(s[0], s[1])))
	}
	return cases
}
