package eval

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"keyfold/compress"
)

// Full is the method of the uncompressed cache, which every sweep measures the
// others against, and Removed the control: the full cache of a context from
// which the evidence of the question was cut.
const (
	Full    = "full"
	Removed = "removed"
)

// A Variant is a method as one row of a table shows it. Which of several seeds
// it drew with does not make it another variant.
type Variant struct {
	Method  string            `json:"method"`
	Options map[string]string `json:"options,omitempty"` // as given; the others have their defaults
	Budget  float64           `json:"budget,omitempty"`  // kept / total; 0: none was set
	Seeds   []uint32          `json:"seeds"`             // one run each
}

// String returns what -methods and -budgets say: "kvmerger:sigma=5 at 0.35".
func (v Variant) String() string {
	text := v.Spec()
	if v.Budget > 0 {
		text += fmt.Sprintf(" at %g", v.Budget)
	}
	return text
}

// Spec returns the method with its options, as -methods takes it.
func (v Variant) Spec() string {
	text := v.Method
	for _, key := range slices.Sorted(maps.Keys(v.Options)) {
		text += ":" + key + "=" + v.Options[key]
	}
	return text
}

// new returns the method as it draws with a seed.
func (v Variant) new(seed uint32) (compress.Method, error) {
	return compress.New(compress.Settings{Name: v.Method, Budget: v.Budget, Options: v.Options, Seed: seed})
}

// Variants returns the variants that a list of methods names, "full" first.
//
//	list     "gvote,kvmerger:sigma=5:values=paper": methods by commas, their options by colons. A part
//	         without "=" goes on with the value or the name before it (mass=last:64, ada:h2o), as
//	         does a comma before a digit (skip_layers=0,1).
//	budgets  a method that takes one runs with each; one that does without runs without too
//	seeds    how often a method that draws runs: with the seeds 1, 2 and so on
func Variants(list string, budgets []float64, seeds int) ([]Variant, error) {
	variants := []Variant{{Method: Full, Seeds: []uint32{1}}}
	for _, spec := range splitMethods(list) {
		base, err := parseVariant(spec)
		if err != nil {
			return nil, err
		}
		runs, err := base.atBudgets(budgets)
		if err != nil {
			return nil, err
		}
		for _, v := range runs {
			switch {
			case v.Spec() == Full:
				continue
			case slices.ContainsFunc(variants, func(w Variant) bool { return w.String() == v.String() }):
				return nil, fmt.Errorf("%s is listed twice", v)
			}
			if v.Seeds, err = v.draws(seeds); err != nil {
				return nil, err
			}
			variants = append(variants, v)
		}
	}
	return variants, nil
}

// splitMethods cuts a list at its commas, but for those before a digit.
func splitMethods(list string) []string {
	var specs []string
	for part := range strings.SplitSeq(list, ",") {
		part = strings.TrimSpace(part)
		if n := len(specs); n > 0 && part != "" && part[0] >= '0' && part[0] <= '9' {
			specs[n-1] += "," + part
		} else {
			specs = append(specs, part)
		}
	}
	return specs
}

// parseVariant reads "kvmerger:sigma=5:mass=last:64" and "ada:h2o:norm=visible".
func parseVariant(spec string) (Variant, error) {
	var v Variant
	last := ""
	for i, part := range strings.Split(spec, ":") {
		key, value, ok := strings.Cut(part, "=")
		switch _, twice := v.Options[key]; {
		case i == 0:
			v.Method = part
		case ok && twice:
			return v, fmt.Errorf("%s gives %s twice", spec, key)
		case ok && last == "":
			v.Options, last = map[string]string{key: value}, key
		case ok:
			v.Options[key], last = value, key
		case last == "":
			v.Method += ":" + part
		default:
			v.Options[last] += ":" + part
		}
	}
	return v, nil
}

// atBudgets returns the runs of a method: without a budget unless that only
// stands for one, and with each budget if it takes them.
func (v Variant) atBudgets(budgets []float64) ([]Variant, error) {
	free, err := v.new(1)
	if err != nil {
		return nil, err
	}
	if !compress.TakesBudget(v.Method) || len(budgets) == 0 {
		return []Variant{v}, nil
	}
	half := v
	half.Budget = 0.5
	m, err := half.new(1)
	if err != nil {
		return []Variant{v}, nil // an option takes the budget's place
	}
	var runs []Variant
	if !reflect.DeepEqual(free, m) {
		runs = append(runs, v)
	}
	for _, budget := range budgets {
		at := v
		at.Budget = budget
		if _, err := at.new(1); err != nil {
			return nil, err
		}
		runs = append(runs, at)
	}
	return runs, nil
}

// draws returns the seeds to run with: n where they make a difference.
func (v Variant) draws(n int) ([]uint32, error) {
	one, err := v.new(1)
	if err != nil {
		return nil, err
	}
	if two, err := v.new(2); err != nil || reflect.DeepEqual(one, two) {
		return []uint32{1}, err
	}
	seeds := make([]uint32, n)
	for i := range seeds {
		seeds[i] = uint32(i + 1)
	}
	return seeds, nil
}

// A reading is one prefill with all signals that some runs need.
type reading struct {
	needs compress.Needs
	runs  []run
}

// A run is a variant with one of its seeds.
type run struct {
	variant int // index in Config.Variants
	seed    uint32
	method  compress.Method
}

// readings sorts the runs of all variants but the full cache by what one prefill
// can collect.
func readings(variants []Variant) ([]reading, error) {
	list := []reading{{}}
	for i, v := range variants {
		if v.Method == Full {
			continue
		}
		for _, seed := range v.Seeds {
			m, err := v.new(seed)
			if err != nil {
				return nil, err
			}
			at := slices.IndexFunc(list, func(r reading) bool { _, ok := r.needs.Union(m.Needs()); return ok })
			if at < 0 {
				at, list = len(list), append(list, reading{})
			}
			r := &list[at]
			r.needs, _ = r.needs.Union(m.Needs())
			r.runs = append(r.runs, run{i, seed, m})
		}
	}
	return list, nil
}
