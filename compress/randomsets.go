package compress

import (
	"math"
	"slices"
)

// randomSets is the control for the places. It wraps kvmerger, and has as many
// sets of the same sizes, with the same slots protected, but anywhere. What
// kvmerger does better than randomsets is the merit of merging similar neighbours.
// Pivots and blends are as in kvmerger.go.
//
// In each head the runs of slots that are not protected are rooms, and sets are
// moved from room to room, one after the other, to a random one with enough
// places free; then sets and single slots are shuffled in each room. Where all
// rooms are full little can move, and places are kvmerger's.
//
// Source: definition.
type randomSets struct {
	*kvMerger
	seed uint32
}

var randomSetsEntry = entry{
	name:    "randomsets",
	summary: "kvmerger's sets at random places: a control",
	options: kvMergerOptions,
	build:   func(r *reader) Method { return randomSets{newKVMerger(r), r.seed} },
}

func (m randomSets) deviations() []string { return []string{"a control, of no paper"} }

func (m randomSets) Plan(s *Signals) (*Plan, error) {
	c, err := m.choose(s)
	if err != nil {
		return nil, err
	}
	for h := range c.sets {
		c.sets[h] = scatter(&s.Heads[h], c.protected[h], c.sets[h], func(i int) float64 {
			return chance(m.seed, forSets, h, i)
		})
	}
	return m.plan(s, c)
}

// scatterRounds is how often each set is moved: more change nothing that a test can see.
const scatterRounds = 8

// A room is a run of slots that are not protected, some of them free of sets.
type room struct{ first, end, free int }

// scatter returns sets of the same sizes at random places outside protected slots.
//
//	chance  a number in [0, 1) for each counter
func scatter(h *Head, protected []bool, sets []mergingSet, chance func(i int) float64) []mergingSet {
	draws := 0
	below := func(n int) int { // a random number from 0 to n-1
		draws++
		return min(n-1, int(math.Floor(chance(draws)*float64(n))))
	}
	rooms, in := roomsOf(protected, sets)
	moveSets(rooms, in, sets, below)
	var moved []mergingSet
	for j, r := range rooms {
		var sizes []int
		for i, set := range sets {
			if in[i] == j {
				sizes = append(sizes, set.end-set.first)
			}
		}
		moved = append(moved, r.shuffled(h, sizes, below)...)
	}
	return moved // ascending, as rooms are
}

// roomsOf returns the rooms of a head, ascending, and which room each set is in.
func roomsOf(protected []bool, sets []mergingSet) (rooms []room, in []int) {
	in = make([]int, len(sets))
	next := 0
	for slot := 0; slot < len(protected); {
		r := room{first: slot, end: slot}
		for r.end < len(protected) && !protected[r.end] {
			r.end++
		}
		r.free = r.end - r.first
		for ; next < len(sets) && sets[next].first < r.end; next++ {
			in[next] = len(rooms)
			r.free -= sets[next].end - sets[next].first
		}
		if r.end > r.first {
			rooms = append(rooms, r)
		}
		slot = r.end + 1
	}
	return rooms, in
}

// moveSets moves each set to a room with places free, the likelier the more there are.
func moveSets(rooms []room, in []int, sets []mergingSet, below func(int) int) {
	for range scatterRounds {
		for i, set := range sets {
			size := set.end - set.first
			rooms[in[i]].free += size
			places := 0
			for _, r := range rooms {
				places += max(0, r.free-size+1)
			}
			place := below(places)
			for j, r := range rooms {
				if place -= max(0, r.free-size+1); place < 0 {
					rooms[j].free -= size
					in[i] = j
					break
				}
			}
		}
	}
}

// shuffled puts sets of some sizes and the room's free slots in random order,
// and returns the sets.
func (r room) shuffled(h *Head, sizes []int, below func(int) int) []mergingSet {
	sizes = append(slices.Repeat([]int{1}, r.free), sizes...)
	for i := len(sizes) - 1; i > 0; i-- {
		k := below(i + 1)
		sizes[i], sizes[k] = sizes[k], sizes[i]
	}
	var sets []mergingSet
	slot := r.first
	for _, size := range sizes {
		if size > 1 {
			sets = append(sets, mergingSet{slot, slot + size, pivotOf(h, slot, slot+size)})
		}
		slot += size
	}
	return sets
}
