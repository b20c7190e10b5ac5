// Package compress decides how a KV cache is made smaller. It moves nothing.
//
// A [Method] reads [Signals] (numbers about the cache: how much attention each
// key received, how similar neighbouring keys are, who voted for what) and
// returns a [Plan]: for every layer and KV head the rows of the new cache, each
// a list of old slots. Somebody else (engine) measures the signals and carries
// the plan out, on the CPU or on the GPU.
//
// Read in this order: this file, window.go (the smallest method), score.go (what
// methods that rank slots share), kvmerger.go, gvote.go.
//
// A slot is a row of the cache; a position is a place in the text. Before the
// first compression they are equal, afterwards never assume so.
package compress

import (
	"fmt"
	"math"
	"slices"
)

// Head is what is known about the cache of one KV head of one layer.
// Every slice that is not nil has one element per slot.
type Head struct {
	Pos  []int     // position of each slot's (pivot) token, ascending
	N    []int     // tokens each slot stands for; 1 before the first merge
	Bias []float32 // what attention adds to the slot's logit; 0 before the first merge

	Pinned []bool // slots that no method may drop or merge; nil: none

	Mass   []float32 // attention received, mean over the query heads of the group; nil unless [Needs].Mass
	Cosine []float32 // cos(k_i, k_{i-1}); 0 at slot 0; nil unless [Needs].Cosine
	Votes  []uint32  // voters for the slot; nil unless [Needs].Votes
	BStep  []int     // (group) single-step budget of each query head of this KV head; nil unless [Needs].Votes

	Expected  [][]float32 // (group)(slots) ln of what exp(score) will be on average; nil unless [Needs].Expected
	ValueNorm []float32   // ‖v‖; nil unless [Needs].Expected
	Reread    []float32   // largest attention that one query paid when the text was read again; nil unless [Needs].Reread
	Future    []float32   // attention that the text behind the prompt pays, as Mass; nil unless [Needs].Future
}

// pinned reports whether a slot must stay as it is.
func (h *Head) pinned(slot int) bool { return h.Pinned != nil && h.Pinned[slot] }

// Slots returns the number of occupied slots.
func (h *Head) Slots() int { return len(h.Pos) }

// Signals is all that a method may know.
type Signals struct {
	NLayers, NKVHeads int
	Heads             []Head // (n_layers, n_kv_heads), layer-major

	// Most is how many slots a head may keep; 0: as many as the method wants. A head
	// that it wants to keep more of is compressed further, by the method's own control
	// of size where it has one, else by what is worth least. Slots that a method cannot
	// give up, such as pinned ones, stay even so.
	Most int

	// Distance measures ‖k_pivot − k_slot‖ on stored (rotated) keys.
	//
	//	pivots  (n_layers * n_kv_heads)(slots)  the pivot slot of each slot, or -1: not asked for
	//
	// The result has the same shape; entries not asked for are 0. With aligned,
	// k_slot is rotated to the pivot's position first. It may run on the GPU, so
	// ask once.
	Distance func(pivots [][]int, aligned bool) ([][]float32, error)

	// Keys reads the stored (rotated) keys back, (n_layers * n_kv_heads)(slots * head_dim).
	// Of all signals it is the largest, and asked for only where the others do not do.
	Keys func() ([][]float32, error)

	// Window measures the attention that the last w queries of the prompt paid, as
	// Head.Mass: (n_layers * n_kv_heads)(slots). 1 <= w <= LastQueries.
	Window      func(w int) ([][]float32, error)
	LastQueries int // there are; 0: as many as [Needs].LastQueries asks for
}

// Total returns the occupied slots over all heads.
func (s *Signals) Total() int {
	n := 0
	for i := range s.Heads {
		n += s.Heads[i].Slots()
	}
	return n
}

// Rule says how a row is made from its slots.
type Rule uint8

const (
	// Keep copies one slot bit for bit, with its n, bias and position.
	Keep Rule = iota
	// Gaussian blends several slots:
	//
	//	g_i = exp(−‖k_pivot − k_i‖² / 2σ²)   w_i = n_i g_i / Σ_j n_j g_j
	//	k* = Σ w_i k_i                        v* = ValueScale Σ w_i v_i
	//
	// with n_i the tokens slot i stands for (KVMerger, arXiv 2407.08454, eqs. 4-6).
	// With Aligned, each k_i is rotated to the pivot's position first, in both
	// lines. With PerToken, v* = ValueScale Σ w_i v_i / n_i.
	Gaussian
	// Explicit sums keys and values with weights that the row brings:
	//
	//	k* = Σ w k over KeyWeights            v* = Σ w v over ValueWeights
	//
	// The row takes keys of its own slots only, and values of any.
	Explicit
)

