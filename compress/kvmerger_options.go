package compress

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

var kvMergerEntry = entry{
	name:    "kvmerger",
	summary: "folds runs of similar neighbouring keys into one slot each (KVMerger, arXiv 2407.08454)",
	options: kvMergerOptions,
	build:   func(r *reader) Method { return newKVMerger(r) },
}

var kvMergerOptions = slices.Concat([]OptionHelp{
	{Key: "eps", Default: "0.75", Want: "a number from -1 to 2",
		Meaning: "cosine above which neighbours are merged; 1 or more: none. " +
			"A budget chooses it",
		ByBudget: true},
	{Key: "recent", Default: "0.17", Want: "a number from 0 to 1",
		Meaning: "share of the slots, the last ones, left alone; follows a budget unless given"},
	{Key: "top", Default: "0.12", Want: "a number from 0 to 1",
		Meaning: "share of the slots, those with the most attention, left alone; " +
			"follows a budget unless given"},
}, foldOptions)

// foldOptions are those of every method that folds as kvmerger does.
var foldOptions = []OptionHelp{
	{Key: "sigma", Default: "headdist", Want: "headdist, meandist or a number from 1e-6 to 1e9",
		Meaning: "width of the Gaussian: from the mean distance to the pivots of a head, " +
			"or of one set, or a number",
		Differs: "the paper's formula is circular; its best number is 5"},
	{Key: "values", Default: "count", Want: "count, effective, convex or paper",
		Meaning: "what makes up for merged tokens: ln n in the logit, ln of the summed " +
			"weights in the logit, nothing, or values times n",
		Differs: "the paper multiplies merged values by n"},
	{Key: "skip_layers", Default: "", Want: "empty for none, paper, or layers such as 0,1,7",
		Meaning: "layers that are not merged; paper is the first two and the last",
		Differs: "the paper skips the first two and the last"},
	{Key: "max_set", Default: "0", Want: "0 for no limit, or an integer from 2",
		Meaning: "most slots that are merged into one"},
	{Key: "anchor", Default: "false", Want: "true or false",
		Meaning: "every member of a set is like its last one, too, not only like its neighbour"},
	{Key: "derotate", Default: "false", Want: "true or false",
		Meaning: "keys are rotated to the position of their pivot before they are merged"},
	{Key: "mass", Default: "exact", Want: "exact or last:W with an integer W from 1",
		Meaning: "attention that counts: of all queries of the prompt, or of the last W only"},
}

func newKVMerger(r *reader) *kvMerger {
	m := newFold(r)
	m.budget = r.budget
	m.recent = r.number("recent", 0, 1)
	m.top = r.number("top", 0, 1)
	m.recentGiven = r.isGiven("recent")
	m.topGiven = r.isGiven("top")
	if r.budget > 0 && r.isGiven("eps") {
		r.fail("option eps is %s and the budget is %g, want one of them: the budget chooses eps",
			r.text("eps"), r.budget)
	}
	return m
}

// newFold reads eps and foldOptions.
func newFold(r *reader) *kvMerger {
	m := &kvMerger{
		name:     r.entry.name,
		eps:      r.number("eps", -1, 2),
		values:   r.choice("values", "count", "effective", "convex", "paper"),
		maxSet:   r.count("max_set", 0, math.MaxInt32),
		anchor:   r.choice("anchor", "true", "false") == "true",
		derotate: r.choice("derotate", "true", "false") == "true",
	}
	if m.maxSet == 1 {
		r.refuse("max_set")
	}
	switch text := r.text("sigma"); text {
	case "headdist", "meandist":
		m.sigmaRule = text
	default:
		m.sigma = r.number("sigma", sigmaFloor, 1e9)
	}
	m.readSkip(r)
	if last, ok := strings.CutPrefix(r.text("mass"), "last:"); ok {
		w, err := strconv.Atoi(last)
		if err != nil || w < 1 || w > math.MaxInt32 {
			r.refuse("mass")
		}
		m.massLast = w
	} else if r.text("mass") != "exact" {
		r.refuse("mass")
	}
	return m
}

