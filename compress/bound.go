package compress

import "math"

// most returns how many slots a head may keep: [Signals].Most, or no end of them.
func (s *Signals) most() int {
	if s.Most == 0 {
		return math.MaxInt
	}
	return s.Most
}

// before reports whether the cache was compressed before: a head has fewer slots
// than the text has tokens.
func (s *Signals) before() bool {
	for i := range s.Heads {
		h := &s.Heads[i]
		if n := h.Slots(); n > 0 && n <= h.Pos[n-1] {
			return true
		}
	}
	return false
}

// keepEnds returns n slots of a head: the newest and the pinned ones, which stay
// even where they are more, then as far as n reaches the first sinks, then the
// most recent others.
func keepEnds(h *Head, n, sinks int) []bool {
	kept := make([]bool, h.Slots())
	keep := func(slot int) {
		if !kept[slot] {
			kept[slot] = true
			n--
		}
	}
	for slot := range kept {
		if h.pinned(slot) || slot == len(kept)-1 {
			keep(slot)
		}
	}
	for slot := 0; slot < min(sinks, len(kept)) && n > 0; slot++ {
		keep(slot)
	}
	for slot := len(kept) - 1; slot >= 0 && n > 0; slot-- {
		keep(slot)
	}
	return kept
}

// keepRows returns at most n of a head's rows, chosen as h2o chooses slots: half
// of them the most recent, the others those that received most attention. Rows of
// pinned slots and the newest stay even where they are more.
func keepRows(h *Head, rows []Row, n int) []Row {
	if len(rows) <= n {
		return rows
	}
	var as Head // the rows as slots
	for _, row := range rows {
		var mass float32
		for _, slot := range row.Slots {
			mass += h.Mass[slot]
		}
		as.Pos, as.Mass = append(as.Pos, h.Pos[row.Pivot]), append(as.Mass, mass)
		as.Pinned = append(as.Pinned, h.pinned(row.Pivot))
	}
	scores := h2o{"raw"}.rank(&as, n)
	var kept []Row
	for j, is := range topSlots(&as, scores, n) {
		if is {
			kept = append(kept, rows[j])
		}
	}
	return kept
}