// String returns the name of a rule in messages and files.
func (r Rule) String() string { return [...]string{"keep", "gaussian", "explicit"}[r] }

// Weight is the share of a slot in a sum.
type Weight struct {
	Slot   int // of the old cache
	Weight float32
}

// Row is one slot of the new cache.
type Row struct {
	Pivot int   // old slot that gives the row its position
	Slots []int // old slots in it, ascending; contains Pivot
	N     int   // tokens the row stands for
	Bias  float32
	Rule  Rule

	Sigma      float32 // Gaussian: width of the kernel in units of a key's norm, > 0
	ValueScale float32 // Gaussian: factor on the blended value; 1 except in KVMerger's paper mode
	PerToken   bool    // Gaussian: stored values are sums over n_i tokens
	Aligned    bool    // Gaussian: keys are rotated to the pivot's position

	KeyWeights, ValueWeights []Weight // Explicit: ascending by slot
}

// Plan says how to build a smaller cache from a larger one.
type Plan struct {
	Method  string
	Options map[string]any // every option in force: float64, int, bool, string, []int (never nil)
	Heads   [][]Row        // (n_layers * n_kv_heads) rows, ascending by pivot
}

// Rows returns the slots of the new cache over all heads.
func (p *Plan) Rows() int {
	n := 0
	for _, rows := range p.Heads {
		n += len(rows)
	}
	return n
}

// Ratio returns kept / total: the slots of the new cache over those of s, all
// heads together. An empty cache has ratio 1.
func (p *Plan) Ratio(s *Signals) float64 {
	total := s.Total()
	if total == 0 {
		return 1
	}
	return float64(p.Rows()) / float64(total)
}

// Check reports the first way in which p is not a valid plan for s: wrong
// number of heads, rows out of order or overlapping, slots that do not exist, a
// head left without rows, a dropped newest slot, a pinned slot that is dropped or
// merged, wrong n.
func (p *Plan) Check(s *Signals) error {
	if len(p.Heads) != len(s.Heads) {
		return fmt.Errorf("plan has %d heads, want %d", len(p.Heads), len(s.Heads))
	}
	for h, rows := range p.Heads {
		if err := checkRows(rows, &s.Heads[h]); err != nil {
			return fmt.Errorf("plan for layer %d head %d: %w", h/s.NKVHeads, h%s.NKVHeads, err)
		}
	}
	return nil
}

func checkRows(rows []Row, head *Head) error {
	slots := head.Slots()
	if slots == 0 {
		if len(rows) != 0 {
			return fmt.Errorf("%d rows from an empty cache", len(rows))
		}
		return nil
	}
	if len(rows) == 0 {
		return fmt.Errorf("no rows left of %d slots", slots)
	}
	used := make([]bool, slots)
	lastPivot := -1
	for j, row := range rows {
		if row.Pivot <= lastPivot {
			return fmt.Errorf("row %d has pivot %d after pivot %d, want ascending", j, row.Pivot, lastPivot)
		}
		lastPivot = row.Pivot
		if err := checkSlots(row, head, used); err != nil {
			return fmt.Errorf("row %d %w", j, err)
		}
		if err := checkRule(row, head); err != nil {
			return fmt.Errorf("row %d %w", j, err)
		}
	}
	for slot := range used {
		if head.pinned(slot) && !used[slot] {
			return fmt.Errorf("slot %d is pinned and dropped", slot)
		}
	}
	if !used[slots-1] {
		return fmt.Errorf("the newest slot %d is dropped", slots-1)
	}
	return nil
}

