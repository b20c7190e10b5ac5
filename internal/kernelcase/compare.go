package kernelcase

import (
	"fmt"
	"math"

	"keyfold/layout"
	"keyfold/ref"
)

// Compare is a call of compare.
//
//	Full, Comp              (vocab) logits
//	FullChosen, CompChosen  rows of an id, its logit and the log-sum, of which At is read
//	Compared                rows of what is left of each slice, of which At is written
type Compare struct {
	Full, Comp             []float32
	FullChosen, CompChosen []float32
	Compared               []float32
	At                     int
	apart                  float64 // the largest difference of two logits
}

// comparedWords is gpu.comparedWords.
const comparedWords = 6

func newCompare(full, comp []float32, id, at int) *Compare {
	c := &Compare{
		Full: full, Comp: comp, FullChosen: unwritten((at + 1) * chosenWords), CompChosen: unwritten((at + 1) * chosenWords),
		Compared: unwritten((at + 1) * comparedWords * layout.VocabSlices(len(full))), At: at,
	}
	for i := range full {
		c.apart = max(c.apart, math.Abs(float64(full[i])-float64(comp[i])))
	}
	_, lse := ref.Choose(full, layout.Draw{}, 0)
	c.FullChosen[at*chosenWords+2] = lse
	_, lse = ref.Choose(comp, layout.Draw{}, 0)
	copy(c.CompChosen[at*chosenWords:], []float32{math.Float32frombits(uint32(id)), comp[id], lse})
	return c
}

// slice returns where the words of a slice begin.
func (c *Compare) slice(s int) int {
	return comparedWords * (c.At*layout.VocabSlices(len(c.Full)) + s)
}

func (c *Compare) Twin() {
	chosen := c.CompChosen[c.At*chosenWords:]
	for s := range layout.VocabSlices(len(c.Full)) {
		from, to := layout.VocabSlice(len(c.Full), s)
		got := ref.Compare(c.Full, c.Comp, c.FullChosen[c.At*chosenWords+2], chosen[2], int(math.Float32bits(chosen[0])), from, to)
		copy(c.Compared[c.slice(s):], []float32{
			float32(got.KL), float32(got.DeltaNLL),
			math.Float32frombits(uint32(got.Full.ID)), got.Full.Logit, math.Float32frombits(uint32(got.Comp.ID)), got.Comp.Logit,
		})
	}
}

func (c *Compare) Outputs() []Output {
	var outputs []Output
	for s := range layout.VocabSlices(len(c.Full)) {
		at := c.slice(s)
		outputs = append(outputs,
			// Two exp for each token, of numbers that are rounded to 1e-6; where rows are the same nothing is lost.
			near("kl", c.Compared, 1e-9, 2e-5).part("kl", at, at+1),
			near("delta", c.Compared, 2e-7*c.apart, 1e-6).part("delta", at+1, at+2),
			exactFloats("likeliest", c.Compared).part("likeliest", at+2, at+6))
	}
	return outputs
}

// nearby returns logits that are a little off, and ties where there are some.
func nearby(logits []float32, by float32) []float32 {
	other := numbers("other logits", len(logits), by/2)
	for i := range other {
		other[i] += logits[i]
	}
	return other
}

func smallComparison() Case {
	logits := smallLogits()[150:]
	return one("compare", newCompare(logits, nearby(logits, 0.7), 9, 1))
}

// CompareCases are rows that are the same, nearly so, and not at all.
func CompareCases() []Case {
	var cases []Case
	for _, vocab := range []int{1, 63, 512, 513, 2048, 3000, 49152, 128256} {
		logits := numbers("logits", vocab, 5)
		logits[vocab/2] = 12
		for _, by := range []float32{0, 1e-5, 1e-3, 0.1, 3, 100} {
			comp := nearby(logits, by)
			cases = append(cases, one(fmt.Sprintf("vocab %d, %g off", vocab, by), newCompare(logits, comp, vocab/2, 2)))
		}
		// Each is sure of another token, and the first of equals is the likeliest.
		other := numbers("other logits", vocab, 1)
		other[0], other[vocab-1] = 150, 150
		cases = append(cases, one(fmt.Sprintf("vocab %d, unlike", vocab), newCompare(logits, other, vocab-1, 0)),
			one(fmt.Sprintf("vocab %d, unlike the other way", vocab), newCompare(other, logits, 0, 0)))

		// All tokens are alike; and most cannot be, the same in both rows but for some.
		equal, some, others := make([]float32, vocab), make([]float32, vocab), make([]float32, vocab)
		for i := range vocab {
			some[i], others[i] = -1e30, -1e30
		}
		for i := max(0, vocab-5); i < vocab; i++ {
			some[i], others[i] = logits[i], logits[i]/2
		}
		others[0] = -2
		cases = append(cases, one(fmt.Sprintf("vocab %d, ties", vocab), newCompare(equal, equal, vocab/3, 1)),
			one(fmt.Sprintf("vocab %d, few possible", vocab), newCompare(some, others, vocab-1, 0)))
	}
	return cases
}
