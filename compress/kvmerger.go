package compress

import (
	"cmp"
	"math"
	"slices"
)

// kvMerger folds runs of similar neighbouring keys into one slot each. For one
// layer and KV head with slots 0..T-1 (keys k after RoPE, attention received a):
//
//	protected = the last floor(recent*T) slots and the newest slot,
//	            then the floor(top*T) others with the largest a
//	S         = a maximal run of consecutive slots, none of them protected,
//	            with cos(k_i, k_{i-1}) > eps
//	p         = arg max_{i in S} a_i
//	g_i       = exp(−‖k_p − k_i‖² / 2σ²)      w_i = n_i g_i / Σ_j n_j g_j
//	k*        = Σ w_i k_i                     v* = Σ w_i v_i
//	n*        = Σ n_i                         bias* = ln n*
//
// Shares are rounded as floorShare does, ties go to the lower slot. This file
// finds the sets and σ; who carries the plan out computes the weights. Slots
// that were merged before (n_i > 1) are merged like any others, as n_i tokens;
// with values=paper they hold n_i times a value, so v* = Σ (n*/n_i) w_i v_i.
//
// Differs from the paper:
//   - values: the paper multiplies v* by |S|, which repairs the numerator of
//     attention but not its denominator. count adds ln n* to the slot's logit
//     instead, which repairs both; effective adds ln Σ n_j g_j; convex does
//     neither; paper is the paper's.
//   - σ: as printed, σ is defined by the g that it defines, and cannot be above
//     0.71 although the paper reports values around 5. headdist reads it as a
//     mean distance, one per head; meandist as one per set, which hardly merges
//     pairs (weights .982 and .018 whatever the distance).
//   - layers: none is skipped; the paper leaves the first two and the last alone.
//   - budget: the paper has no way to meet one (kvmerger_budget.go).
//   - bound: a head that must not keep more than [Signals].Most rows merges at a
//     lower eps. Where -1 still leaves more, rows are dropped, as h2o would.
//   - the newest slot is kept even where recent is below one slot.
//   - max_set, anchor and derotate, all off, are ours: the first cuts long sets,
//     the second asks cos(k_i, k_last) > eps of every member too, with the last
//     slot of its set, so that a chain cannot drift; the third blends R(p−i) k_i,
//     keys rotated to the pivot's position, which makes tokens with equal content
//     equal keys.
//
// Source: Wang et al. 2024, KVMerger, arXiv 2407.08454, Definition 4.1,
// Algorithm 1 and eqs. 4-6, as its public reviews quote them; the full text was
// not at hand. On ln n: KeepKV, arXiv 2504.09936.
type kvMerger struct {
	budget      float64 // 0: none, eps decides the size
	eps         float64
	recent, top float64
	recentGiven bool // with a budget: recent does not follow it
	topGiven    bool

	sigmaRule string  // "headdist", "meandist", or "" for the number sigma
	sigma     float64 // in units of a key's norm
	values    string  // "count", "effective", "convex" or "paper"
	skip      []int   // layers to skip, ascending
	skipPaper bool    // the first two layers and the last, whatever skip says
	massLast  int     // 0: exact
	maxSet    int     // slots of a set at most; 0: no limit
	anchor    bool    // members are alike the last of their set, too
	derotate  bool    // members are rotated to their pivot's position

	name string // kvmerger's, or of the method that it is a part of
}

// sigmaFloor keeps 2σ² away from 0. Where all keys of a set are equal, every
// g is 1 and the set becomes its plain mean.
const sigmaFloor = 1e-6

// mergingSet is a run of slots first..end-1 that become one row.
type mergingSet struct{ first, end, pivot int }

func (m *kvMerger) Name() string { return m.name }

func (m *kvMerger) Needs() Needs {
	return Needs{Mass: true, MassLast: m.massLast, Cosine: true}
}

func (m *kvMerger) Plan(s *Signals) (*Plan, error) {
	c, err := m.choose(s)
	if err != nil {
		return nil, err
	}
	return m.plan(s, c)
}

// A foldChoice is what kvmerger decides before it folds.
type foldChoice struct {
	thresholds
	skip      []bool         // (layers) not merged
	protected [][]bool       // (heads)(slots) not merged
	sets      [][]mergingSet // (heads)
}

// choose finds the merging sets of every head.
func (m *kvMerger) choose(s *Signals) (foldChoice, error) {
	c := foldChoice{thresholds: thresholds{m.eps, m.recent, m.top}}
	if err := s.check(m.name, m.Needs()); err != nil {
		return c, err
	}
	var err error
	if c.skip, err = m.skipped(s.NLayers); err != nil {
		return c, err
	}
	keys, err := m.anchorKeys(s)
	if err != nil {
		return c, err
	}

	// 1. Thresholds: as given, or the ones that meet the budget.
	if m.budget > 0 {
		if c.thresholds, err = m.meetBudget(s, c.skip, keys); err != nil {
			return c, err
		}
	}

	// 2. Merging sets of every head.
	c.protected = protectAll(s, c.skip, c.thresholds)
	c.sets = m.allSets(s, c.protected, c.eps, keys)
	return c, nil
}

