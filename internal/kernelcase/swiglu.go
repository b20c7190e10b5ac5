package kernelcase

import (
	"fmt"

	"keyfold/ref"
)

// SwiGLU is a call of swiglu.
type SwiGLU struct {
	GateUp, Y []float32
	N, Hidden int
}

func newSwiGLU(n, hidden int, scale float32) *SwiGLU {
	return &SwiGLU{GateUp: numbers("gate_up", 2*n*hidden, scale), Y: unwritten(n * hidden), N: n, Hidden: hidden}
}

func (c *SwiGLU) Twin() { ref.SwiGLU(c.GateUp, c.Y, c.N, c.Hidden) }

// An exp and a quotient, which WGSL allows some units in the last place.
func (c *SwiGLU) Outputs() []Output { return []Output{near("y", c.Y, 1e-6, 1e-5)} }

// largeGate is a size of gates, some of which are below -88: exp of the negative is beyond
// the largest f32, and what a device makes of that WGSL leaves to it.
const largeGate = 100

// SwiGLUCases are awkward shapes.
func SwiGLUCases() []Case {
	var cases []Case
	for _, s := range [][2]int{{1, 1}, {1, 63}, {2, 64}, {3, 172}, {3, 700}} {
		cases = append(cases, one(fmt.Sprintf("%d rows of %d", s[0], s[1]), newSwiGLU(s[0], s[1], 4)))
	}
	return append(cases, one("gates beyond the exponents of f32", newSwiGLU(2, 70, largeGate)))
}
