package kernelcase

import (
	"fmt"

	"keyfold/layout"
	"keyfold/ref"
)

// Embed is a call of embed for the tokens from First on.
type Embed struct {
	W      *layout.Weights
	Tokens []uint32
	X      []float32
	First  int
}

func newEmbed(w *layout.Weights, tokens []uint32, first int) *Embed {
	return &Embed{W: w, Tokens: tokens, X: unwritten((len(tokens) - first) * w.Cols), First: first}
}

func (c *Embed) Twin() { ref.Embed(c.W, c.Tokens[c.First:], c.X) }

// Exact but for one rounding of d*q+m.
func (c *Embed) Outputs() []Output { return []Output{near("x", c.X, 1e-9, 2e-7)} }

// EmbedCases are awkward shapes for matrices of type t.
func EmbedCases(t layout.WeightType) []Case {
	var cases []Case
	for _, s := range [][2]int{{1, 32}, {11, 64}, {300, 288}} {
		rows := uint32(s[0])
		cases = append(cases, one(fmt.Sprintf("%v, %dx%d", t, s[0], s[1]),
			newEmbed(weights(t, s[0], s[1]), []uint32{9, rows - 1, 0, rows / 2}, 1)))
	}
	return cases
}