// plan folds the sets of a choice.
func (m *kvMerger) plan(s *Signals, c foldChoice) (*Plan, error) {
	rows, err := m.fold(s, c.sets)
	if err != nil {
		return nil, err
	}
	return &Plan{Method: m.name, Options: m.options(c), Heads: rows}, nil
}

// fold makes rows of the merging sets of all heads; what is in no set is kept.
func (m *kvMerger) fold(s *Signals, sets [][]mergingSet) ([][]Row, error) {
	// 3. Distances from the pivots, only where a number comes out of them.
	var dist [][]float32
	if m.sigmaRule != "" || m.values == "effective" {
		var err error
		if dist, err = m.pivotDistances(s, sets); err != nil {
			return nil, err
		}
	}

	// 4. Rows.
	rows := make([][]Row, len(s.Heads))
	for h := range s.Heads {
		var d []float32
		if dist != nil {
			d = dist[h]
		}
		rows[h] = keepRows(&s.Heads[h], m.rows(&s.Heads[h], sets[h], d), s.most())
	}
	return rows, nil
}

// protectAll returns which slots of every head must not be merged: all of the
// layers to skip.
func protectAll(s *Signals, skip []bool, t thresholds) [][]bool {
	protected := make([][]bool, len(s.Heads))
	for h := range s.Heads {
		if skip[h/s.NKVHeads] {
			protected[h] = slices.Repeat([]bool{true}, s.Heads[h].Slots())
		} else {
			protected[h] = protect(&s.Heads[h], t.recent, t.top)
		}
	}
	return protected
}

// protect returns which slots must not be merged, pinned ones among them.
func protect(h *Head, recent, top float64) []bool {
	slots := h.Slots()
	protected := make([]bool, slots)
	first := max(0, slots-max(1, floorShare(recent, slots))) // of the recent slots
	for slot := first; slot < slots; slot++ {
		protected[slot] = true
	}
	others := make([]int, first)
	for slot := range others {
		others[slot] = slot
	}
	// The sort is stable: of equal masses the lower slot comes first.
	slices.SortStableFunc(others, func(a, b int) int { return cmp.Compare(h.Mass[b], h.Mass[a]) })
	for _, slot := range others[:min(first, floorShare(top, slots))] {
		protected[slot] = true
	}
	for slot := range protected {
		protected[slot] = protected[slot] || h.pinned(slot)
	}
	return protected
}

// anchorKeys reads what anchor mode compares, (heads)(slots * head_dim); without
// it every head has nil.
func (m *kvMerger) anchorKeys(s *Signals) ([][]float32, error) {
	if !m.anchor {
		return make([][]float32, len(s.Heads)), nil
	}
	return s.keys(m.name)
}

// allSets returns the merging sets of every head. keys are anchorKeys. A head that
// eps leaves more rows than it may keep has a lower one of its own.
func (m *kvMerger) allSets(s *Signals, protected [][]bool, eps float64, keys [][]float32) [][]mergingSet {
	sets := make([][]mergingSet, len(s.Heads))
	for h := range s.Heads {
		own := eps
		fits := func(eps float64) bool { return m.countRows(&s.Heads[h], protected[h], eps, keys[h]) <= s.most() }
		if !fits(eps) {
			own = largestEps(min(eps, 1), fits)
		}
		sets[h] = m.mergingSets(&s.Heads[h], protected[h], own, keys[h])
	}
	return sets
}

// mergingSets returns the runs of two or more slots, ascending.
func (m *kvMerger) mergingSets(h *Head, protected []bool, eps float64, keys []float32) []mergingSet {
	var sets []mergingSet
	m.eachRun(h, protected, eps, keys, func(first, end int) {
		if end-first > 1 {
			sets = append(sets, mergingSet{first, end, pivotOf(h, first, end)})
		}
	})
	slices.Reverse(sets)
	return sets
}

// eachRun calls yield with the runs first..end-1 of slots that become one row,
// single slots among them. Like the paper's algorithm it goes backward, which
// matters only where a run is cut by max_set or anchor: the slot that does not
// fit begins a run of its own.
func (m *kvMerger) eachRun(h *Head, protected []bool, eps float64, keys []float32, yield func(first, end int)) {
	// Rounding may put a cosine a hair above 1; cutting it there makes eps = 1
	// mean what it says: nothing is merged.
	alike := func(cosine float64) bool { return min(cosine, 1) > eps }
	end := h.Slots()
	for first := h.Slots() - 1; first >= 0; first-- {
		before := first - 1
		if first > 0 && !protected[first] && !protected[before] && alike(float64(h.Cosine[first])) &&
			(m.maxSet == 0 || end-first < m.maxSet) &&
			(!m.anchor || alike(keyCosine(keys, h.Slots(), before, end-1))) {
			continue
		}
		yield(first, end)
		end = first
	}
}

