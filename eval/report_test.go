package eval

import (
	"bytes"
	"encoding/csv"
	"math"
	"slices"
	"strings"
	"testing"
)

func value(v *float64) float64 {
	if v == nil {
		return math.NaN()
	}
	return *v
}

// The cells of made-up results, by hand.
func TestCells(t *testing.T) {
	c, results := madeUp(t)
	r, err := NewReport(c, results, Full)
	if err != nil {
		t.Fatal(err)
	}
	type row struct {
		task, name                              string
		n                                       int
		score, gained, lost, guess, ratio, diff float64
	}
	nan := math.NaN()
	want := []row{
		{"fact", "full", 4, 0.75, 0, 0, 0.5, 1, nan},
		{"fact", "window at 0.5", 4, 0.25, 0, 2, 0.5, 0.5, -0.5},
		{"fact", "gvote", 4, 0.75, 0.5, 0.5, 0.5, 0.5, 0}, // (1+0)/2, 1, 1, (1+0)/2
		{"needle", "full", 4, 1, 0, 0, 0.5, 1, nan},
		{"needle", "window at 0.5", 4, 0.75, 0, 1, 0.5, 0.5, -0.25},
		{"needle", "gvote", 4, 1, 0, 0, 0.5, 0.5, 0},
	}
	if len(r.Cells) != len(want) {
		t.Fatalf("%d cells, want %d", len(r.Cells), len(want))
	}
	for i, result := range r.Results {
		if want := (Item{c.Tasks[i%2], 64, i / 2}); result.Item != want {
			t.Errorf("example %d is %v, want %v", i, result.Item, want)
		}
	}
	for i, cell := range r.Cells {
		diff := nan
		if cell.Difference != nil {
			diff = cell.Difference.Mean
		}
		got := row{cell.Task, cell.String(), cell.N, value(cell.Score), value(cell.Gained), value(cell.Lost), value(cell.Guess), cell.Ratio, diff}
		if math.IsNaN(diff) && math.IsNaN(want[i].diff) {
			got.diff, want[i].diff = 0, 0
		}
		if got != want[i] {
			t.Errorf("cell %d is %+v, want %+v", i, got, want[i])
		}
		if len(cell.Samples) != cell.N || cell.Samples[3].Ask != 1 || cell.Samples[3].Context != cell.Task+"/1" ||
			!slices.Equal(cell.Layers, []float64{cell.Ratio}) {
			t.Errorf("samples %+v, layers %g", cell.Samples, cell.Layers)
		}
		if cell.Contexts != 2 || cell.Marked != (cell.Task == needle) || cell.Bytes != 6400*cell.Ratio || cell.Slots != 64*cell.Ratio {
			t.Errorf("%+v", cell)
		}
		if kl := value(cell.KL); math.Abs(kl-0.1*(1-cell.Ratio)) > 1e-12 || math.Abs(value(cell.DeltaNLL)-2*kl) > 1e-12 {
			t.Errorf("%s of %s has KL %g and delta NLL %g", cell, cell.Task, kl, value(cell.DeltaNLL))
		}
	}
	d := r.Cells[1].Difference
	// Both contexts lose one answer of two: no other mean can be drawn.
	if *d.Low != -0.5 || *d.High != -0.5 || d.P != 0.5 {
		t.Errorf("difference of window %+v from %g to %g", d, *d.Low, *d.High)
	}
	if want := []float64{1, 1, 1, 1}; !slices.Equal(want, []float64{d.PHolm, r.Cells[2].Difference.PHolm, r.Cells[4].Difference.PHolm, r.Cells[5].Difference.PHolm}) {
		t.Errorf("adjusted p %g", d.PHolm)
	}
}