func (m *kvMerger) readSkip(r *reader) {
	switch text := r.text("skip_layers"); text {
	case "":
	case "paper":
		m.skipPaper = true
	default:
		for part := range strings.SplitSeq(text, ",") {
			layer, err := strconv.Atoi(strings.TrimSpace(part))
			if err != nil || layer < 0 {
				r.refuse("skip_layers")
				return
			}
			m.skip = append(m.skip, layer)
		}
		slices.SortStableFunc(m.skip, cmp.Compare[int]) // not Sort: this one is in the wasm anyway
		m.skip = slices.Compact(m.skip)
	}
}

// skipped returns which layers are not merged, (nLayers).
func (m *kvMerger) skipped(nLayers int) ([]bool, error) {
	skip := make([]bool, nLayers)
	for _, layer := range m.skip {
		if layer >= nLayers {
			return nil, usagef(m.name+": option skip_layers has layer %d, want 0 to %d", layer, nLayers-1)
		}
		skip[layer] = true
	}
	if m.skipPaper {
		for layer := range skip {
			skip[layer] = layer < 2 || layer == nLayers-1
		}
	}
	return skip, nil
}

// options returns every option in force.
func (m *kvMerger) options(c foldChoice) map[string]any {
	o := m.foldOptions(layersOf(c.skip))
	o["eps"], o["recent"], o["top"] = c.eps, c.recent, c.top
	return o
}

// layersOf lists the layers that are set, never nil.
func layersOf(skip []bool) []int {
	layers := []int{}
	for layer, is := range skip {
		if is {
			layers = append(layers, layer)
		}
	}
	return layers
}

// foldOptions returns those of foldOptions in force.
func (m *kvMerger) foldOptions(skip []int) map[string]any {
	o := map[string]any{
		"sigma":       m.sigmaRule,
		"values":      m.values,
		"skip_layers": skip,
		"max_set":     m.maxSet,
		"anchor":      m.anchor,
		"derotate":    m.derotate,
		"mass":        "exact",
	}
	if m.sigmaRule == "" {
		o["sigma"] = m.sigma
	}
	if m.massLast > 0 {
		o["mass"] = fmt.Sprintf("last:%d", m.massLast)
	}
	return o
}

// deviations compares with the paper's settings: eps .75, recent and top
// .17 and .12 or .08 and .02, a number for sigma, values times n, the first two
// layers and the last skipped.
func (m *kvMerger) deviations() []string {
	var list []string
	say := func(format string, args ...any) { list = append(list, fmt.Sprintf(format, args...)) }
	if m.budget > 0 {
		say("budget %g: eps, recent and top follow it; the paper describes no way to meet a budget", m.budget)
	} else {
		if m.eps != 0.75 {
			say("eps=%g: the paper uses 0.75", m.eps)
		}
		pair := [2]float64{m.recent, m.top}
		if pair != [2]float64{0.17, 0.12} && pair != [2]float64{0.08, 0.02} {
			say("recent=%g, top=%g: the paper uses 0.17, 0.12 or 0.08, 0.02", m.recent, m.top)
		}
	}
	switch m.sigmaRule {
	case "headdist":
		say("sigma=headdist: mean distance to a head's pivots / sqrt 2; the paper's formula is circular")
	case "meandist":
		say("sigma=meandist: mean distance to a set's pivot / sqrt 2; the paper's formula is circular")
	}
	switch m.values {
	case "count":
		say("values=count: the logit gains ln n; the paper multiplies merged values by n")
	case "effective":
		say("values=effective: the logit gains ln Σ n g; the paper multiplies merged values by n")
	case "convex":
		say("values=convex: merged values are a plain blend; the paper multiplies them by n")
	}
	if !m.skipPaper {
		say("skip_layers=%s: the paper leaves the first two layers and the last alone", m.skipText())
	}
	if m.maxSet > 0 {
		say("max_set=%d: the paper has no limit on the size of a set", m.maxSet)
	}
	if m.anchor {
		say("anchor=true: the paper compares neighbours only")
	}
	if m.derotate {
		say("derotate=true: the paper merges keys as they are stored, rotated")
	}
	if m.massLast > 0 {
		say("mass=last:%d: the paper sums the attention of all queries", m.massLast)
	}
	return list
}

func (m *kvMerger) skipText() string {
	if len(m.skip) == 0 {
		return "none"
	}
	return strings.Trim(strings.ReplaceAll(fmt.Sprint(m.skip), " ", ","), "[]")
}
