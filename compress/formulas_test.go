package compress

import (
	"encoding/json"
	"math"
	"os"
	"testing"
)

// golden is a file of testdata with the signals and the scores of some heads.
type golden struct {
	Window    [][]float32             `json:"window"`     // (heads)(slots)
	Mass      [][]float32             `json:"mass"`       // likewise
	Expected  [][]float32             `json:"expected"`   // (query heads)(slots)
	ValueNorm [][]float32             `json:"value_norm"` // (heads)(slots)
	Scores    map[string][][]*float64 `json:"scores"`     // (heads)(slots); nil: before all others
	Eps       float64                 `json:"eps"`
	Size      int                     `json:"window_size"`
}

// signals returns what the scores were computed from.
func (g *golden) signals() *Signals {
	slots := len(g.Window[0])
	s := &line(make([]int, len(g.Window))...).Signals
	group := len(g.Expected) / len(s.Heads)
	for h := range s.Heads {
		s.Heads[h] = line(slots).Heads[0]
		s.Heads[h].Expected = g.Expected[h*group : (h+1)*group]
		s.Heads[h].ValueNorm = g.ValueNorm[h]
		if g.Mass != nil {
			s.Heads[h].Mass = g.Mass[h]
		}
	}
	s.Window = func(int) ([][]float32, error) { return g.Window, nil }
	return s
}

// check compares a scorer's scores with those of the file.
func (g *golden) check(t *testing.T, name string, m scorer, tolerance float64) {
	t.Helper()
	s := g.signals()
	nKeep := make([]int, len(s.Heads))
	for h := range nKeep {
		nKeep[h] = 2 * g.Size
	}
	scores, err := m.scores(s, nKeep)
	if err != nil {
		t.Fatal(err)
	}
	if len(g.Scores[name]) != len(scores) {
		t.Fatalf("%s: the file has scores of %d heads, want %d", name, len(g.Scores[name]), len(scores))
	}
	for h, head := range g.Scores[name] {
		if len(head) != len(scores[h]) {
			t.Fatalf("%s: the file has %d scores of head %d, want %d", name, len(head), h, len(scores[h]))
		}
		for slot, want := range head {
			got := scores[h][slot]
			if want == nil && !math.IsInf(got, 1) || want != nil && !near(got, *want, tolerance*math.Max(1e-2, math.Abs(*want))) {
				t.Errorf("%s: head %d slot %d scores %g, want %v", name, h, slot, got, deref(want))
			}
		}
	}
}

func deref(x *float64) float64 {
	if x == nil {
		return math.Inf(1)
	}
	return *x
}

func readGolden(t *testing.T, file string) *golden {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	g := &golden{}
	if err := json.Unmarshal(data, g); err != nil {
		t.Fatal(err)
	}
	return g
}

// Scores of random heads are those that testdata/formulas.py computes from the
// definitions.
func TestScoresAgreeWithTheFormulas(t *testing.T) {
	g := readGolden(t, "testdata/formulas.json")
	g.check(t, "snapkv", snapKV{}, 1e-6)
	g.check(t, "expected", expected{g.Eps}, 2e-6)
	s := g.signals() // observed attention is what h2o ranks by, without its recent slots
	if n := len(g.Scores["observed"]); n != len(s.Heads) {
		t.Fatalf("observed: the file has scores of %d heads, want %d", n, len(s.Heads))
	}
	for h, head := range g.Scores["observed"] {
		if len(head) != s.Heads[h].Slots() {
			t.Fatalf("observed: the file has %d scores of head %d, want %d", len(head), h, s.Heads[h].Slots())
		}
		for slot, want := range head {
			if got := (h2o{norm: "visible"}).received(&s.Heads[h], slot); !near(got, *want, 1e-6) {
				t.Errorf("observed: head %d slot %d scores %g, want %g", h, slot, got, *want)
			}
		}
	}
}

// Scores are those of NVIDIA's kvpress, from the same attention, on stories260K
// (testdata/kvpress/run.py). That the attention is the same too, and what is kept,
// is the engine's test.
func TestScoresAgreeWithKvpress(t *testing.T) {
	g := readGolden(t, "testdata/kvpress/stories260K.json")
	g.check(t, "snapkv", snapKV{}, 2e-6)
	g.check(t, "expected", expected{0}, 5e-5) // logits of up to 230 in float32
}
