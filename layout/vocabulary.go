package layout

import "slices"

// A vocabulary is long where models are small, so that kernels go over it in slices, a
// workgroup each. What they leave of a slice is joined to what they would leave of all.
const (
	MostSlices = 64
	worthSlice = 512 // tokens
)

// VocabSlices returns how many slices a vocabulary is cut into: all but the last have
// vocab / slices tokens, rounded up.
func VocabSlices(vocab int) int { return min(MostSlices, (vocab+worthSlice-1)/worthSlice) }

// VocabSlice returns the tokens of a slice, from..to-1.
func VocabSlice(vocab, slice int) (from, to int) {
	n := VocabSlices(vocab)
	size := (vocab + n - 1) / n
	return min(slice*size, vocab), min((slice+1)*size, vocab)
}

// Candidate is a token that may be next.
type Candidate struct {
	ID    int
	Logit float32
}

// Likelier compares candidates for sorting: the likeliest first, ties by lower id.
func Likelier(a, b Candidate) int {
	switch {
	case a.Logit > b.Logit:
		return -1
	case a.Logit < b.Logit:
		return 1
	}
	return a.ID - b.ID
}

// Comparison says what two rows of logits have to do with each other, those under a full
// and those under a compressed cache, or the same slice of both.
type Comparison struct {
	KL         float64   // Σ_i p_full(i) ln(p_full(i) / p_comp(i)) of all tokens together, nats
	DeltaNLL   float64   // ln p_full(token) − ln p_comp(token) of one token, nats; 0 where it is not in the slice
	Full, Comp Candidate // the likeliest of each
}

// Join returns the comparison of two slices.
func (c Comparison) Join(other Comparison) Comparison {
	first := func(a, b Candidate) Candidate {
		if Likelier(a, b) > 0 {
			return b
		}
		return a
	}
	return Comparison{
		KL: c.KL + other.KL, DeltaNLL: c.DeltaNLL + other.DeltaNLL,
		Full: first(c.Full, other.Full), Comp: first(c.Comp, other.Comp),
	}
}

// AddLikeliest adds a candidate to the n likeliest so far, which are in order, if it is one of them.
func AddLikeliest(first []Candidate, c Candidate, n int) []Candidate {
	if len(first) == n && Likelier(first[n-1], c) < 0 {
		return first
	}
	at, _ := slices.BinarySearchFunc(first, c, Likelier)
	first = slices.Insert(first, at, c)
	return first[:min(n, len(first))]
}
