package compress

// window keeps the first few slots and the most recent ones, and drops the
// middle. For each KV head with L slots and a budget of R:
//
//	n_keep = max(1, floor(R*L + 1e-6)), or [Signals].Most where that is less
//	n_sink = min(4, n_keep - 1)
//	kept   = { i : i < n_sink  or  i >= L - (n_keep - n_sink) }
//
// It is the smallest method and a baseline: it reads nothing about the keys.
//
// Differs from the paper: the window is a share of the cache, not a fixed
// number of tokens, and it is cut once, after the prompt; positions go on at the
// original length, unless the cache is made to count them itself, as in the paper.
//
// Source: Xiao et al. 2023, StreamingLLM, arXiv 2309.17453.
type window struct {
	budget float64 // R, 0 < R <= 1
}

const (
	windowBudget = 0.5 // where none is given
	windowSinks  = 4
)

var windowEntry = entry{
	name:    "window",
	summary: "keeps the first 4 slots and the most recent ones (StreamingLLM, arXiv 2309.17453)",
	build: func(r *reader) Method {
		if r.budget == 0 {
			return window{windowBudget}
		}
		return window{r.budget}
	},
}

func (window) Name() string { return "window" }
func (window) Needs() Needs { return Needs{} }

func (window) deviations() []string {
	return []string{
		"the window is a share of the cache and is cut once; the paper slides a window of fixed size",
		"positions go on at the original length, unless they are made to count within the cache, as in the paper",
	}
}

func (m window) Plan(s *Signals) (*Plan, error) {
	if err := s.check("window", Needs{}); err != nil {
		return nil, err
	}
	kept := make([][]bool, len(s.Heads))
	for i := range s.Heads {
		h := &s.Heads[i]
		kept[i] = keepEnds(h, min(max(1, floorShare(m.budget, h.Slots())), s.most()), windowSinks)
	}
	return keepWhere("window", map[string]any{}, s, func(h, slot int) bool { return kept[h][slot] }), nil
}
