package kernelcase

import (
	"fmt"
	"math"

	"keyfold/layout"
	"keyfold/ref"
)

// ChooseSlices is a call of choose_slices.
//
//	Logits  (2, vocab), of which the second row is summed up
//	Last    what was drawn last, if Round is above 0: done, its id and logit, and what is not read
//	Slices  a summary of each slice
type ChooseSlices struct {
	Logits       []float32
	Last, Slices []float32
	Vocab, Round int
	Draw         layout.Draw
	Position     uint32
}

func newChooseSlices(logits []float32, last int, draw layout.Draw, position uint32) *ChooseSlices {
	vocab := len(logits) / 2
	c := &ChooseSlices{Logits: logits, Last: unwritten(6), Slices: unwritten(6 * layout.VocabSlices(vocab)), Vocab: vocab, Draw: draw, Position: position}
	if last >= 0 {
		c.Round = 1
		c.Last[0], c.Last[1], c.Last[2] = 0, math.Float32frombits(uint32(last)), logits[vocab+last]
	}
	return c
}

func (c *ChooseSlices) Twin() {
	limit := layout.Candidate{ID: -1}
	if c.Round > 0 {
		limit = layout.Candidate{ID: int(math.Float32bits(c.Last[1])), Logit: c.Last[2]}
	}
	for s := range layout.VocabSlices(c.Vocab) {
		from, to := layout.VocabSlice(c.Vocab, s)
		got := ref.ChooseSlices(c.Logits[c.Vocab:], c.Draw, c.Position, limit, from, to)
		copy(c.Slices[6*s:], []float32{
			math.Float32frombits(uint32(got.Count)), got.Top, got.Sum, got.Mass, got.Score, math.Float32frombits(uint32(got.ID)),
		})
	}
}

func (c *ChooseSlices) Outputs() []Output {
	var outputs []Output
	for s := range layout.VocabSlices(c.Vocab) {
		at := 6 * s
		outputs = append(outputs,
			exactFloats("count and top", c.Slices).part("count and top", at, at+2),
			near("sums", c.Slices, 0, 5e-6).part("sums", at+2, at+4), // an exp for each token, of numbers down to -30
			near("score", c.Slices, 1e-5, 1e-6).part("score", at+4, at+5),
			exactFloats("id", c.Slices).part("id", at+5, at+6))
	}
	return outputs
}

// ChooseSlicesCases are all tokens, those before the likeliest and the least likely, and in ties.
func ChooseSlicesCases() []Case {
	var cases []Case
	for _, vocab := range []int{1, 64, 513, 3000} {
		logits := numbers("logits", 2*vocab, 5)
		for v := range vocab / 2 {
			at := vocab + 2*v
			logits[at] = float32(math.Round(float64(logits[at]))) // some ties
		}
		for _, draw := range []layout.Draw{{}, {Seed: 7, Temperature: 0.8}, {Seed: 7, Temperature: 3}} {
			order := ref.Likeliest(logits[vocab:], vocab, 0, vocab)
			for _, rank := range []int{-1, 0, vocab / 3, vocab - 1} {
				last := -1
				if rank >= 0 {
					last = order[rank].ID
				}
				cases = append(cases, one(fmt.Sprintf("vocab %d, temperature %g, before number %d", vocab, draw.Temperature, rank),
					newChooseSlices(logits, last, draw, 3)))
			}
		}
	}
	return cases
}
