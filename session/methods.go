package session

import (
	"cmp"
	"slices"
	"strings"

	"keyfold/compress"
	"keyfold/engine"
)

// methods describes the methods that a page offers: those that ask for one reading
// of the prompt.
func methods() []Method {
	var list []Method
	for _, name := range compress.Names() {
		if needs(name).OneReading() {
			list = append(list, describeMethod(name))
		}
	}
	return list
}

// describeMethod says all about a method that a page asks, so that it need not know
// any by name.
func describeMethod(name string) Method {
	options, line, err := compress.Help(name)
	if err != nil {
		panic("BUG: session: " + err.Error())
	}
	m := Method{Name: name, Line: line, TakesBudget: compress.TakesBudget(name), Votes: needs(name).Votes != nil, Options: []Option{}}
	for _, o := range options {
		m.Options = append(m.Options, Option{o.Key, o.Default, o.Want, o.Meaning, o.Differs, o.ByBudget})
		if o.Size != "" {
			m.Size = &Size{Option: o.Key, Label: o.Size}
		}
	}
	return m
}

// voting names the methods that have ballots, as a sentence lists them.
func voting() string {
	var names []string
	for _, m := range methods() {
		if m.Votes {
			names = append(names, m.Name)
		}
	}
	return strings.Join(names, " or ")
}

// needs returns what a method reads with its default options.
func needs(method string) compress.Needs {
	m, err := compress.New(compress.Settings{Name: method})
	if err != nil {
		panic("BUG: session: " + err.Error())
	}
	return m.Needs()
}

// oneReading returns what is collected while a prompt is read: the signals of
// all methods with their default options, but for methods that ask for more than
// one reading.
func oneReading() compress.Needs {
	var all compress.Needs
	for _, name := range compress.Names() {
		if n := needs(name); n.OneReading() {
			var ok bool
			if all, ok = all.Union(n); !ok {
				panic("BUG: session: " + name + " wants a reading of its own by default")
			}
		}
	}
	return all
}

// newMethod returns the method that a request chooses.
func newMethod(req Request) (compress.Method, error) {
	if err := checkSeed(req.Seed); err != nil {
		return nil, err
	}
	if req.Budget < 0 || req.Budget > 1 {
		return nil, wrong("budget", "the budget is %g, want 0 < R <= 1", req.Budget)
	}
	name := cmp.Or(req.Method, compress.Names()[0]) // the first keeps everything
	m, err := compress.New(compress.Settings{Name: name, Budget: req.Budget, Options: req.Options, Seed: uint32(req.Seed)})
	switch {
	case err == nil && !m.Needs().OneReading():
		return nil, wrong("method", "%s asks for more than one reading of the prompt; the page reads it once", name)
	case err == nil:
		return m, nil
	case !slices.Contains(compress.Names(), name):
		return nil, wrong("method", "%w", err)
	case req.Budget != 0 && !compress.TakesBudget(name):
		return nil, wrong("budget", "%w", err)
	}
	return nil, wrong("options", "%w", err)
}

func checkSeed(seed int) error {
	if seed < 0 || seed > 1<<32-1 {
		return wrong("seed", "the seed is %d, want 0 to %d", seed, uint32(1<<32-1))
	}
	return nil
}

func newSampler(req Request) (engine.Sampler, error) {
	if err := checkSeed(req.Seed); err != nil {
		return engine.Sampler{}, err
	}
	sampler := engine.Sampler{Seed: uint32(req.Seed), RepeatPenalty: 1, TopP: 0.9, Temperature: 0.8}
	if o := req.Sampler; o != nil {
		sampler.Temperature, sampler.TopK, sampler.TopP = float32(o.Temperature), o.TopK, float32(o.TopP)
		sampler.MinP, sampler.RepeatPenalty = float32(o.MinP), float32(o.RepeatPenalty)
	}
	if err := sampler.Validate(); err != nil {
		return sampler, wrong("sampler", "%w", err)
	}
	return sampler, nil
}
