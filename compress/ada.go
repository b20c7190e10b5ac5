package compress

import (
	"cmp"
	"slices"
)

// ada lets the KV heads of a layer share their budget: heads whose scores are
// concentrated on few slots give slots to heads whose scores are spread. It
// wraps a scoring method, which says n_keep of each head and the scores. In each
// layer:
//
//	safe   = in each head the newest slot, pinned slots, and those with the largest
//	         scores up to max(1, floor(alpha*n_keep + 1e-6))
//	kept   = safe, and of all heads' other slots those with the largest scores,
//	         up to the sum of the heads' n_keep
//
// Of equal scores the lower slot stays, of equal slots the one of the lower head.
//
// Source: Feng et al. 2024, Ada-KV, arXiv 2407.11550; alpha as in NVIDIA's kvpress.
type ada struct {
	scoring
	alpha float64 // share of its n_keep that is safe to a head
}

const adaPrefix = "ada:"

var adaAlpha = OptionHelp{Key: "alpha", Default: "0.2", Want: "a number from 0 to 1",
	Meaning: "share of its budget that a head cannot lose to the others of its layer"}

// adaEntry returns the registry's line of a scoring method wrapped by ada.
func adaEntry(e *entry) *entry {
	return &entry{
		name:    adaPrefix + e.name,
		summary: "shares the budget of " + e.name + " between the heads of a layer (Ada-KV, arXiv 2407.11550)",
		options: append(slices.Clone(e.options), adaAlpha),
		build: func(r *reader) Method {
			return ada{newScoring(r, e.scorer(r)), r.number("alpha", 0, 1)}
		},
	}
}

func (m ada) Name() string { return adaPrefix + m.scoring.Name() }

func (m ada) Plan(s *Signals) (*Plan, error) {
	nKeep, scores, err := m.rank(s)
	if err != nil {
		return nil, err
	}
	kept := make([][]bool, len(s.Heads))
	for first := 0; first < len(s.Heads); first += s.NKVHeads {
		end := first + s.NKVHeads
		m.share(s.Heads[first:end], scores[first:end], nKeep[first:end], s.most(), kept[first:end])
	}
	options := m.options() // a map of its own
	options[adaAlpha.Key] = m.alpha
	return keepWhere(m.Name(), options, s, func(h, slot int) bool { return kept[h][slot] }), nil
}

// share writes which slots of one layer's heads stay, as many of a head as most
// allows: what one cannot take the others do.
func (m ada) share(heads []Head, scores [][]float64, nKeep []int, most int, kept [][]bool) {
	var others []int                         // slots of all heads: slot*len(heads) + head
	left, room := 0, make([]int, len(heads)) // slots of all heads together, and of each
	for h := range heads {
		left += nKeep[h]
		room[h] = most
		kept[h] = topSlots(&heads[h], scores[h], floorShare(m.alpha, nKeep[h])) // the newest even at 0
		for slot, is := range kept[h] {
			if is {
				left--
				room[h]--
			} else {
				others = append(others, slot*len(heads)+h)
			}
		}
	}
	score := func(place int) float64 { return scores[place%len(heads)][place/len(heads)] }
	slices.SortStableFunc(others, func(a, b int) int { return cmp.Or(cmp.Compare(score(b), score(a)), cmp.Compare(a, b)) })
	for _, place := range others {
		if h := place % len(heads); left > 0 && room[h] > 0 {
			kept[h][place/len(heads)] = true
			left--
			room[h]--
		}
	}
}
