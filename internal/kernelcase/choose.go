package kernelcase

import (
	"fmt"
	"math"

	"keyfold/layout"
	"keyfold/ref"
)

// Choose is a call of choose.
//
//	Logits  (2, vocab), of which the second row is chosen from
//	Chosen  rows of an id, its logit and the log-sum, of which At is written
type Choose struct {
	Logits, Chosen []float32
	Vocab, Row, At int
	Draw           layout.Draw
	Position       uint32
}

// chosenWords is gpu.ChosenWords.
const chosenWords = 3

func newChoose(logits []float32, at int, draw layout.Draw, position uint32) *Choose {
	return &Choose{
		Logits: logits, Chosen: unwritten((at + 1) * chosenWords), Vocab: len(logits) / 2, Row: 1, At: at,
		Draw: draw, Position: position,
	}
}

func (c *Choose) Twin() {
	row := c.Logits[c.Row*c.Vocab:]
	id, lse := ref.Choose(row, c.Draw, c.Position)
	copy(c.Chosen[c.At*chosenWords:], []float32{math.Float32frombits(uint32(id)), row[id], lse})
}

func (c *Choose) Outputs() []Output {
	lse := len(c.Chosen) - 1
	return []Output{
		exactFloats("chosen", c.Chosen).part("chosen", 0, lse),
		near("lse", c.Chosen, 2e-6, 1e-6).part("lse", lse, lse+1), // an exp for each logit, a log
	}
}

// smallDraws each have a filter that drops what would have been drawn without.
var smallDraws = []struct {
	name string
	draw layout.Draw
}{
	{"temperature 0", layout.Draw{TopP: 1}},
	{"temperature 0.8", layout.Draw{Seed: 7, Temperature: 0.8, TopP: 1}},
	{"top-k", layout.Draw{Seed: 7, Temperature: 3, TopK: 9, TopP: 1}},
	{"top-p", layout.Draw{Seed: 7, Temperature: 3, TopP: 0.2}},
	{"min-p", layout.Draw{Seed: 7, Temperature: 3, TopP: 1, MinP: 0.6}},
	{"top-k and top-p", layout.Draw{Seed: 7, Temperature: 3, TopK: 9, TopP: 0.4}},
}

// smallLogits are two rows of logits. The second has a tie, which the first wins.
func smallLogits() []float32 {
	const vocab = 150
	v := numbers("logits", 2*vocab, 1)
	v[vocab+9], v[vocab+40], v[vocab+73] = 2.5, 2.5, 2.5
	return v
}

func smallChoices() []Case {
	logits := smallLogits()
	var cases []Case
	for _, d := range smallDraws {
		cases = append(cases, one("choose ("+d.name+")", newChoose(logits, 1, d.draw, 3)))
	}
	return cases
}

// ChooseCases are draws of all kinds from few and many logits.
func ChooseCases() []Case {
	var cases []Case
	for _, vocab := range []int{1, 63, 64, 1000, 2048, 5000} {
		cases = append(cases, choices(roughLogits(vocab), 12)...)
	}
	for _, vocab := range []int{49152, 128256} {
		cases = append(cases, choices(roughLogits(vocab), 1)...)
	}
	// Ties go to the lower id, among the likeliest and in what top-k keeps.
	tied := []float32{1, 2, 3, 4, 5, 1, 5, 2, 5, 5}
	for _, draw := range []layout.Draw{
		{TopP: 1}, {Temperature: 1, TopK: 1, TopP: 1}, {Temperature: 1, TopP: 0.1}, {Temperature: 1, TopK: 2, TopP: 0.4},
		{Temperature: 1, TopK: 4, TopP: 0.7},
	} {
		for position := range uint32(9) {
			cases = append(cases, one(fmt.Sprintf("ties, %+v, position %d", draw, position), newChoose(tied, 0, draw, position)))
		}
	}
	// Tokens that cannot be: all but one, and all but some of the last slice.
	for _, vocab := range []int{10, 2048, 49152} {
		for _, possible := range []int{1, 5} {
			logits := numbers("logits", 2*vocab, 3)
			for i := range 2*vocab - possible {
				logits[i] = float32(math.Inf(-1))
			}
			for _, c := range choices(logits, 1) {
				c.Name = fmt.Sprintf("%d possible, %s", possible, c.Name)
				cases = append(cases, c)
			}
		}
	}
	return cases
}

// roughLogits are two rows of logits, with some ties in the second.
func roughLogits(vocab int) []float32 {
	logits := numbers("logits", 2*vocab, 3)
	for v := range vocab / 2 {
		at := vocab + 2*v
		logits[at] = float32(math.Round(float64(logits[at])))
	}
	return logits
}

// choices are draws of all kinds from the same logits at a number of positions.
func choices(logits []float32, positions int) []Case {
	vocab := len(logits) / 2
	var cases []Case
	for _, draw := range []layout.Draw{
		{TopP: 1}, {TopP: 0.5, TopK: 3, MinP: 0.1}, // greedy
		{TopP: 1, Temperature: 0.8},
		{TopP: 0.9, Temperature: 0.8},
		{TopP: 0.05, Temperature: 2},
		{TopP: 1e-30, Temperature: 2},
		{TopP: 1, Temperature: 5, TopK: 1},
		{TopP: 1, Temperature: 5, TopK: 40},
		{TopP: 1, Temperature: 5, TopK: vocab + 1},
		{TopP: 1, Temperature: 5, TopK: 40, MinP: 0.4},
		{TopP: 0.7, Temperature: 1.5, MinP: 0.05},
		{TopP: 0.9, Temperature: 1, TopK: 40},
		{TopP: 0.31, Temperature: 5, TopK: 40}, // of 40 ties it keeps 13, and 0.3 would hang on a rounding error
		{TopP: 0.8, Temperature: 5, TopK: max(1, vocab/3)},
		{TopP: 1e-30, Temperature: 5, TopK: 40},
		{TopP: 0.5, Temperature: 2, TopK: vocab + 1},
		{TopP: 0.6, Temperature: 2, TopK: 9, MinP: 0.7},
	} {
		draw.Seed = 7
		for position := range uint32(positions) {
			cases = append(cases, one(fmt.Sprintf("vocab %d, %+v, position %d", vocab, draw, position),
				newChoose(logits, 2, draw, position)))
		}
	}
	return cases
}
