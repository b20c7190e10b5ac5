//go:build !js

package main

import (
	"fmt"
	"slices"
	"strings"

	"keyfold/eval"
)

// A contrast is a difference that was registered: of one method from another,
// on the same examples.
type contrast struct {
	number int // of the question it answers
	a, b   side
}

// A side is a row of a sweep.
type side struct{ sweep, row string }

// onText and onQuestions are the same four questions, by what text behind a
// compressed context is worth and by how many questions are answered.
var (
	onText = slices.Concat(
		papers("contrast-text"),
		equalBytes("contrast-text-equal", "contrast-text-q8_0", textBudget, textVotefold),
	)
	onQuestions = slices.Concat(
		papers("contrast-inside"),
		equalBytes("contrast-outside", "contrast-outside-q8_0", askBudget, askVotefold),
	)
)

// papers are the contrasts of KVMerger, in one sweep.
func papers(sweep string) []contrast {
	var list []contrast
	for _, budget := range []string{" at 0.5", " at 0.35"} {
		for i, other := range []string{"h2o", "cam", "pivot"} {
			list = append(list, contrast{1 + i/2, side{sweep, "kvmerger" + budget}, side{sweep, other + budget}})
		}
	}
	slices.SortStableFunc(list, func(a, b contrast) int { return a.number - b.number })
	return list
}

// equalBytes are those of GVote, with what was chosen so that bytes are equal.
func equalBytes(sweep, quantised, budget, votefold string) []contrast {
	return []contrast{
		{3, side{sweep, "gvote"}, side{sweep, "ada:snapkv at " + budget}},
		{4, side{sweep, votefold}, side{quantised, "gvote"}},
	}
}

// contextNLL is the outcome on text: the NLL of the tokens that need their
// context, in nats.
func contextNLL(s eval.Sample) float64 { return s.ContextNLL }

// compared is a contrast with what came out.
type compared struct {
	contrast
	n, contexts      int
	aBytes, bBytes   float64 // share of an f16 cache
	aMean, bMean     float64
	difference       *eval.Difference
	aBetter, bBetter int // questions or windows
}

// compare computes contrasts, with p values that Holm's method adjusts for
// their number.
func compare(summaries map[string]*Summary, contrasts []contrast, value func(eval.Sample) float64) ([]compared, error) {
	var list []compared
	var p []float64
	for _, c := range contrasts {
		var cells [2][]Cell
		for i, s := range []side{c.a, c.b} {
			if summaries[s.sweep] == nil {
				return nil, fmt.Errorf("the sweep %s has not run", s.sweep)
			}
			for _, cell := range summaries[s.sweep].Cells {
				if cell.String() == s.row {
					cells[i] = append(cells[i], cell)
				}
			}
			if len(cells[i]) == 0 {
				return nil, fmt.Errorf("the sweep %s has no row %s", s.sweep, s.row)
			}
		}
		d := compared{contrast: c, aBytes: summaries[c.a.sweep].bytes(cells[0]), bBytes: summaries[c.b.sweep].bytes(cells[1])}
		a, b := counted(pooled(cells[0])), counted(pooled(cells[1]))
		d.difference = eval.Compare(a, b, value)
		d.n = len(a)
		seen := map[string]bool{}
		for i := range a {
			x, y := value(a[i]), value(b[i])
			d.aMean += x / float64(len(a))
			d.bMean += y / float64(len(a))
			if x != y {
				if (x > y) == (a[i].NLL == 0) { // scores are better when higher, NLL when lower
					d.aBetter++
				} else {
					d.bBetter++
				}
			}
			seen[a[i].Context] = true
		}
		d.contexts = len(seen)
		list, p = append(list, d), append(p, d.difference.P)
	}
	for i, adjusted := range eval.Holm(p) {
		list[i].difference.PHolm = adjusted
	}
	return list, nil
}

// counted leaves out windows without a token that needs its context.
func counted(samples []eval.Sample) []eval.Sample {
	return slices.DeleteFunc(slices.Clone(samples), func(s eval.Sample) bool { return s.NLL != 0 && s.ContextTokens == 0 })
}

// contrastTable shows contrasts as a table in Markdown.
func contrastTable(list []compared, percent bool) string {
	var b strings.Builder
	unit, scale, format := "nats", 1.0, "%.4f"
	if percent {
		unit, scale, format = "%", 100, "%.1f"
	}
	fmt.Fprintf(&b, "| | A | B | bytes of A, B, %% of full f16 | n (contexts) | A, %s | B | A - B, 95 %% interval | A better, B better | p | p, Holm |\n", unit)
	b.WriteString("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n")
	for _, c := range list {
		fmt.Fprintf(&b, "| %d | %s | %s | %.1f, %.1f | %d (%d) | "+format+" | "+format+" | %s | %d, %d | %s | %s |\n",
			c.number, c.a.label(), c.b.label(), 100*c.aBytes, 100*c.bBytes, c.n, c.contexts, scale*c.aMean, scale*c.bMean,
			interval(c.difference, scale, format), c.aBetter, c.bBetter, pValue(c.difference.P), pValue(c.difference.PHolm))
	}
	return b.String()
}

func (s side) label() string {
	if _, kv, ok := strings.Cut(s.sweep, "q8"); ok {
		return s.row + ", q8" + kv
	}
	return s.row
}

// interval shows a difference and its interval.
func interval(d *eval.Difference, scale float64, format string) string {
	signed := strings.Replace(format, "%", "%+", 1)
	text := fmt.Sprintf(signed, scale*d.Mean)
	if d.Low != nil {
		text += fmt.Sprintf(" ("+signed+" to "+signed+")", scale**d.Low, scale**d.High)
	}
	return text
}

func pValue(p float64) string {
	if p < 0.001 {
		return "< 0.001"
	}
	return fmt.Sprintf("%.3f", p)
}
