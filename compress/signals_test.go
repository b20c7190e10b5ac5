package compress

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// fixture is signals with the keys they were measured on.
type fixture struct {
	Signals
	keys    [][][]float64 // (heads)(slots)(dim)
	asked   int           // calls of Distance
	aligned bool          // what the last one wanted
}

// fixtureOf returns signals of one layer whose head h has keys[h]. Masses and
// votes are for the test to fill in; cosines are measured.
func fixtureOf(keys ...[][]float64) *fixture {
	f := &fixture{keys: keys}
	f.NLayers, f.NKVHeads = 1, len(keys)
	for _, head := range keys {
		n := len(head)
		h := Head{Pos: make([]int, n), N: make([]int, n), Bias: make([]float32, n),
			Mass: make([]float32, n), Cosine: make([]float32, n), Votes: make([]uint32, n),
			Expected: [][]float32{make([]float32, n)}, ValueNorm: slices.Repeat([]float32{1}, n),
			Reread: make([]float32, n), Future: make([]float32, n)}
		for slot := range head {
			h.Pos[slot], h.N[slot] = slot, 1
			if slot > 0 {
				h.Cosine[slot] = float32(cosine(head[slot], head[slot-1]))
			}
		}
		f.Heads = append(f.Heads, h)
	}
	f.Distance = f.distance
	f.Window = func(w int) ([][]float32, error) { // w times what one query would pay
		var paid [][]float32
		for i := range f.Heads {
			var head []float32
			for _, x := range f.Heads[i].Future {
				head = append(head, float32(w)*x)
			}
			paid = append(paid, head)
		}
		return paid, nil
	}
	f.Keys = func() ([][]float32, error) {
		var all [][]float32
		for _, head := range f.keys {
			var flat []float32
			for _, key := range head {
				for _, x := range key {
					flat = append(flat, float32(x))
				}
			}
			all = append(all, flat)
		}
		return all, nil
	}
	return f
}

// distance measures as the engine does; these keys have no rotation to undo.
func (f *fixture) distance(pivots [][]int, aligned bool) ([][]float32, error) {
	f.asked++
	f.aligned = aligned
	dist := make([][]float32, len(pivots))
	for h := range pivots {
		dist[h] = make([]float32, len(pivots[h]))
		for slot, pivot := range pivots[h] {
			if pivot >= 0 {
				sum := 0.0
				for i, x := range f.keys[h][slot] {
					sum += (x - f.keys[h][pivot][i]) * (x - f.keys[h][pivot][i])
				}
				dist[h][slot] = float32(math.Sqrt(sum))
			}
		}
	}
	return dist, nil
}

func cosine(a, b []float64) float64 {
	var ab, aa, bb float64
	for i := range a {
		ab, aa, bb = ab+a[i]*b[i], aa+a[i]*a[i], bb+b[i]*b[i]
	}
	return ab / math.Sqrt(aa*bb)
}

// randomFixture returns 2 layers of 2 heads with about the given number of
// slots: a drifting walk of keys (so that runs of many lengths appear), a few
// of them repeated exactly, and coarse masses (so that ties appear). Where
// merged is set, some slots stand for several tokens already and slot != pos.
func randomFixture(seed uint64, slots int, merged bool) *fixture {
	rng := rand.New(rand.NewPCG(seed, uint64(slots)))
	var keys [][][]float64
	for h := range 4 {
		n := max(1, slots-h*slots/5)
		key := []float64{rng.NormFloat64(), rng.NormFloat64(), rng.NormFloat64()}
		head := make([][]float64, n)
		for slot := range head {
			if rng.IntN(8) > 0 {
				next := make([]float64, 3)
				for i := range next {
					next[i] = 0.8*key[i] + 0.6*rng.NormFloat64()
				}
				key = next
			}
			head[slot] = key
		}
		keys = append(keys, head)
	}
	f := fixtureOf(keys...)
	f.NLayers, f.NKVHeads = 2, 2
	for i := range f.Heads {
		h := &f.Heads[i]
		pos := 0
		for slot := range h.Pos {
			h.Mass[slot] = float32(rng.IntN(10)) / 8
			if rng.IntN(3) == 0 {
				h.Votes[slot] = uint32(rng.IntN(5))
			}
			if merged && rng.IntN(3) == 0 {
				h.N[slot] = 2 + rng.IntN(3)
				h.Bias[slot] = float32(math.Log(float64(h.N[slot])))
				pos += h.N[slot] - 1
			}
			h.Pos[slot] = pos
			pos++
		}
	}
	f.attend(seed)
	return f
}

// attend fills what is known about coming attention: sharp, with ties.
func (f *fixture) attend(seed uint64) {
	rng := rand.New(rand.NewPCG(seed, 1))
	for i := range f.Heads {
		h := &f.Heads[i]
		h.Expected = [][]float32{make([]float32, h.Slots()), make([]float32, h.Slots())}
		for slot := range h.Slots() {
			for _, z := range h.Expected {
				z[slot] = 4 * float32(rng.NormFloat64())
			}
			h.ValueNorm[slot] = float32(1+rng.IntN(8)) / 4
			h.Reread[slot] = float32(rng.IntN(10)) / 10
			h.Future[slot] = float32(math.Exp(4 * float64(rng.IntN(10)-10)))
		}
	}
}

