package compress

import "math"

// h2o keeps the most recent slots and, of the others, those that received most
// attention, the heavy hitters. For each KV head that keeps n_keep of its slots
// (score.go), with a_i the attention received over all queries of the prompt:
//
//	recent  = the last n_keep - floor(n_keep / 2) slots
//	heavy   = the floor(n_keep / 2) others with the largest a_i
//
// norm=visible ranks by a_i / (queries that saw slot i) instead: sums favour
// early slots, which more queries see.
//
// Differs from the paper: it runs once, after the prompt; the paper drops one
// slot per decoded token and keeps adding to the sums.
//
// Source: Zhang et al. 2023, H2O, arXiv 2306.14048; norm=visible as NVIDIA's
// kvpress defines observed attention.
type h2o struct{ norm string }

var h2oEntry = entry{
	name:    "h2o",
	summary: "keeps recent slots and those that received most attention (H2O, arXiv 2306.14048)",
	options: []OptionHelp{
		{Key: "norm", Default: "raw", Want: "raw or visible",
			Meaning: "attention received: its sum, or its mean over the queries that saw the slot"},
	},
	scorer: func(r *reader) scorer { return h2o{r.choice("norm", "raw", "visible")} },
}

func (h2o) Name() string              { return "h2o" }
func (h2o) Needs() Needs              { return Needs{Mass: true} }
func (m h2o) options() map[string]any { return map[string]any{"norm": m.norm} }

func (m h2o) deviations() []string {
	list := []string{"slots are dropped once, after the prompt; the paper drops one per decoded token"}
	if m.norm == "visible" {
		list = append(list, "norm=visible: attention per query that saw the slot; the paper takes the sum")
	}
	return list
}

func (m h2o) scores(s *Signals, nKeep []int) ([][]float64, error) {
	scores := make([][]float64, len(s.Heads))
	for h := range s.Heads {
		scores[h] = m.rank(&s.Heads[h], nKeep[h])
	}
	return scores, nil
}

// rank returns the scores of one head.
func (m h2o) rank(h *Head, nKeep int) []float64 {
	scores := make([]float64, h.Slots())
	recent := len(scores) - (nKeep - nKeep/2)
	for slot := range scores {
		scores[slot] = m.received(h, slot)
		if slot >= recent {
			scores[slot] = math.Inf(1)
		}
	}
	return scores
}

// received returns the attention that a slot received, summed or per query.
func (m h2o) received(h *Head, slot int) float64 {
	if m.norm == "raw" {
		return float64(h.Mass[slot])
	}
	return float64(h.Mass[slot]) / float64(h.Pos[h.Slots()-1]+1-h.Pos[slot])
}
