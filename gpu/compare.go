package gpu

import (
	"math"

	"keyfold/layout"
)

// comparedWords is what the comparison of a slice takes: KL, ΔNLL, and the id and the
// logit of the likeliest token of each row.
const comparedWords = 6

// ComparedWords returns what a comparison of rows of logits takes.
func ComparedWords(vocab int) int { return comparedWords * layout.VocabSlices(vocab) }

// Compare records the comparison of logits under a full cache with those under a compressed
// one, from which a token was chosen.
//
//	full, comp              (vocab)
//	fullChosen, compChosen  (at least at+1, ChosenWords): see [Pass.Choose]; row at is read
//	compared                (at least at+1, ComparedWords(vocab)): row at is overwritten
//
// CPU twin: [ref.Compare].
func (p *Pass) Compare(full, comp, fullChosen, compChosen, compared *Buffer, vocab, at int) {
	p.want("compare", "full", full, vocab, "vocab")
	p.want("compare", "comp", comp, vocab, "vocab")
	p.want("compare", "full_chosen", fullChosen, ChosenWords*(at+1), "3*(at+1)")
	p.want("compare", "comp_chosen", compChosen, ChosenWords*(at+1), "3*(at+1)")
	p.want("compare", "slices", compared, ComparedWords(vocab)*(at+1), "6*n_slices*(at+1)")
	_, size := layout.VocabSlice(vocab, 0)
	p.dispatch(kernelID{name: "compare"}, [3]int{layout.VocabSlices(vocab), 1, 1},
		[]uint32{uint32(vocab), uint32(size), uint32(at)}, // struct Params in compare.wgsl
		full, comp, fullChosen, compChosen, compared)
}

// Compared returns the comparison that a row of words says.
func Compared(words []uint32) layout.Comparison {
	slice := func(w []uint32) layout.Comparison {
		f := func(i int) float32 { return math.Float32frombits(w[i]) }
		return layout.Comparison{
			KL: float64(f(0)), DeltaNLL: float64(f(1)),
			Full: layout.Candidate{ID: int(w[2]), Logit: f(3)}, Comp: layout.Candidate{ID: int(w[4]), Logit: f(5)},
		}
	}
	all := slice(words)
	for at := comparedWords; at < len(words); at += comparedWords {
		all = all.Join(slice(words[at:]))
	}
	return all
}
