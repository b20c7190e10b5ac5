package compress

// cam keeps what h2o keeps, and lets dropped values live on in the values of
// the slots after them. For each KV head and each dropped slot i, ascending,
// with a the attention received:
//
//	W   = the next 32 kept slots after i, or as many as there are
//	p_i = clamp(a_i / mean of a over W, 0, 1)
//	with probability p_i:  v_j = v_j + v_i / 32  for each j in W, also where W is shorter
//
// With norm=max a_i is held against the largest a over W instead; the authors'
// code has both. Keys, n and biases stay. Pinned slots receive nothing and are
// not counted.
//
// Differs from the paper: it runs once, after the prompt, and a is the sum over
// the whole prompt; the paper decides at each decoded token, with the sums of
// that moment, when a slot leaves the recent window.
//
// Source: Zhang et al. 2024, CaM: Cache Merging for Memory-efficient LLMs
// Inference, ICML 2024.
type cam struct {
	keep scoring // h2o
	norm string  // "mean" or "max"
	seed uint32
}

const camWindow = 32

var camEntry = entry{
	name:    "cam",
	summary: "keeps what h2o keeps, and adds dropped values to the kept slots after them (CaM, ICML 2024)",
	options: []OptionHelp{
		{Key: "norm", Default: "mean", Want: "mean or max",
			Meaning: "what the attention of a dropped slot is held against: that of the mean or of " +
				"the largest of the slots that may take its value"},
	},
	build: func(r *reader) Method {
		return &cam{newScoring(r, h2o{"raw"}), r.choice("norm", "mean", "max"), r.seed}
	},
}

func (m *cam) Name() string { return "cam" }
func (m *cam) Needs() Needs { return m.keep.Needs() }

func (m *cam) deviations() []string {
	return []string{
		"slots are merged once, after the prompt; the paper merges one per decoded token",
		"a is the attention of the whole prompt; the paper takes that of the queries so far",
	}
}

func (m *cam) Plan(s *Signals) (*Plan, error) {
	p, err := m.keep.Plan(s)
	if err != nil {
		return nil, err
	}
	p.Method, p.Options = "cam", map[string]any{"norm": m.norm}
	for h := range s.Heads {
		m.merge(&s.Heads[h], p.Heads[h], func(pos int) float64 { return chance(m.seed, forCam, h, pos) })
	}
	return p, nil
}

// merge adds dropped values to kept rows.
//
//	rows    kept slots, ascending; those that receive something become Explicit
//	chance  a number in [0, 1) for each position
func (m *cam) merge(h *Head, rows []Row, chance func(pos int) float64) {
	var takers []int // rows that may receive, ascending
	for j, row := range rows {
		if !h.pinned(row.Pivot) {
			takers = append(takers, j)
		}
	}
	taken := make([][]Weight, len(rows)) // ascending, because dropped slots are visited so
	next, taker := 0, 0                  // the first row, and the first taker, behind slot i
	for slot := range h.Slots() {
		if next < len(rows) && rows[next].Pivot == slot {
			next++
			continue
		}
		for taker < len(takers) && rows[takers[taker]].Pivot < slot {
			taker++
		}
		window := takers[taker:min(taker+camWindow, len(takers))]
		if len(window) > 0 && chance(h.Pos[slot]) < m.probability(h, slot, rows, window) {
			for _, j := range window {
				taken[j] = append(taken[j], Weight{slot, 1.0 / camWindow})
			}
		}
	}
	for j, givers := range taken {
		if len(givers) > 0 {
			row := &rows[j] // the givers lie before it
			row.Rule = Explicit
			row.KeyWeights = []Weight{{row.Pivot, 1}}
			row.ValueWeights = append(givers, Weight{row.Pivot, 1})
		}
	}
}

// probability returns how likely the value of a dropped slot is added to the window's rows.
func (m *cam) probability(h *Head, slot int, rows []Row, window []int) float64 {
	sum, largest := 0.0, 0.0
	for _, j := range window {
		mass := float64(h.Mass[rows[j].Pivot])
		sum, largest = sum+mass, max(largest, mass)
	}
	against := sum / float64(len(window))
	if m.norm == "max" {
		against = largest
	}
	mass := float64(h.Mass[slot])
	if mass <= 0 {
		return 0
	}
	return min(1, mass/against)
}