// Cells are compared with the method asked for at the same budget, or else at none.
func TestAgainst(t *testing.T) {
	variants, err := Variants("kvmerger,window,gvote", []float64{0.5, 0.35}, 1)
	if err != nil {
		t.Fatal(err)
	}
	c := Config{Tasks: []string{"fact"}, Variants: variants, Removed: true}
	r := Result{Item: Item{"fact", 64, 0}, ID: "a", Asks: []Question{{}}}
	for i, v := range variants {
		r.Runs = append(r.Runs, Run{Method: v.Method, Budget: v.Budget, Answers: []Answer{{Score: float64(i)}}})
	}
	r.Runs = append(r.Runs, Run{Method: Removed, Answers: []Answer{{}}})
	for against, want := range map[string]string{
		// Scores are full 0, kvmerger 1, at 0.5 2, at 0.35 3, window 4 and 5, gvote 6.
		"full":     "- 1 2 3 4 5 6 -",
		"gvote":    "-6 -5 -4 -3 -2 -1 - -",
		"window":   "- - -2 -2 - - - -",
		"kvmerger": "-1 - - - 2 2 5 -",
	} {
		report, err := NewReport(c, []Result{r}, against)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, cell := range report.Cells {
			if d := cell.Difference; d == nil {
				got = append(got, "-")
			} else {
				got = append(got, show("%g", d.Mean))
				if d.Low != nil || d.High != nil {
					t.Errorf("one context has an interval")
				}
			}
		}
		if s := strings.Join(got, " "); s != want {
			t.Errorf("against %s: %s, want %s", against, s, want)
		}
	}
	if _, err := NewReport(c, []Result{r}, "h2o"); err == nil || !strings.Contains(err.Error(), "there are full, kvmerger, window, gvote") {
		t.Errorf("against a method that did not run: %v", err)
	}
}

// p values are adjusted for all differences of a report: of the three here, the
// smallest counts three times and the next one twice, unless that is less.
func TestAdjusted(t *testing.T) {
	variants, err := Variants("window,h2o,gvote", nil, 1)
	if err != nil {
		t.Fatal(err)
	}
	c := Config{Tasks: []string{"fact"}, Variants: variants}
	var results []Result
	for i := range 8 { // contexts in which window, h2o and gvote lose 8, 6 and 5 of 8 answers
		r := Result{Item: Item{"fact", 64, i}, ID: string(rune('a' + i)), Asks: []Question{{}}}
		for j, v := range variants {
			score := 1 - oneIf(j > 0 && i < []int{0, 8, 6, 5}[j])
			r.Runs = append(r.Runs, Run{Method: v.Method, Budget: v.Budget, Answers: []Answer{{Score: score}}})
		}
		results = append(results, r)
	}
	r, err := NewReport(c, results, Full)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range [][2]float64{{2. / 256, 6. / 256}, {2. / 64, 4. / 64}, {2. / 32, 2. / 32}} {
		if d := r.Cells[1+i].Difference; d.P != want[0] || d.PHolm != want[1] {
			t.Errorf("%s: p %g and adjusted %g, want %g and %g", r.Cells[1+i], d.P, d.PHolm, want[0], want[1])
		}
	}
}

func TestTable(t *testing.T) {
	c, results := madeUp(t)
	results[0].Runs = append(results[0].Runs, Run{Method: Removed, Ratio: 1, Bytes: 6400, BytesFull: 6400, Answers: []Answer{{Score: 0}}})
	r, err := NewReport(c, results, Full)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := r.WriteTable(&b); err != nil {
		t.Fatal(err)
	}
	want := `64 tokens
          score, %  fact  needle  mean  mean marked  kept, %  bytes, %      KL  delta NLL
              full  75.0   100.0  75.0        100.0    100.0     100.0  0.0000    +0.0000
     window at 0.5  25.0    75.0  25.0         75.0     50.0      50.0  0.0500    +0.1000
             gvote  75.0   100.0  75.0        100.0     50.0      50.0  0.0500    +0.1000
  evidence removed   0.0       -   0.0            -    100.0     100.0       -          -
           a guess  50.0    50.0  50.0         50.0                                      
`
	if got := b.String(); got != want {
		t.Errorf("table\n%s\nwant\n%s", got, want)
	}
}

