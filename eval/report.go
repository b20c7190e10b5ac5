package eval

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"keyfold/engine"
)

// Intervals hold the mean in this share of cases. They and p values are drawn
// this often, with one seed. No p is below 1 / (1 + flips), and what is adjusted
// for m of them not below m times that.
const (
	level     = 0.95
	resamples = 2000
	flips     = 100_000
	bootSeed  = 1
)

// A Report is a sweep's results and what they come to.
type Report struct {
	Config  Config               `json:"configuration"`
	Against string               `json:"against"` // method that cells are compared with
	Cells   []Cell               `json:"cells"`
	Results []Result             `json:"examples"`
	Skipped []Result             `json:"skipped,omitempty"` // examples that were left out
	Version engine.VersionReport `json:"version"`
}

// A Cell is a method at a budget on one task and length: means over questions,
// or over windows of text for the task perplexity. Several seeds of a method
// are averaged for each question first.
type Cell struct {
	Task   string  `json:"task"`
	Length int     `json:"length"` // 0: of a file
	Method string  `json:"method"` // as Variant.Spec gives it, or Removed
	Budget float64 `json:"budget"` // 0: none

	Contexts  int      `json:"contexts"`
	N         int      `json:"n"` // questions or windows
	Marked    bool     `json:"marked"`
	Score     *float64 `json:"score,omitempty"`  // 0 to 1
	Gained    *float64 `json:"gained,omitempty"` // questions that score more than with the full cache
	Lost      *float64 `json:"lost,omitempty"`   // less
	Guess     *float64 `json:"guess,omitempty"`
	Exact     *float64 `json:"exact,omitempty"`  // of a chat model, by these metrics, whichever one Score is by
	Recall    *float64 `json:"recall,omitempty"` //
	Ratio     float64  `json:"ratio"`
	Slots     float64  `json:"slots"` // over all layers and heads
	Bytes     float64  `json:"bytes"`
	BytesFull float64  `json:"bytes_full"`
	KL        *float64 `json:"kl,omitempty"`        // nats per token; absent for Removed
	DeltaNLL  *float64 `json:"delta_nll,omitempty"` // likewise

	NLL           *float64 `json:"nll,omitempty"`         // nats per token
	ContextNLL    *float64 `json:"context_nll,omitempty"` // of the tokens that need their context
	ContextTokens int      `json:"context_tokens,omitempty"`

	Layers []float64 `json:"layers,omitempty"` // kept / total of each layer; absent for Removed

	// The score, or the NLL, less that of the method it is compared with at the
	// same budget, or at none. Absent where there is no such run.
	Difference *Difference `json:"difference,omitempty"`

	Samples []Sample `json:"-"` // the questions or windows, by their numbers
}

// A Sample is what a question or a window came to under a method: means over
// its seeds.
type Sample struct {
	Number, Ask   int    // of the example, and of its question
	Context       string // the cluster of the bootstrap
	Score         float64
	KL, DeltaNLL  float64 // nats per token, against the full cache
	NLL           float64 // nats per token of the window
	ContextNLL    float64 // of its tokens that need their context
	ContextTokens int
}

// Value returns what cells are compared by: the score of a question, or the
// NLL of a window.
func (s Sample) Value() float64 { return s.Score + s.NLL } // one of them is 0

// String returns the method and its budget, as [Variant.String] does.
func (c Cell) String() string {
	if c.Budget > 0 {
		return fmt.Sprintf("%s at %g", c.Method, c.Budget)
	}
	return c.Method
}

// A Difference is between two methods on the same questions, with its bootstrap
// interval over contexts. Low and High are absent if there is one context only.
type Difference struct {
	Mean  float64  `json:"mean"`
	Low   *float64 `json:"low"`
	High  *float64 `json:"high"`
	P     float64  `json:"p"`      // see PairedP
	PHolm float64  `json:"p_holm"` // adjusted for all differences of the report
}