// checkSlots checks the slots of a row, and marks them as used.
func checkSlots(row Row, head *Head, used []bool) error {
	n, hasPivot, last := 0, false, -1
	for _, slot := range row.Slots {
		if slot < 0 || slot >= len(used) {
			return fmt.Errorf("reads slot %d of a cache with %d slots", slot, len(used))
		}
		if slot <= last {
			return fmt.Errorf("lists slot %d after slot %d, want ascending", slot, last)
		}
		if used[slot] {
			return fmt.Errorf("reads slot %d, which another row has", slot)
		}
		used[slot], last = true, slot
		hasPivot = hasPivot || slot == row.Pivot
		n += head.N[slot]
	}
	if !hasPivot {
		return fmt.Errorf("does not contain its pivot %d", row.Pivot)
	}
	if n != row.N {
		return fmt.Errorf("says n = %d, its slots stand for %d tokens", row.N, n)
	}
	return nil
}

// checkRule checks what a row's rule asks of it.
func checkRule(row Row, head *Head) error {
	switch row.Rule {
	case Keep:
		if len(row.Slots) != 1 || row.Bias != head.Bias[row.Pivot] {
			return fmt.Errorf("keeps %d slots with bias %g, want one slot and its bias %g",
				len(row.Slots), row.Bias, head.Bias[row.Pivot])
		}
		return nil
	case Gaussian:
		if slot := slices.IndexFunc(row.Slots, head.pinned); slot >= 0 {
			return fmt.Errorf("merges slot %d, which is pinned", row.Slots[slot])
		}
		if !(row.Sigma > 0) || !(row.ValueScale > 0) {
			return fmt.Errorf("has sigma %g and value_scale %g, want both > 0", row.Sigma, row.ValueScale)
		}
		return nil
	case Explicit:
		return checkExplicit(row, head)
	}
	return fmt.Errorf("has unknown rule %d", row.Rule)
}

// Explicit lists the slots that an Explicit row is made of, with the weight of
// each one's key and value: first Slots, then those that only give a value.
func (r *Row) Explicit() (slots []int, keys, values []float32) {
	slots = slices.Clone(r.Slots)
	keys, values = make([]float32, len(slots)), make([]float32, len(slots))
	at := 0 // in r.Slots, which ascend like the weights
	for _, w := range r.KeyWeights {
		for r.Slots[at] < w.Slot {
			at++
		}
		keys[at] = w.Weight
	}
	at = 0
	for _, w := range r.ValueWeights {
		for at < len(r.Slots) && r.Slots[at] < w.Slot {
			at++
		}
		if at < len(r.Slots) && r.Slots[at] == w.Slot {
			values[at] = w.Weight
			continue
		}
		slots, keys, values = append(slots, w.Slot), append(keys, 0), append(values, w.Weight)
	}
	return slots, keys, values
}

// checkExplicit checks what is special about an Explicit row.
func checkExplicit(row Row, head *Head) error {
	for _, slot := range row.Slots {
		if head.pinned(slot) {
			return fmt.Errorf("changes slot %d, which is pinned", slot)
		}
	}
	for _, side := range []struct {
		name    string
		weights []Weight
	}{{"key", row.KeyWeights}, {"value", row.ValueWeights}} {
		if len(side.weights) == 0 {
			return fmt.Errorf("has no %s weights", side.name)
		}
		last := -1
		for _, w := range side.weights {
			if w.Slot <= last || w.Slot >= head.Slots() {
				return fmt.Errorf("has a %s weight for slot %d after slot %d of %d, want ascending",
					side.name, w.Slot, last, head.Slots())
			}
			last = w.Slot
			if !(math.Abs(float64(w.Weight)) <= math.MaxFloat32) { // also NaN
				return fmt.Errorf("has %s weight %g for slot %d, want a number", side.name, w.Weight, w.Slot)
			}
			if side.name == "key" && !slices.Contains(row.Slots, w.Slot) {
				return fmt.Errorf("takes the key of slot %d, which it does not contain", w.Slot)
			}
		}
	}
	return nil
}

// keep returns the row that copies one slot unchanged.
func (h *Head) keep(slot int) Row {
	return Row{Pivot: slot, Slots: []int{slot}, N: h.N[slot], Bias: h.Bias[slot], Rule: Keep}
}

// Method is a compression method with its options set.
type Method interface {
	Name() string
	Needs() Needs
	// Plan decides. It must not modify s. The plan passes [Plan.Check], and minds
	// s.Most: a method that does not cannot read a text in a bounded cache.
	Plan(s *Signals) (*Plan, error)
}
