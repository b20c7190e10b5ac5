package compress

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// Whatever a method wants to keep, a bound holds, but for what it cannot give up:
// pinned slots and the newest, gvote's first n_s positions. Where the bound allows
// what the method wants, it changes nothing.
func TestMostHolds(t *testing.T) {
	for _, settings := range every {
		t.Run(fmt.Sprintf("%s,%g,%v", settings.Name, settings.Budget, settings.Options), func(t *testing.T) {
			m, err := New(settings)
			if err != nil {
				t.Fatal(err)
			}
			tightened := 0
			for _, slots := range []int{1, 7, 40, 150} {
				for seed := range uint64(4) {
					f := randomFixture(seed, slots, seed%2 == 1)
					if seed > 1 {
						pinSome(f, seed)
					}
					for _, most := range []int{1, 2, 5, 16, 31, 100} {
						tightened += checkMost(t, m, f, most)
					}
				}
			}
			if tightened < 10 && settings.Name != "full" {
				t.Errorf("the bound was below what the method wanted %d times, the test proves little", tightened)
			}
		})
	}
}

// pinSome pins a few slots of every head.
func pinSome(f *fixture, seed uint64) {
	for h := range f.Heads {
		head := &f.Heads[h]
		head.Pinned = make([]bool, head.Slots())
		for slot := range head.Pinned {
			head.Pinned[slot] = (uint64(slot)*7+seed)%11 == 0
		}
	}
}

// checkMost reports how many heads had to be compressed further.
func checkMost(t *testing.T, m Method, f *fixture, most int) (tightened int) {
	t.Helper()
	f.Most = 1 << 30
	free := plan(t, m, &f.Signals)
	f.Most = most
	p := plan(t, m, &f.Signals)
	defer func() { f.Most = 0 }()
	// Heads that share a budget, or a window, may change with their neighbours.
	alone := !strings.HasPrefix(m.Name(), adaPrefix) && !slices.Contains([]string{"kvzip", "snapkv"}, m.Name())
	for h, rows := range p.Heads {
		wanted := len(free.Heads[h])
		if wanted > most {
			tightened++
		}
		if limit := max(most, cannotGiveUp(m, &f.Heads[h])); len(rows) > limit && m.Name() != "full" {
			t.Errorf("%d slots, most %d: head %d keeps %d of %d", f.Heads[h].Slots(), most, h, len(rows), wanted)
		}
		if wanted <= most && alone && fmt.Sprint(rows) != fmt.Sprint(free.Heads[h]) {
			t.Errorf("%d slots, most %d: head %d wants %d rows and becomes another", f.Heads[h].Slots(), most, h, wanted)
		}
	}
	return tightened
}

// cannotGiveUp counts the slots that a method keeps whatever the bound.
func cannotGiveUp(m Method, h *Head) int {
	n := 0
	for slot := range h.Slots() {
		first := false
		if m, ok := m.(*gVote); ok {
			first = h.Pos[slot] < m.votes.NSkip
		}
		if h.pinned(slot) || first || slot == h.Slots()-1 {
			n++
		}
	}
	return n
}

// A head that would keep too much is compressed by the method's own rule: for
// one that ranks slots, as with the budget that has this size.
func TestMostIsASmallerBudget(t *testing.T) {
	for _, name := range []string{"window", "random", "h2o", "snapkv", "expected", "cam", "oracle"} {
		f := &randomFixture(5, 60, false).Signals
		for h := range f.Heads { // all heads of one length
			f.Heads[h] = f.Heads[0]
		}
		window := f.Window
		f.Window = func(w int) ([][]float32, error) {
			received, err := window(w)
			for h := range received {
				received[h] = received[0]
			}
			return received, err
		}
		want := showPlan(plan(t, newMethod(t, name, 0.2), f))
		f.Most = 12
		if got := showPlan(plan(t, newMethod(t, name, 0.9), f)); got != want {
			t.Errorf("%s: at most 12 slots of 60 is %s, want as budget 0.2, %s", name, got, want)
		}
	}
}

// The fold has its own control of size, the threshold, and drops what received
// least only where that does not do.
func TestFoldsMergeBeforeTheyDrop(t *testing.T) {
	tokens := func(rows []Row) (n int) {
		for _, row := range rows {
			n += row.N
		}
		return n
	}
	for seed := range uint64(10) {
		f := &randomFixture(seed, 100, false).Signals
		for _, tc := range []struct {
			most  int
			drops bool
		}{{70, false}, {3, true}} {
			f.Most = tc.most
			p := plan(t, newMethod(t, "kvmerger", 0, "eps=1", "recent=0.1", "top=0.05"), f)
			for h, rows := range p.Heads {
				if dropped := f.Heads[h].Slots() - tokens(rows); (dropped > 0) != tc.drops {
					t.Errorf("seed %d, most %d: head %d drops %d tokens", seed, tc.most, h, dropped)
				}
			}
		}
	}
}

// A budget that is out of reach fails in a full cache, and is met as nearly as can
// be in one that was compressed before or has a bound.
func TestBudgetsOutOfReach(t *testing.T) {
	m := newMethod(t, "kvmerger", 0.1, "recent=0.5")
	f := &randomFixture(1, 40, false).Signals
	if _, err := m.Plan(f); err == nil || !strings.Contains(err.Error(), "budget 0.1 is out of reach") {
		t.Errorf("a full cache: %v", err)
	}
	f.Most = 40
	plan(t, m, f)
	f.Most = 0
	for h := range f.Heads {
		for slot := range f.Heads[h].Pos {
			f.Heads[h].Pos[slot] *= 2
		}
	}
	plan(t, m, f)
}