// NewReport sums up results. against is the method, as [Variant.Spec] gives it,
// that cells are compared with.
func NewReport(c Config, results []Result, against string) (*Report, error) {
	if !slices.ContainsFunc(c.Variants, func(v Variant) bool { return v.Spec() == against }) {
		var specs []string
		for _, v := range c.Variants {
			specs = append(specs, v.Spec())
		}
		return nil, fmt.Errorf("no method %s to compare with; there are %s", against, strings.Join(slices.Compact(specs), ", "))
	}
	r := &Report{Config: c, Against: against, Version: engine.Version()}
	for _, result := range results {
		if result.Skipped != "" {
			r.Skipped = append(r.Skipped, result)
		} else {
			r.Results = append(r.Results, result)
		}
	}
	sortResults(r.Results, c.Tasks)
	sortResults(r.Skipped, c.Tasks)
	if len(r.Results) == 0 && len(r.Skipped) > 0 && c.Shard.Of == 1 { // other shards may have results
		return nil, fmt.Errorf("none of %d examples could be asked: %s", len(r.Skipped), r.Skipped[0].Skipped)
	}
	groups := r.groups()
	for _, g := range groups {
		cell := g.cell()
		if c.Chat != "" && cell.Score != nil {
			cell.Exact = g.mean(func(s *sums) float64 { return s.exact })
			cell.Recall = g.mean(func(s *sums) float64 { return s.recall })
		}
		if base := g.base(groups, against); base != nil {
			cell.Difference = Compare(cell.Samples, base.cell().Samples, Sample.Value)
		}
		r.Cells = append(r.Cells, cell)
	}
	r.adjust()
	return r, nil
}

// material is what a cell is made of.
type material struct {
	Cell     // what the group has in common
	row      int
	runs     int
	sums     []*sums // in the order of the results
	contexts map[string]bool
}

// sums are those of a sample over seeds.
type sums struct {
	Sample
	seeds, gained, lost, guess float64
	exact, recall              float64
}

// groups sorts the runs of all results into cells: by length, task and row of
// the table.
func (r *Report) groups() []*material {
	type column struct {
		length int
		task   string
	}
	var columns []column // in the order of the results
	rows := []string{}
	for _, v := range r.Config.Variants {
		rows = append(rows, v.String())
	}
	rows = append(rows, Removed)
	var groups []*material
	for i := range r.Results {
		result := &r.Results[i]
		if at := (column{result.Length, result.Task}); !slices.Contains(columns, at) {
			columns = append(columns, at)
		}
		for j := range result.Runs {
			run := &result.Runs[j]
			cell := Cell{Task: result.Task, Length: result.Length, Method: run.Method, Budget: run.Budget}
			at := slices.IndexFunc(groups, func(g *material) bool {
				return g.Task == cell.Task && g.Length == cell.Length && g.String() == cell.String()
			})
			if at < 0 {
				at = len(groups)
				groups = append(groups, &material{Cell: cell, row: slices.Index(rows, cell.String()), contexts: map[string]bool{}})
			}
			groups[at].add(result, run)
		}
	}
	slices.SortStableFunc(groups, func(a, b *material) int {
		return cmp.Or(
			cmp.Compare(slices.Index(columns, column{a.Length, a.Task}), slices.Index(columns, column{b.Length, b.Task})),
			cmp.Compare(a.row, b.row))
	})
	return groups
}

// add adds a run to the group.
func (g *material) add(result *Result, run *Run) {
	slots, layers := 0, make([]int, len(run.Slots))
	for l, heads := range run.Slots {
		for _, n := range heads {
			layers[l] += n
		}
		slots += layers[l]
	}
	if g.Layers == nil && slots > 0 {
		g.Layers = make([]float64, len(layers))
	}
	for l, n := range layers { // run.Ratio is the mean of the layers' ratios
		g.Layers[l] += run.Ratio * float64(n*len(layers)) / float64(slots)
	}
	g.runs++
	g.Ratio += run.Ratio
	g.Slots += float64(slots)
	g.Bytes += float64(run.Bytes)
	g.BytesFull += float64(run.BytesFull)
	g.contexts[result.ID] = true
	if t := run.Text; t != nil {
		s := g.sample(result, 0)
		s.KL += t.KL
		s.DeltaNLL += t.DeltaNLL
		s.NLL += t.NLL
		s.ContextNLL += t.ContextNLL
		s.ContextTokens = t.ContextTokens
	}
	for _, a := range run.Answers {
		s, question := g.sample(result, a.Ask), result.Asks[a.Ask]
		s.Score += a.Score
		s.gained += oneIf(a.Change == "gained")
		s.lost += oneIf(a.Change == "lost")
		s.guess += question.Guess
		if a.Exact != nil && a.Recall != nil {
			s.exact, s.recall = s.exact+*a.Exact, s.recall+*a.Recall
		}
		s.KL += a.KL
		s.DeltaNLL += a.DeltaNLL
		g.Marked = g.Marked || question.Marked
	}
}

