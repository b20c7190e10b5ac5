package compress

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// ErrUsage is wrapped by every error that is the user's choice of method,
// option or budget rather than something that failed: errors.Is(err, ErrUsage).
// A budget that only this cache cannot meet is not wrong usage.
var ErrUsage = errors.New("wrong usage")

// usageError wraps ErrUsage without repeating its text.
type usageError string

func (e usageError) Error() string { return string(e) }
func (e usageError) Unwrap() error { return ErrUsage }

func usagef(format string, args ...any) error {
	return usageError(fmt.Sprintf(format, args...))
}

// Settings choose and configure a method by text, as the command line, the
// page's URL and JSON do.
type Settings struct {
	Name    string
	Budget  float64           // kept / total over the whole cache, 0 < Budget <= 1; 0: not given
	Options map[string]string // what is not given has the default that Help lists
	Seed    uint32            // for methods that draw random numbers
}

// OptionHelp describes one option of a method.
type OptionHelp struct {
	Key     string
	Default string // as text; "" is a value too (skip_layers: none)
	Want    string // what is accepted
	Meaning string
	Differs string // how the default differs from the paper; "": it does not

	ByBudget bool   // a budget chooses it, so it cannot be given together with one
	Size     string // what it is a share of, if it sets the size of a method without a budget; else ""
}

// entry is one line of the registry. Each method's file defines its own.
type entry struct {
	name     string
	summary  string // one line, with the paper
	noBudget string // why it takes no budget; "": it takes one
	options  []OptionHelp
	build    func(*reader) Method // nil for scoring methods
	scorer   func(*reader) scorer // of scoring methods, which ada: wraps too; else nil
}

// method builds the method with the options that r reads.
func (e *entry) method(r *reader) Method {
	if e.scorer != nil {
		return newScoring(r, e.scorer(r))
	}
	return e.build(r)
}

// registry lists the methods in the order to be shown. To add a method: one
// file with its entry, a line here, and golden plans in its test.
var registry = append([]*entry{
	&fullEntry, &randomEntry, &windowEntry, &h2oEntry, &snapKVEntry, &expectedEntry, &camEntry,
	&kvMergerEntry, &pivotEntry, &randomSetsEntry, &gVoteEntry, &voteFoldEntry,
}, rereaders...)

// Names returns the methods in the order to be shown, each scoring method
// followed by the same with its budget shared (ada.go).
func Names() []string {
	var names []string
	for _, e := range registry {
		names = append(names, e.name)
		if e.scorer != nil {
			names = append(names, adaPrefix+e.name)
		}
	}
	return names
}

func find(name string) (*entry, error) {
	base, wrapped := strings.CutPrefix(name, adaPrefix)
	for _, e := range registry {
		switch {
		case e.name != base:
		case !wrapped:
			return e, nil
		case e.scorer != nil:
			return adaEntry(e), nil
		}
	}
	return nil, usagef("unknown method %q, want one of %s", name, strings.Join(Names(), ", "))
}

// Opening returns settings for somebody who wants to see a cache compressed and has
// not chosen how: they fold, and the budget is small enough for it to show.
func Opening() Settings { return Settings{Name: kvMergerEntry.name, Budget: 0.35} }

// Help returns a method's options and one line about it: what it does, its
// paper, and whether it takes a budget.
func Help(name string) ([]OptionHelp, string, error) {
	e, err := find(name)
	if err != nil {
		return nil, "", err
	}
	budget := "takes a budget"
	if e.noBudget != "" {
		budget = "takes no budget: " + e.noBudget
	}
	return slices.Clone(e.options), e.summary + "; " + budget, nil
}

// TakesBudget reports whether Settings.Budget means something to the method.
func TakesBudget(name string) bool {
	e, err := find(name)
	return err == nil && e.noBudget == ""
}

// Deviations returns one short sentence for each way in which m, with its
// options, is not what its paper describes. It is never nil.
func Deviations(m Method) []string {
	list := []string{}
	if d, ok := m.(interface{ deviations() []string }); ok {
		list = append(list, d.deviations()...)
	}
	return list
}

// New returns the method that s describes. Every error wraps [ErrUsage].
func New(s Settings) (Method, error) {
	e, err := find(s.Name)
	if err != nil {
		return nil, err
	}
	switch {
	case s.Budget == 0: // not given
	case e.noBudget != "":
		return nil, usagef("%s: budget is %g, want none: %s", e.name, s.Budget, e.noBudget)
	case !(s.Budget > 0 && s.Budget <= 1): // also NaN
		return nil, usagef("%s: budget is %g, want more than 0 and at most 1", e.name, s.Budget)
	}
	unknown := "" // of several the first in the alphabet, whatever the order of the map
	for key := range s.Options {
		known := slices.ContainsFunc(e.options, func(o OptionHelp) bool { return o.Key == key })
		if !known && (unknown == "" || key < unknown) {
			unknown = key
		}
	}
	if unknown != "" {
		keys := make([]string, len(e.options))
		for i, o := range e.options {
			keys[i] = o.Key
		}
		want := "want one of " + strings.Join(keys, ", ")
		if len(keys) == 0 {
			want = "this method has none"
		}
		return nil, usagef("%s: unknown option %q, %s", e.name, unknown, want)
	}
	r := &reader{entry: e, given: s.Options, budget: s.Budget, seed: s.Seed}
	m := e.method(r)
	if r.err != nil {
		return nil, r.err
	}
	return m, nil
}

// reader reads one method's options. It keeps the first error, so that build
// functions are lists without an if after each line.
type reader struct {
	entry  *entry
	given  map[string]string
	budget float64
	seed   uint32
	err    error
}

// text returns an option as given, or its default.
func (r *reader) text(key string) string {
	if text, ok := r.given[key]; ok {
		return text
	}
	return r.help(key).Default
}

func (r *reader) help(key string) OptionHelp {
	for _, o := range r.entry.options {
		if o.Key == key {
			return o
		}
	}
	panic("BUG: compress: " + r.entry.name + " has no option " + key)
}

func (r *reader) isGiven(key string) bool {
	_, ok := r.given[key]
	return ok
}

// fail records a wrong usage that is not a single bad value.
func (r *reader) fail(format string, args ...any) {
	if r.err == nil {
		r.err = usagef(r.entry.name+": "+format, args...)
	}
}

// refuse records that an option's value is not what it wants.
func (r *reader) refuse(key string) {
	text := r.text(key)
	if text == "" {
		text = "empty"
	}
	r.fail("option %s is %s, want %s", key, text, r.help(key).Want)
}

// number reads a float in [low, high].
func (r *reader) number(key string, low, high float64) float64 {
	v, err := strconv.ParseFloat(r.text(key), 64)
	if err != nil || !(v >= low && v <= high) { // also NaN
		r.refuse(key)
	}
	return v
}

// count reads an integer in [low, high].
func (r *reader) count(key string, low, high int) int {
	v, err := strconv.Atoi(r.text(key))
	if err != nil || v < low || v > high {
		r.refuse(key)
	}
	return v
}

// choice reads one of a few words.
func (r *reader) choice(key string, words ...string) string {
	text := r.text(key)
	if !slices.Contains(words, text) {
		r.refuse(key)
	}
	return text
}
