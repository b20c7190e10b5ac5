package eval

import (
	"cmp"
	"encoding/csv"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"keyfold/engine/untrusted"
)

// WriteTable writes tables as the papers have them, one for each length: a row
// for each method and budget, a column for each task, then the means. Tasks
// whose evidence is marked have a mean of their own: finding what stands out is
// easier than finding what does not. Notes below say what the numbers do not.
func (r *Report) WriteTable(w io.Writer) error {
	w = untrusted.NewWriter(w) // tasks have the names of files
	for i, length := range r.lengths() {
		if i > 0 {
			fmt.Fprintln(w)
		}
		if length > 0 {
			fmt.Fprintf(w, "%d tokens\n", length)
		}
		asked, text := r.split(length)
		if len(asked) > 0 {
			if err := r.writeScores(w, asked); err != nil {
				return err
			}
		}
		if len(asked) > 0 && len(text) > 0 {
			fmt.Fprintln(w)
		}
		if len(text) > 0 {
			if err := writeText(w, text); err != nil {
				return err
			}
		}
	}
	return r.writeNotes(w)
}

// lengths returns the lengths of the cells, in their order.
func (r *Report) lengths() []int {
	var all []int
	for _, c := range r.Cells {
		if !slices.Contains(all, c.Length) {
			all = append(all, c.Length)
		}
	}
	return all
}

// split returns the cells of a length: those with questions, and perplexity's.
func (r *Report) split(length int) (asked, text []Cell) {
	for _, c := range r.Cells {
		switch {
		case c.Length != length:
		case c.Task == Perplexity:
			text = append(text, c)
		default:
			asked = append(asked, c)
		}
	}
	return asked, text
}

// A line is a row of a table: the cells of one method and budget.
type line struct {
	name  string
	cells []Cell
}

// lines puts cells into rows, in order of their first appearance but for the
// control, which comes last.
func lines(cells []Cell) []line {
	var all []line
	for _, c := range cells {
		at := slices.IndexFunc(all, func(l line) bool { return l.name == c.String() })
		if at < 0 {
			at = len(all)
			all = append(all, line{name: c.String()})
		}
		all[at].cells = append(all[at].cells, c)
	}
	slices.SortStableFunc(all, func(a, b line) int {
		return int(oneIf(a.name == Removed) - oneIf(b.name == Removed))
	})
	return all
}

// mean returns the mean over the cells of what of returns, NaN where that is
// nil for all of them.
func (l line) mean(of func(Cell) *float64) float64 {
	sum, n := 0.0, 0.0
	for _, c := range l.cells {
		if v := of(c); v != nil {
			sum, n = sum+*v, n+1
		}
	}
	return sum / n
}

// with returns the line with the cells for which keep is true.
func (l line) with(keep func(Cell) bool) line {
	return line{l.name, slices.DeleteFunc(slices.Clone(l.cells), func(c Cell) bool { return !keep(c) })}
}

// show formats a measurement, and a dash where there is none.
func show(format string, v float64) string {
	if math.IsNaN(v) {
		return "-"
	}
	return fmt.Sprintf(format, v)
}

// metric names what scores are in tables and drawings.
func (r *Report) metric() string { return cmp.Or(r.Config.Metric, "score") }

// writeScores writes the table of the tasks with questions. Of a chat model it
// has a second part with the other way to count an answer.
func (r *Report) writeScores(w io.Writer, cells []Cell) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	score := func(c Cell) *float64 { return c.Score }
	tasks, kinds := columnsOf(cells)
	all := lines(cells)
	head := func(name string, more ...string) {
		values := slices.Clone(tasks)
		for _, marked := range kinds {
			values = append(values, map[bool]string{false: "mean", true: "mean marked"}[marked])
		}
		writeRow(t, name, append(values, more...))
	}
	head(r.metric()+", %", "kept, %", "bytes, %", "KL", "delta NLL")
	for _, l := range all {
		writeRow(t, l.title(), append(l.scores(tasks, kinds, score), cost(l)...))
	}
	writeRow(t, "a guess", append(all[0].scores(tasks, kinds, known), "", "", "", ""))
	if r.Config.Chat != "" {
		name, other := "recall", func(c Cell) *float64 { return c.Recall }
		if r.Config.Metric == name {
			name, other = "exact", func(c Cell) *float64 { return c.Exact }
		}
		head(name+", %", "", "", "", "")
		for _, l := range all {
			writeRow(t, l.title(), append(l.scores(tasks, kinds, other), "", "", "", ""))
		}
	}
	return t.Flush()
}

