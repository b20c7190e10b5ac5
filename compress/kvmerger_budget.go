package compress

import (
	"fmt"
	"math"
)

// thresholds decide who merges with whom.
type thresholds struct{ eps, recent, top float64 }

// bisectionSteps narrow eps from [-1, 1] to 2/2^30, below what separates two
// float32 cosines near 1.
const bisectionSteps = 30

// meetBudget returns the thresholds with which the whole cache, skipped layers
// included, has the largest number of rows that is not above R of its slots:
// rows <= floor(R*slots + 1e-6). One eps holds for all heads.
//
// Differs from the paper: it runs one eps for both of its budgets, which come
// out only roughly, and describes no way to meet a budget.
//
// A budget that is out of reach is an error, but in a cache that was compressed
// before, or that has a bound, it is met as nearly as can be.
func (m *kvMerger) meetBudget(s *Signals, skip []bool, keys [][]float32) (thresholds, error) {
	limit := floorShare(m.budget, s.Total())
	t := m.follow(m.budget)
	protected := protectAll(s, skip, t)
	rows := func(eps float64) int { return m.countAll(s, protected, eps, keys) }

	if rows(1) <= limit {
		t.eps = 1
		return t, nil
	}
	if rows(-1) > limit && s.Most == 0 && !s.before() {
		return t, fmt.Errorf("%s: budget %g is out of reach,"+
			" the least above it that this cache can meet is %g", m.name, m.budget, m.leastBudget(s, skip, keys))
	}
	t.eps = largestEps(1, func(eps float64) bool { return rows(eps) <= limit })
	return t, nil
}

// largestEps returns the largest eps below high with which rows fit, or -1 if they
// never do. Without anchor rows never falls as eps rises; with it, what is found is
// one of the places where it crosses the limit.
func largestEps(high float64, fits func(eps float64) bool) float64 {
	low := -1.0 // fits, high does not
	for range bisectionSteps {
		middle := (low + high) / 2
		if fits(middle) {
			low = middle
		} else {
			high = middle
		}
	}
	return low
}

// leastBudget returns the smallest budget above m.budget, in steps of 0.0001,
// that can be met. A larger budget also protects more slots, so the ratio left
// at eps = -1 is not the answer yet: the search goes on from there. That ratio
// never falls as the budget rises, so no smaller answer is jumped over, and at
// budget 1 everything is allowed, so it ends.
func (m *kvMerger) leastBudget(s *Signals, skip []bool, keys [][]float32) float64 {
	total := s.Total()
	budget := m.budget
	for {
		rows := m.countAll(s, protectAll(s, skip, m.follow(budget)), -1, keys)
		if rows <= floorShare(budget, total) {
			return budget
		}
		next := math.Ceil(float64(rows)/float64(total)*1e4-1e-9) / 1e4
		if next <= budget {
			next = budget + 1e-4
		}
		budget = min(1, next)
	}
}

// follow returns recent and top for a budget: linear through the paper's two
// settings and the origin, constant above, or as given.
//
//	budget   0     .35    .5 and above
//	recent   0     .08    .17
//	top      0     .02    .12
func (m *kvMerger) follow(budget float64) thresholds {
	t := thresholds{recent: 0.17, top: 0.12}
	switch {
	case budget <= 0.35:
		part := budget / 0.35
		t.recent, t.top = 0.08*part, 0.02*part
	case budget < 0.5:
		part := (budget - 0.35) / (0.5 - 0.35)
		t.recent, t.top = 0.08+(0.17-0.08)*part, 0.02+(0.12-0.02)*part
	}
	if m.recentGiven {
		t.recent = m.recent
	}
	if m.topGiven {
		t.top = m.top
	}
	return t
}

// countAll returns the rows of the whole cache, countRows those of one head.
func (m *kvMerger) countAll(s *Signals, protected [][]bool, eps float64, keys [][]float32) int {
	rows := 0
	for h := range s.Heads {
		rows += m.countRows(&s.Heads[h], protected[h], eps, keys[h])
	}
	return rows
}

func (m *kvMerger) countRows(h *Head, protected []bool, eps float64, keys []float32) int {
	rows := 0
	m.eachRun(h, protected, eps, keys, func(int, int) { rows++ })
	return rows
}
