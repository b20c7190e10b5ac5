package compress

import (
	"fmt"
	"math"
)

// check reports the first way in which s does not hold what a method reads:
// wrong number of heads, or a slice that does not have one element per slot.
// Votes are not checked here: a head that nobody votes on may have none.
func (s *Signals) check(method string, needs Needs) error {
	if len(s.Heads) != s.NLayers*s.NKVHeads {
		return fmt.Errorf("%s: signals have %d heads, want n_layers*n_kv_heads = %d",
			method, len(s.Heads), s.NLayers*s.NKVHeads)
	}
	for i := range s.Heads {
		h := &s.Heads[i]
		for _, field := range []struct {
			name   string
			have   int
			needed bool
		}{
			{"n", len(h.N), true},
			{"bias", len(h.Bias), true},
			{"mass", len(h.Mass), needs.Mass},
			{"cosine", len(h.Cosine), needs.Cosine},
			{"rereading", len(h.Reread), needs.Reread},
			{"future attention", len(h.Future), needs.Future},
			{"pinned", len(h.Pinned), h.Pinned != nil},
		} {
			if field.needed && field.have != h.Slots() {
				return fmt.Errorf("%s: layer %d head %d has %d values of %s, want one per slot = %d",
					method, i/s.NKVHeads, i%s.NKVHeads, field.have, field.name, h.Slots())
			}
		}
	}
	return nil
}

// distances asks for ‖k_pivot − k_slot‖ and checks that the answer has the
// shape of the question and holds numbers: NaN or infinity here would only
// show up as NaN in the logits.
func (s *Signals) distances(method string, pivots [][]int, aligned bool) ([][]float32, error) {
	if s.Distance == nil {
		return nil, fmt.Errorf("%s: signals cannot measure distances", method)
	}
	dist, err := s.Distance(pivots, aligned)
	if err != nil {
		return nil, fmt.Errorf("%s: distances: %w", method, err)
	}
	if len(dist) != len(pivots) {
		return nil, fmt.Errorf("%s: distances for %d heads, want %d", method, len(dist), len(pivots))
	}
	for h := range dist {
		if len(dist[h]) != len(pivots[h]) {
			return nil, fmt.Errorf("%s: layer %d head %d has %d distances, want %d",
				method, h/s.NKVHeads, h%s.NKVHeads, len(dist[h]), len(pivots[h]))
		}
		for slot, d := range dist[h] {
			if !(d >= 0 && d <= math.MaxFloat32) {
				return nil, fmt.Errorf("%s: layer %d head %d slot %d is at distance %g, want a number >= 0",
					method, h/s.NKVHeads, h%s.NKVHeads, slot, d)
			}
		}
	}
	return dist, nil
}

// keys reads the keys back and checks that every head has one per slot.
func (s *Signals) keys(method string) ([][]float32, error) {
	if s.Keys == nil {
		return nil, fmt.Errorf("%s: signals cannot read keys", method)
	}
	keys, err := s.Keys()
	if err != nil {
		return nil, fmt.Errorf("%s: keys: %w", method, err)
	}
	if len(keys) != len(s.Heads) {
		return nil, fmt.Errorf("%s: keys for %d heads, want %d", method, len(keys), len(s.Heads))
	}
	for h := range keys {
		if slots := s.Heads[h].Slots(); slots > 0 && (len(keys[h]) == 0 || len(keys[h])%slots != 0) {
			return nil, fmt.Errorf("%s: layer %d head %d has %d elements of keys, want a multiple of its %d slots",
				method, h/s.NKVHeads, h%s.NKVHeads, len(keys[h]), slots)
		}
	}
	return keys, nil
}

// floorShare returns floor(share*slots + 1e-6): what a share of a head is in
// slots. The 1e-6 repairs products such as 0.29*100 = 28.999999999999996.
func floorShare(share float64, slots int) int {
	return int(math.Floor(share*float64(slots) + 1e-6))
}

// keepWhere returns the plan that keeps pinned slots and those for which kept is true, and
// drops the others.
//
//	kept(h, slot)  h indexes s.Heads
func keepWhere(method string, options map[string]any, s *Signals, kept func(h, slot int) bool) *Plan {
	p := &Plan{Method: method, Options: options, Heads: make([][]Row, len(s.Heads))}
	for h := range s.Heads {
		head := &s.Heads[h]
		rows := make([]Row, 0, head.Slots())
		for slot := range head.Slots() {
			if kept(h, slot) || head.pinned(slot) {
				rows = append(rows, head.keep(slot))
			}
		}
		p.Heads[h] = rows
	}
	return p
}