// pivotOf returns the slot of first..end-1 that received the most attention, of
// equal ones the lower.
func pivotOf(h *Head, first, end int) int {
	pivot := first
	for i := first + 1; i < end; i++ {
		if h.Mass[i] > h.Mass[pivot] {
			pivot = i
		}
	}
	return pivot
}

// keyCosine returns the cosine of two keys of a head, (slots * head_dim).
func keyCosine(keys []float32, slots, i, j int) float64 {
	dim := len(keys) / slots
	var ab, aa, bb float64
	for c := range dim {
		a, b := float64(keys[i*dim+c]), float64(keys[j*dim+c])
		ab, aa, bb = ab+a*b, aa+a*a, bb+b*b
	}
	return ab / max(1e-12, math.Sqrt(aa*bb))
}

// pivotDistances measures how far the members of each set are from its pivot.
// It returns nil if there is nothing to measure.
func (m *kvMerger) pivotDistances(s *Signals, sets [][]mergingSet) ([][]float32, error) {
	pivots := make([][]int, len(s.Heads))
	asked := false
	for h := range s.Heads {
		pivots[h] = slices.Repeat([]int{-1}, s.Heads[h].Slots())
		for _, set := range sets[h] {
			for slot := set.first; slot < set.end; slot++ {
				if slot != set.pivot {
					pivots[h][slot] = set.pivot
					asked = true
				}
			}
		}
	}
	if !asked {
		return nil, nil
	}
	return s.distances(m.name, pivots, m.derotate)
}

// rows makes rows of the merging sets of one head; what is in no set is kept.
//
//	dist  (slots)  distance of each slot from its pivot, 0 at pivots; nil if not measured
func (m *kvMerger) rows(h *Head, sets []mergingSet, dist []float32) []Row {
	sigma := m.headSigma(sets, dist)
	rows := make([]Row, 0, h.Slots())
	slot := 0
	for _, set := range sets {
		for ; slot < set.first; slot++ {
			rows = append(rows, h.keep(slot))
		}
		if m.sigmaRule == "meandist" && dist != nil {
			sigma = setSigma(set, dist)
		}
		rows = append(rows, m.merge(h, set, sigma, dist))
		slot = set.end
	}
	for ; slot < h.Slots(); slot++ {
		rows = append(rows, h.keep(slot))
	}
	return rows
}

// headSigma returns the width that all sets of a head share.
//
//	headdist  σ = mean of ‖k_p − k_i‖ over the members i != p of all sets, / √2
func (m *kvMerger) headSigma(sets []mergingSet, dist []float32) float32 {
	if m.sigmaRule != "headdist" || dist == nil {
		return float32(m.sigma)
	}
	sum, members := 0.0, 0
	for _, set := range sets {
		for _, d := range dist[set.first:set.end] {
			sum += float64(d) // the pivot adds 0
		}
		members += set.end - set.first - 1
	}
	return sigmaFrom(sum, members)
}

// setSigma returns the width of one set.
//
//	meandist  σ = mean of ‖k_p − k_i‖ over all of S, the pivot's own 0 included, / √2
func setSigma(set mergingSet, dist []float32) float32 {
	sum := 0.0
	for _, d := range dist[set.first:set.end] {
		sum += float64(d)
	}
	return sigmaFrom(sum, set.end-set.first)
}

func sigmaFrom(sum float64, members int) float32 {
	return float32(max(sigmaFloor, sum/float64(max(1, members))/math.Sqrt2))
}

// merge returns the row that a set becomes.
func (m *kvMerger) merge(h *Head, set mergingSet, sigma float32, dist []float32) Row {
	row := Row{Pivot: set.pivot, Rule: Gaussian, Sigma: sigma, ValueScale: 1, Aligned: m.derotate}
	effective := 0.0 // Σ n_j g_j
	for slot := set.first; slot < set.end; slot++ {
		row.Slots = append(row.Slots, slot)
		row.N += h.N[slot]
		if m.values == "effective" {
			z := float64(dist[slot]) / float64(sigma)
			effective += float64(h.N[slot]) * math.Exp(-z*z/2)
		}
	}
	switch m.values {
	case "count":
		row.Bias = float32(math.Log(float64(row.N)))
	case "effective":
		row.Bias = float32(math.Log(effective)) // >= 0: the pivot's n g is >= 1
	case "paper":
		// A slot that was merged before carries n_i times its value.
		row.ValueScale, row.PerToken = float32(row.N), true
	}
	return row
}
