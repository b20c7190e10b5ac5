package cpu

import (
	"keyfold/layout"
	"keyfold/ref"
)

// compareCost is what a token of a comparison takes, in multiplications: three exponentials.
const compareCost = 32

// Compare compares rows of logits (vocab): see [ref.Compare]. Slices of the vocabulary are joined in
// their order, as those of a GPU are, so that sums do not depend on threads.
func Compare(full, comp []float32, fullLSE, compLSE float32, id int) layout.Comparison {
	slices := make([]layout.Comparison, layout.VocabSlices(len(full)))
	parallel(len(slices), 1, compareCost*len(full), func(from, to int) {
		for i := from; i < to; i++ {
			first, end := layout.VocabSlice(len(full), i)
			slices[i] = ref.Compare(full, comp, fullLSE, compLSE, id, first, end)
		}
	})
	all := slices[0]
	for _, c := range slices[1:] {
		all = all.Join(c)
	}
	return all
}
