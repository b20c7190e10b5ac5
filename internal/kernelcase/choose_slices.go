package kernelcase

import (
	"fmt"
	"math"
	"slices"

	"keyfold/layout"
	"keyfold/ref"
)

// ChooseSlices is a call of choose_slices.
//
//	Logits  (2, vocab), of which the second row is summed up
//	SoFar   how far the draw is, if Round is above 0: done, what is asked, and what is not read
//	Slices  a summary of each slice
type ChooseSlices struct {
	Logits        []float32
	SoFar, Slices []float32
	Vocab, Round  int
	Draw          layout.Draw
	Position      uint32
	asked         ref.Asked
}

// Words of a summary, and of a draw, in summary.wgsl.
const (
	summaryWords = 8
	drawWords    = 15
)

var noToken = layout.Candidate{ID: -1}

func newChooseSlices(logits []float32, asked ref.Asked, draw layout.Draw, position uint32) *ChooseSlices {
	vocab := len(logits) / 2
	c := &ChooseSlices{
		Logits: logits, SoFar: unwritten(drawWords), Slices: unwritten(summaryWords * layout.VocabSlices(vocab)),
		Vocab: vocab, Draw: draw, Position: position, asked: asked,
	}
	if asked.About != noToken {
		c.Round = 1
		c.SoFar[0] = 0
		for i, token := range []layout.Candidate{asked.About, asked.Low, asked.High} {
			c.SoFar[1+2*i], c.SoFar[2+2*i] = math.Float32frombits(uint32(token.ID)), token.Logit
		}
		c.SoFar[7] = asked.Top
	}
	return c
}

func (c *ChooseSlices) Twin() {
	for s := range layout.VocabSlices(c.Vocab) {
		from, to := layout.VocabSlice(c.Vocab, s)
		got := ref.ChooseSlices(c.Logits[c.Vocab:], c.Draw, c.Position, c.asked, from, to)
		copy(c.Slices[summaryWords*s:], []float32{
			math.Float32frombits(uint32(got.Count)), got.Top, got.Sum, got.Mass,
			got.Best.Score, math.Float32frombits(uint32(got.Best.ID)), got.Later.Score, math.Float32frombits(uint32(got.Later.ID)),
		})
	}
}

func (c *ChooseSlices) Outputs() []Output {
	var outputs []Output
	for s := range layout.VocabSlices(c.Vocab) {
		at := summaryWords * s
		outputs = append(outputs,
			exactFloats("count and top", c.Slices).part("count and top", at, at+2),
			near("sums", c.Slices, 0, 5e-6).part("sums", at+2, at+4), // an exp for each token, of numbers down to -30
			near("score", c.Slices, 1e-5, 1e-6).part("score", at+4, at+5),
			exactFloats("id", c.Slices).part("id", at+5, at+6),
			near("later score", c.Slices, 1e-5, 1e-6).part("later score", at+6, at+7),
			exactFloats("later id", c.Slices).part("later id", at+7, at+8))
	}
	return outputs
}

// ChooseSlicesCases are all tokens, those before the likeliest and the least likely, with and without
// bounds, and in ties.
func ChooseSlicesCases() []Case {
	var cases []Case
	for _, vocab := range []int{1, 64, 513, 3000, 49152, 128256} {
		logits := numbers("logits", 2*vocab, 5)
		for v := range vocab / 2 {
			at := vocab + 2*v
			logits[at] = float32(math.Round(float64(logits[at]))) // some ties
		}
		order := make([]layout.Candidate, vocab)
		for id := range order {
			order[id] = layout.Candidate{ID: id, Logit: logits[vocab+id]}
		}
		slices.SortFunc(order, layout.Likelier)
		// rank returns the token of a rank; -1: none.
		rank := func(r int) layout.Candidate {
			if r < 0 {
				return noToken
			}
			return order[r]
		}
		for _, draw := range []layout.Draw{{}, {Seed: 7, Temperature: 0.8}, {Seed: 7, Temperature: 3}} {
			for _, ranks := range [][3]int{ // low, about, high
				{-1, -1, -1}, {-1, 0, 0}, {-1, vocab / 3, vocab / 3}, {-1, vocab - 1, vocab - 1},
				{-1, vocab / 3, -1}, {-1, 0, vocab / 2}, {vocab / 5, vocab / 3, vocab / 2}, {0, vocab - 1, -1},
			} {
				asked := ref.Asked{Low: rank(ranks[0]), About: rank(ranks[1]), High: rank(ranks[2]), Top: order[0].Logit}
				cases = append(cases, one(fmt.Sprintf("vocab %d, temperature %g, ranks %v", vocab, draw.Temperature, ranks),
					newChooseSlices(logits, asked, draw, 3)))
			}
		}
	}
	return cases
}