// The table of perplexity, and the drawing where there is nothing else.
func TestTextReport(t *testing.T) {
	c := Config{Tasks: []string{Perplexity}, Lengths: []int{64}, Variants: []Variant{{Method: Full}, {Method: "window", Budget: 0.5}}}
	var results []Result
	for i := range 2 {
		full := Text{Tokens: 4, NLL: 2, ContextTokens: 1 + 2*i, ContextNLL: 1 + float64(i)}
		half := Text{Tokens: 4, NLL: 2.5, KL: 0.25, DeltaNLL: 0.5, ContextTokens: 1 + 2*i, ContextNLL: 3}
		results = append(results, Result{Item: Item{Perplexity, 64, i}, ID: string(rune('a' + i)), Runs: []Run{
			{Method: Full, Ratio: 1, Bytes: 100, BytesFull: 100, Text: &full},
			{Method: "window", Budget: 0.5, Ratio: 0.5, Bytes: 50, BytesFull: 100, Text: &half},
		}})
	}
	r, err := NewReport(c, results, Full)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := r.WriteTable(&b); err != nil {
		t.Fatal(err)
	}
	// (1*1 + 3*2) / 4 = 1.75
	want := `64 tokens
  nats per token     NLL  of 4 that need context  kept, %  bytes, %      KL  delta NLL
            full  2.0000                  1.7500    100.0     100.0  0.0000    +0.0000
   window at 0.5  2.5000                  3.0000     50.0      50.0  0.2500    +0.5000
`
	if got := b.String(); got != want {
		t.Errorf("table\n%s\nwant\n%s", got, want)
	}
	if d := r.Cells[1].Difference; d == nil || d.Mean != 0.5 || *d.Low != 0.5 {
		t.Errorf("difference %+v, want 0.5 nats", d)
	}
	b.Reset()
	if charts := r.Charts(); len(charts) != 1 || charts[0].Write(&b) != nil || !strings.Contains(b.String(), "NLL, nats per token") {
		t.Errorf("%d charts, want one of the NLL", len(charts))
	}
}

func TestCSV(t *testing.T) {
	c, results := madeUp(t)
	r, err := NewReport(c, results, Full)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := r.WriteCSV(&b); err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(&b).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	at := func(row int, name string) string { return rows[row][slices.Index(rows[0], name)] }
	if len(rows) != 7 || at(2, "method") != "window" || at(2, "budget") != "0.5" || at(2, "score") != "0.25" || at(2, "lost") != "2" ||
		at(2, "difference") != "-0.5" || at(2, "low") != "-0.5" || at(2, "against") != "full" || at(1, "difference") != "" ||
		at(2, "bytes") != "3200" || at(2, "nll") != "" || at(4, "marked") != "true" {
		t.Errorf("rows %q", rows)
	}
}

// The drawings: quality by size, and a map of the needle for each method.
func TestCharts(t *testing.T) {
	c, results := madeUp(t)
	results[1].Runs = append(results[1].Runs, Run{Method: Removed, Answers: []Answer{{}}})
	r, err := NewReport(c, results, Full)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, chart := range r.Charts() {
		names = append(names, chart.Suffix)
		var b bytes.Buffer
		if err := chart.Write(&b); err != nil {
			t.Errorf("%q: %v", chart.Suffix, err)
		}
		for _, want := range map[bool][]string{true: {"score, mean over tasks", "window", "gvote"}, false: {"tokens of the document", "0.9"}}[chart.Suffix == ""] {
			if !strings.Contains(b.String(), want) {
				t.Errorf("%q lacks %q", chart.Suffix, want)
			}
		}
	}
	if want := []string{"", "-needle-full", "-needle-window-0.5", "-needle-gvote"}; !slices.Equal(names, want) {
		t.Errorf("charts %q, want %q", names, want)
	}
	maps := r.Needles()
	// window: the first question, at depth 0.1, loses one of two.
	if m := maps[1]; m.Title != "window at 0.5" || !slices.Equal(m.Ys, []float64{0.1, 0.9}) || !slices.Equal(m.Xs, []float64{64}) ||
		m.Cell[0][0] != 0.5 || m.Cell[1][0] != 1 {
		t.Errorf("map %+v", m)
	}
}
