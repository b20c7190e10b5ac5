package compress

import (
	"cmp"
	"fmt"
	"math"
	"slices"
)

// scorer ranks the slots of every head; what ranks lowest is dropped. It is all
// that a scoring method has to bring: [scoring] makes a [Method] of it and
// [ada] another, so a scorer never chooses slots itself.
type scorer interface {
	Name() string
	Needs() Needs
	options() map[string]any // in force, as in [Plan].Options; a new map each time
	deviations() []string    // as [Deviations] lists them

	// scores returns one number per slot, the larger the more it is needed, +Inf for
	// slots that go before all others.
	//
	//	nKeep   (n_layers * n_kv_heads)         slots that each head is to keep
	//	scores  (n_layers * n_kv_heads)(slots)  no NaN
	scores(s *Signals, nKeep []int) ([][]float64, error)
}

// scoringBudget is the budget of scoring methods where none is given.
const scoringBudget = 0.5

// scoring keeps the slots with the largest scores. For each KV head with L
// slots and a budget of R:
//
//	n_keep = max(1, floor(R*L + 1e-6)), or [Signals].Most where that is less
//	kept   = the newest slot, pinned slots, and those with the largest scores up to n_keep
//
// Of equal scores the lower slot stays.
type scoring struct {
	scorer
	budget float64 // R, 0 < R <= 1
}

func newScoring(r *reader, m scorer) scoring {
	if r.budget == 0 {
		return scoring{m, scoringBudget}
	}
	return scoring{m, r.budget}
}

func (m scoring) Plan(s *Signals) (*Plan, error) {
	nKeep, scores, err := m.rank(s)
	if err != nil {
		return nil, err
	}
	kept := make([][]bool, len(s.Heads))
	for h := range s.Heads {
		kept[h] = topSlots(&s.Heads[h], scores[h], nKeep[h])
	}
	return keepWhere(m.Name(), m.options(), s, func(h, slot int) bool { return kept[h][slot] }), nil
}

// rank returns the slots that each head keeps by the budget, and the scores.
func (m scoring) rank(s *Signals) (nKeep []int, scores [][]float64, err error) {
	if err := s.check(m.Name(), m.Needs()); err != nil {
		return nil, nil, err
	}
	nKeep = make([]int, len(s.Heads))
	for h := range s.Heads {
		if slots := s.Heads[h].Slots(); slots > 0 {
			nKeep[h] = min(max(1, floorShare(m.budget, slots)), s.most())
		}
	}
	if scores, err = m.scores(s, nKeep); err != nil {
		return nil, nil, err
	}
	for h := range s.Heads {
		if len(scores[h]) != s.Heads[h].Slots() {
			panic(fmt.Sprintf("BUG: compress: %s: head %d has %d scores, want %d",
				m.Name(), h, len(scores[h]), s.Heads[h].Slots()))
		}
		for slot, x := range scores[h] {
			if math.IsNaN(x) {
				return nil, nil, fmt.Errorf("%s: layer %d head %d slot %d has no score (NaN)",
					m.Name(), h/s.NKVHeads, h%s.NKVHeads, slot)
			}
		}
	}
	return nKeep, scores, nil
}

// topSlots returns which slots of a head stay: the newest and the pinned ones,
// then those with the largest scores up to n_keep.
func topSlots(h *Head, scores []float64, nKeep int) []bool {
	kept := make([]bool, h.Slots())
	left := nKeep
	for slot := range kept {
		if h.pinned(slot) || slot == len(kept)-1 {
			kept[slot] = true
			left--
		}
	}
	for _, slot := range byScore(scores) {
		if left <= 0 {
			break
		}
		if !kept[slot] {
			kept[slot] = true
			left--
		}
	}
	return kept
}

// byScore returns all slots, the largest score first, of equal ones the lower slot.
func byScore(scores []float64) []int {
	order := make([]int, len(scores))
	for slot := range order {
		order[slot] = slot
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(scores[b], scores[a]) })
	return order
}
