//go:build !js

package main

import (
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"keyfold/eval"
)

// The document's tables are those of the summaries beside it.
func TestDocument(t *testing.T) {
	k, err := readAll("../../docs/results")
	if err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile("../../docs/results.md")
	if err != nil {
		t.Fatal(err)
	}
	got, err := fill(string(want), k)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Error("docs/results.md is not what its summaries give: run make results")
	}
	if blocks := len(block.FindAllString(got, -1)); blocks < 10 || blocks != strings.Count(got, "<!-- end -->") {
		t.Errorf("%d blocks and %d ends", blocks, strings.Count(got, "<!-- end -->"))
	}
}

// valueOf returns the value of a flag of `keyfold eval`, or "".
func valueOf(args, name string) string {
	words := strings.Fields(args)
	if i := slices.Index(words, "-"+name); i >= 0 {
		return words[i+1]
	}
	return ""
}

// Every row that a contrast names is one that its sweep makes, and both sides
// have the same examples.
func TestContrastsNameRows(t *testing.T) {
	rows := map[string][]string{}
	args := map[string]string{}
	for _, s := range sweeps {
		var budgets []float64
		for b := range strings.SplitSeq(valueOf(s.args, "budgets"), ",") {
			if b != "" {
				v, err := strconv.ParseFloat(b, 64)
				if err != nil {
					t.Fatal(err)
				}
				budgets = append(budgets, v)
			}
		}
		variants, err := eval.Variants(valueOf(s.args, "methods"), budgets, 1)
		if err != nil {
			t.Fatalf("%s: %v", s.name, err)
		}
		for _, v := range variants {
			rows[s.name] = append(rows[s.name], v.String())
		}
		args[s.name] = s.args
	}
	for _, c := range slices.Concat(onText, onQuestions) {
		for _, side := range []side{c.a, c.b} {
			if !slices.Contains(rows[side.sweep], side.row) {
				t.Errorf("contrast %d: the sweep %q has no row %q; it has %q", c.number, side.sweep, side.row, rows[side.sweep])
			}
		}
		for _, name := range []string{"tasks", "length", "n", "protocol"} {
			if a, b := valueOf(args[c.a.sweep], name), valueOf(args[c.b.sweep], name); a != b {
				t.Errorf("contrast %d compares -%s %s with %s", c.number, name, a, b)
			}
		}
	}
}

// madeUp returns two sweeps of two contexts with two questions each, with f16
// and q8_0 caches of heads of 32.
func madeUp(t *testing.T) map[string]*Summary {
	t.Helper()
	summaries := map[string]*Summary{}
	for kv, scores := range map[string]map[string][]float64{
		"f16":  {"full": {1, 1, 1, 0}, "window at 0.5": {1, 0, 1, 0}},
		"q8_0": {"full": {1, 1, 0, 0}},
	} {
		c := eval.Config{KV: kv, Tasks: []string{"fact"}, Lengths: []int{64}}
		c.Model.HeadDim, c.Model.Layers = 32, 2
		c.Variants = []eval.Variant{{Method: "full"}}
		if kv == "f16" {
			c.Variants = append(c.Variants, eval.Variant{Method: "window", Budget: 0.5})
		}
		var results []eval.Result
		for number := range 2 {
			r := eval.Result{Item: eval.Item{Task: "fact", Length: 64, Number: number}, ID: "fact/" + strconv.Itoa(number), Asks: make([]eval.Question, 2)}
			for _, v := range c.Variants {
				run := eval.Run{Method: v.Method, Budget: v.Budget, Ratio: 1, Bytes: 100, BytesFull: 100, Slots: [][]int{{4}, {4}}}
				if v.Budget > 0 {
					run.Ratio, run.Bytes, run.Slots = v.Budget, 50, [][]int{{1}, {3}}
				}
				for ask := range 2 {
					score := scores[v.String()][2*number+ask]
					answer := eval.Answer{Ask: ask, Score: score, KL: 0.1234567 * (1 - run.Ratio)}
					if score < scores["full"][2*number+ask] {
						answer.Change = "lost"
					}
					run.Answers = append(run.Answers, answer)
				}
				r.Runs = append(r.Runs, run)
			}
			results = append(results, r)
		}
		s, err := summarise("keyfold eval", c, results)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), "s.json")
		if err := s.write(path); err != nil {
			t.Fatal(err)
		}
		again, err := readJSON[Summary](path)
		if err != nil {
			t.Fatal(err)
		}
		for i := range s.Cells {
			s.Cells[i].Samples = nil // the values stand for them
		}
		if !reflect.DeepEqual(s, again) {
			t.Errorf("a summary is read as\n%+v\nand was\n%+v", again, s)
		}
		summaries[kv] = again
	}
	return summaries
}