// show writes rows as text: a kept slot as its number, a merged row as
// pivot{first..last}n.
func show(rows []Row) string {
	var words []string
	for _, r := range rows {
		if r.Rule == Keep {
			words = append(words, fmt.Sprint(r.Pivot))
		} else {
			words = append(words, fmt.Sprintf("%d{%d..%d}%d", r.Pivot, r.Slots[0], r.Slots[len(r.Slots)-1], r.N))
		}
	}
	return strings.Join(words, " ")
}

func showPlan(p *Plan) string {
	var heads []string
	for _, rows := range p.Heads {
		heads = append(heads, show(rows))
	}
	return strings.Join(heads, " | ")
}

// newMethod builds a method from "key=value" options.
func newMethod(t *testing.T, name string, budget float64, options ...string) Method {
	t.Helper()
	m, err := New(Settings{Name: name, Budget: budget, Options: optionMap(options...), Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func optionMap(options ...string) map[string]string {
	m := map[string]string{}
	for _, o := range options {
		key, value, _ := strings.Cut(o, "=")
		m[key] = value
	}
	return m
}

func plan(t *testing.T, m Method, s *Signals) *Plan {
	t.Helper()
	p, err := m.Plan(s)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Check(s); err != nil {
		t.Fatal(err)
	}
	return p
}

// line returns a fixture of one layer whose heads have the given numbers of
// slots: keys 1, 1.001, 1.002, ... on a line, so that every cosine is 1 (0 at slot 0).
func line(slots ...int) *fixture {
	var keys [][][]float64
	for _, n := range slots {
		var head [][]float64
		for i := range n {
			head = append(head, []float64{float64(i)*1e-3 + 1})
		}
		keys = append(keys, head)
	}
	return fixtureOf(keys...)
}

func near(got, want, tolerance float64) bool { return math.Abs(got-want) <= tolerance }

func TestSignalsOfWrongShapeAreRefused(t *testing.T) {
	for _, tc := range []struct {
		name, method, want string
		spoil              func(*fixture)
	}{
		{"heads", "full", "full: signals have 2 heads, want n_layers*n_kv_heads = 4",
			func(f *fixture) { f.NLayers = 2 }},
		{"n", "window", "window: layer 0 head 1 has 2 values of n, want one per slot = 3",
			func(f *fixture) { f.Heads[1].N = []int{1, 1} }},
		{"bias", "gvote", "gvote: layer 0 head 0 has 0 values of bias, want one per slot = 40",
			func(f *fixture) { f.Heads[0].Bias = nil }},
		{"mass", "kvmerger", "kvmerger: layer 0 head 0 has 0 values of mass, want one per slot = 40",
			func(f *fixture) { f.Heads[0].Mass = nil }},
		{"cosine", "kvmerger", "kvmerger: layer 0 head 1 has 0 values of cosine, want one per slot = 3",
			func(f *fixture) { f.Heads[1].Cosine = nil }},
		{"votes", "gvote", "gvote: layer 0 head 0 has 39 votes, want one per slot = 40",
			func(f *fixture) { f.Heads[0].Votes = f.Heads[0].Votes[1:] }},
		{"no distance", "kvmerger", "kvmerger: signals cannot measure distances",
			func(f *fixture) { f.Distance = nil }},
		{"distance fails", "kvmerger", "kvmerger: distances: device lost",
			func(f *fixture) {
				f.Distance = func([][]int, bool) ([][]float32, error) { return nil, fmt.Errorf("device lost") }
			}},
		{"few distances", "kvmerger", "kvmerger: layer 0 head 1 has 1 distances, want 3",
			func(f *fixture) {
				f.Distance = func(p [][]int, aligned bool) ([][]float32, error) {
					return [][]float32{make([]float32, 40), make([]float32, 1)}, nil
				}
			}},
		{"NaN distance", "kvmerger", "kvmerger: layer 0 head 1 slot 2 is at distance NaN, want a number >= 0",
			func(f *fixture) {
				f.Distance = func(p [][]int, aligned bool) ([][]float32, error) {
					d, err := f.distance(p, aligned)
					d[1][2] = float32(math.NaN())
					return d, err
				}
			}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := line(40, 3)
			m := newMethod(t, tc.method, 0)
			tc.spoil(f)
			if _, err := m.Plan(&f.Signals); err == nil || err.Error() != tc.want {
				t.Errorf("error %v\nwant  %s", err, tc.want)
			}
		})
	}
}

func TestFloorShare(t *testing.T) {
	for _, tc := range []struct {
		share float64
		slots int
		want  int
	}{
		{0.17, 100, 17}, // 17.0
		{0.29, 100, 29}, // 28.999999999999996 in float64
		{0.57, 100, 57}, // 56.99999999999999
		{0.17, 101, 17}, // 17.17
		{0.17, 5, 0},    // 0.85
		{0.12, 25, 3},
		{0, 100, 0}, {1, 7, 7}, {0.5, 0, 0},
		{0.5, 7, 3}, // down, not to the nearest
	} {
		if got := floorShare(tc.share, tc.slots); got != tc.want {
			t.Errorf("floorShare(%g, %d) = %d, want %d", tc.share, tc.slots, got, tc.want)
		}
	}
}

func TestRatio(t *testing.T) {
	f := line(6, 2)
	p := &Plan{Heads: [][]Row{make([]Row, 2), make([]Row, 1)}}
	if got := p.Ratio(&f.Signals); got != 3.0/8 { // over all heads, not the mean of 1/3 and 1/2
		t.Errorf("ratio %g, want 0.375", got)
	}
	if got := (&Plan{}).Ratio(&Signals{}); got != 1 {
		t.Errorf("ratio of an empty cache %g, want 1", got)
	}
}