// columnsOf returns the tasks of cells, and whether some have marked evidence, or
// none: a table has a mean for each kind.
func columnsOf(cells []Cell) (tasks []string, kinds []bool) {
	for _, c := range cells {
		if !slices.Contains(tasks, c.Task) {
			tasks = append(tasks, c.Task)
		}
	}
	for _, marked := range []bool{false, true} {
		if slices.ContainsFunc(cells, func(c Cell) bool { return c.Marked == marked }) {
			kinds = append(kinds, marked)
		}
	}
	return tasks, kinds
}

// writeRow writes a row of a table.
func writeRow(t *tabwriter.Writer, name string, values []string) {
	fmt.Fprintf(t, "%s\t%s\t\n", name, strings.Join(values, "\t"))
}

// title is the line's name in tables.
func (l line) title() string {
	if l.name == Removed {
		return "evidence removed"
	}
	return l.name
}

// scores returns the columns about answers, in percent: of each task, then the
// means over the tasks of each kind.
func (l line) scores(tasks []string, kinds []bool, score func(Cell) *float64) []string {
	var values []string
	for _, task := range tasks {
		values = append(values, show("%.1f", 100*l.with(func(c Cell) bool { return c.Task == task }).mean(score)))
	}
	for _, marked := range kinds {
		values = append(values, show("%.1f", 100*l.with(func(c Cell) bool { return c.Marked == marked }).mean(score)))
	}
	return values
}

// known returns the guessing rate of a cell, nil where nothing is known of it.
func known(c Cell) *float64 {
	if c.Guess == nil || *c.Guess == 0 {
		return nil
	}
	return c.Guess
}

// cost returns the columns about the cache: kept slots and bytes in percent,
// KL and delta NLL.
func cost(l line) []string {
	return []string{
		show("%.1f", 100*l.mean(func(c Cell) *float64 { return &c.Ratio })),
		show("%.1f", 100*l.mean(func(c Cell) *float64 { share := c.Bytes / c.BytesFull; return &share })),
		show("%.4f", l.mean(func(c Cell) *float64 { return c.KL })),
		show("%+.4f", l.mean(func(c Cell) *float64 { return c.DeltaNLL })),
	}
}

// writeText writes the table of the task perplexity.
func writeText(w io.Writer, cells []Cell) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(t, "nats per token\tNLL\tof %d that need context\tkept, %%\tbytes, %%\tKL\tdelta NLL\t\n", cells[0].ContextTokens)
	for _, l := range lines(cells) {
		values := []string{
			show("%.4f", l.mean(func(c Cell) *float64 { return c.NLL })),
			show("%.4f", l.mean(func(c Cell) *float64 { return c.ContextNLL })),
		}
		fmt.Fprintf(t, "%s\t%s\t\n", l.name, strings.Join(append(values, cost(l)...), "\t"))
	}
	return t.Flush()
}

// csvHeader names the columns of WriteCSV.
var csvHeader = []string{
	"task", "length", "method", "budget", "contexts", "n", "marked", "score", "exact", "recall", "gained", "lost", "guess", "ratio", "slots",
	"bytes", "bytes_full", "kl", "delta_nll", "nll", "context_nll", "context_tokens",
	"against", "difference", "low", "high", "p", "p_holm",
}

// WriteCSV writes a row for each cell, with the names that WriteJSON uses.
func (r *Report) WriteCSV(w io.Writer) error {
	out := csv.NewWriter(w)
	out.Write(csvHeader)
	number := func(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }
	maybe := func(v *float64) string {
		if v == nil {
			return ""
		}
		return number(*v)
	}
	for _, c := range r.Cells {
		row := []string{
			c.Task, strconv.Itoa(c.Length), c.Method, number(c.Budget), strconv.Itoa(c.Contexts), strconv.Itoa(c.N),
			strconv.FormatBool(c.Marked), maybe(c.Score), maybe(c.Exact), maybe(c.Recall), maybe(c.Gained), maybe(c.Lost), maybe(c.Guess),
			number(c.Ratio), number(c.Slots), number(c.Bytes), number(c.BytesFull), maybe(c.KL), maybe(c.DeltaNLL),
			maybe(c.NLL), maybe(c.ContextNLL), strconv.Itoa(c.ContextTokens),
		}
		if d := c.Difference; d != nil {
			row = append(row, r.Against, number(d.Mean), maybe(d.Low), maybe(d.High), number(d.P), number(d.PHolm))
		} else {
			row = append(row, "", "", "", "", "", "")
		}
		out.Write(row)
	}
	out.Flush()
	return out.Error()
}