// A contrast of two sweeps, by hand.
func TestCompare(t *testing.T) {
	list, err := compare(madeUp(t), []contrast{
		{3, side{"f16", "window at 0.5"}, side{"f16", "full"}},
		{4, side{"f16", "full"}, side{"q8_0", "full"}},
	}, eval.Sample.Value)
	if err != nil {
		t.Fatal(err)
	}
	first, second := list[0], list[1]
	if first.n != 4 || first.contexts != 2 || first.aMean != 0.5 || first.bMean != 0.75 || first.difference.Mean != -0.25 ||
		first.aBetter != 0 || first.bBetter != 1 || first.aBytes != 0.5 || first.bBytes != 1 {
		t.Errorf("window against full: %+v", first)
	}
	// Two rows of 32 halves, or of 34 bytes in 9 words, and 12 bytes beside them: 84 of 140.
	if math.Abs(second.bBytes-84./140) > 1e-12 || second.difference.Mean != 0.25 || second.aBetter != 1 {
		t.Errorf("f16 against q8_0: %+v", second)
	}
	if want := "| 3 | window at 0.5 | full | 50.0, 100.0 | 4 (2) | 50.0 | 75.0 | -25.0 (-50.0 to +0.0) | 0, 1 | 1.000 | 1.000 |"; !strings.Contains(contrastTable(list, true), want) {
		t.Errorf("table\n%swant\n%s", contrastTable(list, true), want)
	}
	if _, err := compare(madeUp(t), []contrast{{1, side{"f16", "h2o"}, side{"f16", "full"}}}, eval.Sample.Value); err == nil {
		t.Error("a row that is not there is compared")
	}
}

func TestTables(t *testing.T) {
	s := madeUp(t)["f16"]
	table := s.questionTable(64)
	for _, want := range []string{
		"| full | 75.0 | 75.0 | | | 100 | 100.0 | | |\n",
		"| window at 0.5 | 50.0 | 50.0 | -25.0 (-50.0 to +0.0) | 0, 1 | 50.0 | 50.0 | 0.0617 | +0.0000 |\n",
	} {
		if !strings.Contains(table, want) {
			t.Errorf("table\n%swant the row\n%s", table, want)
		}
	}
	// A quarter of layer 0 and three quarters of layer 1 make the half that is kept.
	if table, want := s.layerTable(64), "| window at 0.5 | fact | 25 | 75 |\n"; !strings.Contains(table, want) {
		t.Errorf("table\n%swant the row\n%s", table, want)
	}
}

func TestFill(t *testing.T) {
	k := &kept{sweeps: madeUp(t)}
	document := "a\n<!-- command f16 -->\nold\n<!-- end -->\nb\n<!-- table gone -->\n<!-- end -->\n"
	got, err := fill(document, k)
	want := "a\n<!-- command f16 -->\n    keyfold eval\n<!-- end -->\nb\n<!-- table gone -->\nThe sweep `gone` has not run.\n<!-- end -->\n"
	if err != nil || got != want {
		t.Errorf("%q, %v; want %q", got, err, want)
	}
	if _, err := fill("<!-- table f16 long -->\n<!-- end -->\n", k); err == nil {
		t.Error("a length that is none is taken")
	}
}

func TestRounded(t *testing.T) {
	for v, want := range map[float64]float64{0: 0, 1: 1, 1.0 / 3: 0.3333, -1234567: -1235000, 1e-10: 0, 0.00012345: 0.0001235} {
		if got := rounded(v); math.Abs(got-want) > 1e-12*math.Abs(want) {
			t.Errorf("%g is rounded to %g, want %g", v, got, want)
		}
	}
}

// The table of text looks at the same windows three times, once without those
// that have no token that needs its context.
func TestTextTable(t *testing.T) {
	c := eval.Config{KV: "f16", Tasks: []string{eval.Perplexity}, Lengths: []int{64}, Variants: []eval.Variant{{Method: "full"}, {Method: "window", Budget: 0.5}}}
	c.Model.HeadDim = 32
	var results []eval.Result
	for i := range 3 { // the first has no such token
		full := eval.Text{NLL: 2, ContextTokens: i, ContextNLL: float64(i)}
		half := eval.Text{NLL: 2.5, KL: 0.25 * float64(i), DeltaNLL: 0.5, ContextTokens: i, ContextNLL: 3 * float64(i)}
		results = append(results, eval.Result{Item: eval.Item{Task: eval.Perplexity, Length: 64, Number: i}, ID: strconv.Itoa(i), Runs: []eval.Run{
			{Method: "full", Ratio: 1, Bytes: 100, BytesFull: 100, Text: &full},
			{Method: "window", Budget: 0.5, Ratio: 0.5, Bytes: 50, BytesFull: 100, Text: &half},
		}})
	}
	s, err := summarise("", c, results)
	if err != nil {
		t.Fatal(err)
	}
	// KL (0 + 0.25 + 0.5) / 3; of the windows with such tokens (2 + 4) / 2 nats more.
	want := "| window at 0.5 | 0.2500 (0.0000 to 0.5000) | +0.5000 (+0.5000 to +0.5000) | +3.0000 (+2.0000 to +4.0000) | 50.0 |"
	if got := s.textTable(64); !strings.Contains(got, want) {
		t.Errorf("table\n%swant the row\n%s", got, want)
	}
}
