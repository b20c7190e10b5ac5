package compress

import (
	"math"
	"slices"
)

// randomsets is the control for the places: as many sets of the same sizes as
// kvmerger's, with the same slots protected, but anywhere. What kvmerger does
// better than randomsets is the merit of merging similar neighbours. Pivots and
// blends are as in kvmerger.go.
//
// In each head the runs of slots that are not protected are rooms, and sets are
// moved from room to room, one after the other, to a random one with enough
// places free; then sets and single slots are shuffled in each room. Where all
// rooms are full little can move, and places are kvmerger's.
//
// Source: definition.
var randomSetsEntry = entry{
	name:    "randomsets",
	summary: "kvmerger's sets at random places: a control",
	options: kvMergerOptions,
	build: func(r *reader) Method {
		m := newKVMerger(r)
		m.scattered, m.seed = true, r.seed
		return m
	},
}

// scatterRounds is how often each set is moved: more change nothing that a test can see.
const scatterRounds = 8

// scatter returns sets of the same sizes at random places outside protected slots.
//
//	chance  a number in [0, 1) for each counter
func scatter(h *Head, protected []bool, sets []mergingSet, chance func(i int) float64) []mergingSet {
	draws := 0
	below := func(n int) int { // a random number from 0 to n-1
		draws++
		return min(n-1, int(math.Floor(chance(draws)*float64(n))))
	}

	// 1. Rooms, and which room each set is in.
	type room struct{ first, end, free int }
	var rooms []room
	in := make([]int, len(sets))
	next := 0
	for slot := 0; slot < h.Slots(); {
		r := room{first: slot, end: slot}
		for r.end < h.Slots() && !protected[r.end] {
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

	// 2. Each set moves to a room with places free, the likelier the more there are.
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

	// 3. The order of sets and single slots in each room.
	var moved []mergingSet
	for j, r := range rooms {
		sizes := slices.Repeat([]int{1}, r.free)
		for i, set := range sets {
			if in[i] == j {
				sizes = append(sizes, set.end-set.first)
			}
		}
		for i := len(sizes) - 1; i > 0; i-- {
			k := below(i + 1)
			sizes[i], sizes[k] = sizes[k], sizes[i]
		}
		slot := r.first
		for _, size := range sizes {
			if size > 1 {
				moved = append(moved, mergingSet{slot, slot + size, pivotOf(h, slot, slot+size)})
			}
			slot += size
		}
	}
	return moved // ascending, as rooms are
}