// A Chart is a drawing of a report. Suffix tells it apart from the report's
// other ones: it goes behind the file's name.
type Chart struct {
	Suffix string
	Write  func(w io.Writer) error
}

// Charts returns the drawings of a report: quality against bytes, and for the
// task needle, with several lengths or depths, a map of score by depth and
// length for each method and budget. A shard without examples has none.
func (r *Report) Charts() []Chart {
	if len(r.Cells) == 0 {
		return nil
	}
	charts := []Chart{{"", r.writeQuality}}
	for _, h := range r.Needles() {
		charts = append(charts, Chart{"-" + needle + "-" + fileName(h.Title), func(w io.Writer) error {
			return WriteHeat(w, needle+", "+h.Title, "tokens of the document", "depth of the needle, share of the context",
				h.Xs, h.Ys, h.Cell)
		}})
	}
	return charts
}

// fileName makes a method's name fit for a file's.
func fileName(name string) string {
	return strings.NewReplacer(" at ", "-", ":", "-", "=", "-", ",", "-", "/", "-").Replace(name)
}

// writeQuality draws the mean score over all tasks and lengths, or else the
// mean NLL of texts, against the bytes of the cache.
func (r *Report) writeQuality(w io.Writer) error {
	title, label := "Quality and size", r.metric()+", mean over tasks, 0 to 1"
	value := func(c Cell) *float64 { return c.Score }
	if !slices.ContainsFunc(r.Cells, func(c Cell) bool { return c.Score != nil }) {
		label = "NLL, nats per token"
		value = func(c Cell) *float64 { return c.NLL }
	}
	var series []Series
	for _, l := range lines(slices.DeleteFunc(slices.Clone(r.Cells), func(c Cell) bool { return value(c) == nil || c.Method == Removed })) {
		method := l.cells[0].Method
		at := slices.IndexFunc(series, func(s Series) bool { return s.Name == method })
		if at < 0 {
			at = len(series)
			series = append(series, Series{Name: method, Line: true})
		}
		series[at].Points = append(series[at].Points, Point{
			X: 100 * l.mean(func(c Cell) *float64 { share := c.Bytes / c.BytesFull; return &share }),
			Y: l.mean(value), Low: math.NaN(), High: math.NaN(),
		})
	}
	return WriteLines(w, title, "bytes of the compressed context, % of the full cache's", label, series)
}

// Needles returns the scores of the task needle by length and depth, a map for
// each method and budget, if there are several lengths or depths.
func (r *Report) Needles() []Heat {
	type tally struct{ sum, n float64 }
	type place struct{ row, length int }
	var names []string
	var lengths, rows []int
	tallies := map[string]map[place]tally{}
	for _, result := range r.Results {
		if result.Task != needle {
			continue
		}
		for _, run := range result.Runs {
			if run.Method == Removed {
				continue
			}
			name := (Cell{Method: run.Method, Budget: run.Budget}).String()
			if tallies[name] == nil {
				names = append(names, name)
				tallies[name] = map[place]tally{}
			}
			for _, a := range run.Answers {
				at := place{min(int(result.Asks[a.Ask].Depth*mapRows), mapRows-1), result.Length}
				t := tallies[name][at]
				tallies[name][at] = tally{t.sum + a.Score, t.n + 1}
				lengths, rows = append(lengths, at.length), append(rows, at.row)
			}
		}
	}
	lengths, rows = distinctInts(lengths), distinctInts(rows)
	if len(lengths)*len(rows) < 2 {
		return nil
	}
	var maps []Heat
	for _, name := range names {
		m := Heat{Title: name}
		for _, length := range lengths {
			m.Xs = append(m.Xs, float64(length))
		}
		for _, row := range rows {
			m.Ys = append(m.Ys, (float64(row)+0.5)/mapRows)
			var scores []float64
			for _, length := range lengths {
				t := tallies[name][place{row, length}]
				scores = append(scores, t.sum/t.n)
			}
			m.Cell = append(m.Cell, scores)
		}
		maps = append(maps, m)
	}
	return maps
}

// distinctInts returns the different values, ascending.
func distinctInts(v []int) []int {
	slices.Sort(v)
	return slices.Compact(v)
}
