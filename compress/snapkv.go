package compress

import (
	"fmt"
	"math"
)

// snapKV keeps the window of the most recent slots and what the queries in it
// attend to. For each KV head with L slots that keeps n_keep of them (score.go):
//
//	w       = max(1, min(64, floor(n_keep / 2)))    n_keep of the head that keeps the fewest;
//	                                                at most as many as were read last
//	a_j     = attention that slot j receives from the last w queries, their mean, j < L - w
//	score_j = 1/5 (a_{j-2} + a_{j-1} + a_j + a_{j+1} + a_{j+2})    a is 0 outside 0 .. L-w-1
//	kept    = the last w slots, then those with the largest scores
//
// Neighbours share their attention, so that what is kept is pieces of text
// rather than single tokens.
//
// Differs from the paper: the window is at most half of what is kept, so that
// small budgets leave room for something else.
//
// Source: Li et al. 2024, SnapKV, arXiv 2404.14469; the mean over the query
// heads of a group and the pooling's edges as in NVIDIA's kvpress.
type snapKV struct{}

const (
	snapWindow = 64
	snapKernel = 5
)

var snapKVEntry = entry{
	name:    "snapkv",
	summary: "keeps the most recent slots and what their queries attend to (SnapKV, arXiv 2404.14469)",
	scorer:  func(*reader) scorer { return snapKV{} },
}

func (snapKV) Name() string            { return "snapkv" }
func (snapKV) Needs() Needs            { return Needs{LastQueries: snapWindow} }
func (snapKV) options() map[string]any { return map[string]any{} }

func (snapKV) deviations() []string {
	return []string{"the window is at most half of what a head keeps; the paper's is fixed"}
}

func (m snapKV) scores(s *Signals, nKeep []int) ([][]float64, error) {
	w := snapWindow
	for h := range s.Heads {
		w = min(w, max(1, nKeep[h]/2))
	}
	if s.LastQueries > 0 {
		w = min(w, s.LastQueries)
	}
	received, err := s.window(m.Name(), w)
	if err != nil {
		return nil, err
	}
	scores := make([][]float64, len(s.Heads))
	for h := range s.Heads {
		slots := s.Heads[h].Slots()
		recent := max(0, slots-w)
		scores[h] = pooled(received[h][:recent], float64(w))
		for range slots - recent {
			scores[h] = append(scores[h], math.Inf(1))
		}
	}
	return scores, nil
}

// pooled returns the sums over snapKernel neighbours, divided by their number
// and by w.
func pooled(received []float32, w float64) []float64 {
	scores := make([]float64, len(received))
	for j := range scores {
		for i := max(0, j-snapKernel/2); i < min(len(received), j+snapKernel/2+1); i++ {
			scores[j] += float64(received[i]) / (snapKernel * w)
		}
	}
	return scores
}

// window asks for the attention that the last w queries paid, and checks that
// the answer has one number per slot.
func (s *Signals) window(method string, w int) ([][]float32, error) {
	if s.Window == nil {
		return nil, fmt.Errorf("%s: signals do not know the prompt's last queries", method)
	}
	received, err := s.Window(w)
	if err != nil {
		return nil, fmt.Errorf("%s: attention of the last %d queries: %w", method, w, err)
	}
	if len(received) != len(s.Heads) {
		return nil, fmt.Errorf("%s: attention of the last %d queries for %d heads, want %d",
			method, w, len(received), len(s.Heads))
	}
	for h := range received {
		if have, want := len(received[h]), s.Heads[h].Slots(); have != want {
			return nil, fmt.Errorf("%s: layer %d head %d has %d values of the last %d queries' attention, want one per slot = %d",
				method, h/s.NKVHeads, h%s.NKVHeads, have, w, want)
		}
	}
	return received, nil
}