// sample returns the sums of a question, which another seed may have begun.
func (g *material) sample(result *Result, ask int) *sums {
	for _, s := range slices.Backward(g.sums) {
		if s.Number != result.Number {
			break
		}
		if s.Ask == ask {
			s.seeds++
			return s
		}
	}
	s := &sums{Sample: Sample{Number: result.Number, Ask: ask, Context: result.ID}, seeds: 1}
	g.sums = append(g.sums, s)
	return s
}

// mean returns the sums divided by their seeds.
func (s *sums) mean() Sample {
	m := s.Sample
	for _, v := range []*float64{&m.Score, &m.KL, &m.DeltaNLL, &m.NLL, &m.ContextNLL} {
		*v /= s.seeds
	}
	return m
}

// mean returns the mean over the samples of a sum over seeds.
func (g *material) mean(of func(*sums) float64) *float64 {
	sum := 0.0
	for _, s := range g.sums {
		sum += of(s) / s.seeds
	}
	sum /= float64(len(g.sums))
	return &sum
}

// cell returns the means of a group.
func (g *material) cell() Cell {
	c := g.Cell
	runs, n := float64(g.runs), float64(len(g.sums))
	c.Contexts, c.N = len(g.contexts), len(g.sums)
	c.Ratio, c.Slots, c.Bytes, c.BytesFull = c.Ratio/runs, c.Slots/runs, c.Bytes/runs, c.BytesFull/runs
	c.Layers = slices.Clone(c.Layers)
	for l := range c.Layers {
		c.Layers[l] /= runs
	}
	for _, s := range g.sums {
		c.Samples = append(c.Samples, s.mean())
	}
	if c.Method != Removed {
		c.KL = g.mean(func(s *sums) float64 { return s.KL })
		c.DeltaNLL = g.mean(func(s *sums) float64 { return s.DeltaNLL })
	}
	if c.Task == Perplexity {
		c.NLL = g.mean(func(s *sums) float64 { return s.NLL })
		sum := 0.0
		for _, s := range c.Samples {
			sum += s.ContextNLL * float64(s.ContextTokens)
			c.ContextTokens += s.ContextTokens
		}
		if c.ContextTokens > 0 {
			sum /= float64(c.ContextTokens)
			c.ContextNLL = &sum
		}
		return c
	}
	c.Score = g.mean(func(s *sums) float64 { return s.Score })
	c.Guess = g.mean(func(s *sums) float64 { return s.guess })
	c.Gained = g.mean(func(s *sums) float64 { return s.gained * n })
	c.Lost = g.mean(func(s *sums) float64 { return s.lost * n })
	return c
}

// base returns the group to compare with: of the method named against, at the
// same budget or else at none; nil if that is none, or g itself.
func (g *material) base(groups []*material, against string) *material {
	var found *material
	for _, b := range groups {
		if b.Task == g.Task && b.Length == g.Length && b.Method == against &&
			(b.Budget == g.Budget || b.Budget == 0 && found == nil) {
			found = b
		}
	}
	if g.Method == Removed || g == found {
		return nil
	}
	return found
}

// Compare compares two methods on the same questions or windows, by a value
// such as [Sample.Value]. PHolm is left 0. It panics if the samples are not of
// the same ones.
func Compare(a, b []Sample, value func(Sample) float64) *Difference {
	values := func(samples []Sample) (v []float64, contexts []string) {
		for _, s := range samples {
			v = append(v, value(s))
			contexts = append(contexts, s.Context)
		}
		return v, contexts
	}
	first, contexts := values(a)
	second, others := values(b)
	if !slices.Equal(contexts, others) {
		panic(fmt.Sprintf("BUG: %d samples are compared with %d of other contexts", len(a), len(b)))
	}
	mean, low, high := PairedBootstrap(first, second, contexts, level, resamples, bootSeed)
	d := &Difference{Mean: mean, P: PairedP(first, second, contexts, flips, bootSeed)}
	if !math.IsNaN(low) {
		d.Low, d.High = &low, &high
	}
	return d
}

// adjust fills in the p values adjusted for all differences.
func (r *Report) adjust() {
	var all []*Difference
	var p []float64
	for _, c := range r.Cells {
		if c.Difference != nil {
			all, p = append(all, c.Difference), append(p, c.Difference.P)
		}
	}
	for i, adjusted := range Holm(p) {
		all[i].PHolm = adjusted
	}
}
