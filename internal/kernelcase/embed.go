package kernelcase

import (
	"fmt"

	"keyfold/layout"
	"keyfold/ref"
)

// Embed is a call of embed for the tokens from First on, whose embeddings go to row Row of X and
// those after it.
type Embed struct {
	W          *layout.Weights
	Tokens     []uint32
	X          []float32
	First, Row int
}

// newEmbed has one row behind those that are written.
func newEmbed(w *layout.Weights, tokens []uint32, first, row int) *Embed {
	return &Embed{W: w, Tokens: tokens, X: unwritten((row + len(tokens) - first + 1) * w.Cols), First: first, Row: row}
}

func (c *Embed) Twin() { ref.Embed(c.W, c.Tokens[c.First:], c.X[c.Row*c.W.Cols:]) }

// Exact but for one rounding of d*q+m.
func (c *Embed) Outputs() []Output { return []Output{near("x", c.X, 1e-9, 2e-7)} }

// EmbedCases are awkward shapes for matrices of type t.
func EmbedCases(t layout.WeightType) []Case {
	var cases []Case
	for i, s := range [][2]int{{1, 32}, {11, 64}, {300, 288}} {
		rows := uint32(s[0])
		cases = append(cases, one(fmt.Sprintf("%v, %dx%d", t, s[0], s[1]),
			newEmbed(weights(t, s[0], s[1]), []uint32{9, rows - 1, 0, rows / 2}, 1, i)))
	}
	return cases
}
