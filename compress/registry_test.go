package compress

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
)

func TestUsageErrors(t *testing.T) {
	for _, tc := range []struct {
		name    string
		budget  float64
		options []string
		want    string
	}{
		{"kvmerge", 0, nil, `unknown method "kvmerge", want one of ` + strings.Join(Names(), ", ")},
		{"", 0, nil, `unknown method "", want one of ` + strings.Join(Names(), ", ")},
		{"full", 0.5, nil, "full: budget is 0.5, want none: it keeps everything"},
		{"gvote", 0.5, nil, "gvote: budget is 0.5, want none: its size follows from the votes"},
		{"window", 1.5, nil, "window: budget is 1.5, want more than 0 and at most 1"},
		{"window", -0.1, nil, "window: budget is -0.1, want more than 0 and at most 1"},
		{"kvmerger", math.NaN(), nil, "kvmerger: budget is NaN, want more than 0 and at most 1"},
		{"window", 0, []string{"sinks=4"}, `window: unknown option "sinks", this method has none`},
		{"ada:window", 0, nil, `unknown method "ada:window", want one of ` + strings.Join(Names(), ", ")},
		{"ada:ada:h2o", 0, nil, `unknown method "ada:ada:h2o", want one of ` + strings.Join(Names(), ", ")},
		{"h2o", 0, []string{"alpha=0.5"}, `h2o: unknown option "alpha", want one of norm`},
		{"h2o", 0, []string{"norm=sum"}, "h2o: option norm is sum, want raw or visible"},
		{"ada:h2o", 0, []string{"alpha=1.5"}, "ada:h2o: option alpha is 1.5, want a number from 0 to 1"},
		{"ada:h2o", 0, []string{"norm=sum"}, "ada:h2o: option norm is sum, want raw or visible"},
		{"cam", 0, []string{"norm=sum"}, "cam: option norm is sum, want mean or max"},
		{"votefold", 0, []string{"recent=0.1"}, `votefold: unknown option "recent",` +
			` want one of p_nuc, samples, n_s, include_c0, positions, cap, min_len, eps, sigma, values, skip_layers,` +
			` max_set, anchor, derotate, mass`},
		{"votefold", 0.5, nil, "votefold: budget is 0.5, want none: its size follows from the votes and the similarities"},
		{"kvmerger", 0, []string{"max_set=1"}, "kvmerger: option max_set is 1, want 0 for no limit, or an integer from 2"},
		{"kvmerger", 0, []string{"anchor=yes"}, "kvmerger: option anchor is yes, want true or false"},
		{"kvmerger", 0, []string{"derotate=1"}, "kvmerger: option derotate is 1, want true or false"},
		{"pivot", 0.5, []string{"eps=0.75"}, "pivot: option eps is 0.75 and the budget is 0.5," +
			" want one of them: the budget chooses eps"},
		{"kvmerger", 0, []string{"max_set=8", "bridge=true"}, `kvmerger: unknown option "bridge",` +
			` want one of eps, recent, top, sigma, values, skip_layers, max_set, anchor, derotate, mass`},
		{"gvote", 0, []string{"eps=1"}, `gvote: unknown option "eps",` +
			` want one of p_nuc, samples, n_s, include_c0, positions, cap, min_len`},
		{"kvmerger", 0, []string{"eps=2.5"}, "kvmerger: option eps is 2.5, want a number from -1 to 2"},
		{"kvmerger", 0, []string{"eps=-1.1"}, "kvmerger: option eps is -1.1, want a number from -1 to 2"},
		{"kvmerger", 0, []string{"eps=nan"}, "kvmerger: option eps is nan, want a number from -1 to 2"},
		{"kvmerger", 0, []string{"eps="}, "kvmerger: option eps is empty, want a number from -1 to 2"},
		{"kvmerger", 0.5, []string{"eps=0.75"}, "kvmerger: option eps is 0.75 and the budget is 0.5," +
			" want one of them: the budget chooses eps"},
		{"kvmerger", 0, []string{"recent=1.1"}, "kvmerger: option recent is 1.1, want a number from 0 to 1"},
		{"kvmerger", 0, []string{"top=-0.1"}, "kvmerger: option top is -0.1, want a number from 0 to 1"},
		{"kvmerger", 0, []string{"sigma=0"},
			"kvmerger: option sigma is 0, want headdist, meandist or a number from 1e-6 to 1e9"},
		{"kvmerger", 0, []string{"sigma=mean"},
			"kvmerger: option sigma is mean, want headdist, meandist or a number from 1e-6 to 1e9"},
		{"kvmerger", 0, []string{"values=sum"},
			"kvmerger: option values is sum, want count, effective, convex or paper"},
		{"kvmerger", 0, []string{"skip_layers=1,x"},
			"kvmerger: option skip_layers is 1,x, want empty for none, paper, or layers such as 0,1,7"},
		{"kvmerger", 0, []string{"skip_layers=-1"},
			"kvmerger: option skip_layers is -1, want empty for none, paper, or layers such as 0,1,7"},
		{"kvmerger", 0, []string{"mass=last:0"},
			"kvmerger: option mass is last:0, want exact or last:W with an integer W from 1"},
		{"kvmerger", 0, []string{"mass=last"},
			"kvmerger: option mass is last, want exact or last:W with an integer W from 1"},
		{"gvote", 0, []string{"p_nuc=0"}, "gvote: option p_nuc is 0, want a number above 0, at most 2"},
		{"gvote", 0, []string{"samples=0"}, "gvote: option samples is 0, want an integer from 1 to 1024"},
		{"gvote", 0, []string{"samples=8.5"}, "gvote: option samples is 8.5, want an integer from 1 to 1024"},
		{"gvote", 0, []string{"n_s=-1"}, "gvote: option n_s is -1, want an integer from 0 to 1000000"},
		{"gvote", 0, []string{"include_c0=1"}, "gvote: option include_c0 is 1, want true or false"},
		{"gvote", 0, []string{"positions=last"}, "gvote: option positions is last, want next or spread"},
		{"gvote", 0, []string{"cap=4"}, "gvote: option cap is 4, want 0 for none, or an integer above n_s"},
		{"gvote", 0, []string{"cap=-1"}, "gvote: option cap is -1, want 0 for none, or an integer above n_s"},
		{"gvote", 0, []string{"cap=64", "p_nuc=1"}, "gvote: option cap is 64 and p_nuc is 1," +
			" want one of them: p_nuc >= 1 keeps everything"},
		{"gvote", 0, []string{"min_len=-1"}, "gvote: option min_len is -1, want an integer from 0 to 1000000000"},
	} {
		t.Run(fmt.Sprint(tc.name, tc.budget, tc.options), func(t *testing.T) {
			m, err := New(Settings{Name: tc.name, Budget: tc.budget, Options: optionMap(tc.options...)})
			if err == nil || err.Error() != tc.want || m != nil {
				t.Errorf("error %v\nwant  %s", err, tc.want)
			}
			if !errors.Is(err, ErrUsage) {
				t.Errorf("error %v is not wrong usage", err)
			}
		})
	}
	// A layer that the model does not have is found only in Plan.
	_, err := newMethod(t, "kvmerger", 0, "skip_layers=0,1").Plan(&line(4).Signals)
	want := "kvmerger: option skip_layers has layer 1, want 0 to 0"
	if err == nil || err.Error() != want || !errors.Is(err, ErrUsage) {
		t.Errorf("error %v\nwant  %s", err, want)
	}
}

func TestNames(t *testing.T) {
	if got, want := strings.Join(Names(), " "), "full random ada:random window h2o ada:h2o snapkv ada:snapkv expected ada:expected cam"+
		" kvmerger pivot randomsets gvote votefold kvzip oracle ada:oracle"; got != want {
		t.Errorf("names %s, want %s", got, want)
	}
}

// What plan.json shows: every option in force, with its type.
func TestOptionsInForce(t *testing.T) {
	for _, tc := range []struct {
		name    string
		budget  float64
		options []string
		want    string
	}{
		{"full", 0, nil, ""},
		{"window", 0.5, nil, ""},
		{"h2o", 0, []string{"norm=visible"}, `norm=string "visible"`},
		{"ada:h2o", 0, []string{"alpha=0.5"}, `alpha=float64 0.5, norm=string "raw"`},
		{"ada:random", 0, nil, `alpha=float64 0.2`},
		{"cam", 0, nil, `norm=string "mean"`},
		{"votefold", 0, []string{"cap=9", "max_set=4"}, `anchor=bool false, cap=int 9, derotate=bool false, eps=float64 0,` +
			` include_c0=bool true, mass=string "exact", max_set=int 4, min_len=int 32, n_s=int 4, p_nuc=float64 0.95,` +
			` positions=string "next", samples=int 8, sigma=string "headdist", skip_layers=[]int []int{}, values=string "count"`},
		{"kvmerger", 0, nil, `anchor=bool false, derotate=bool false, eps=float64 0.75, mass=string "exact",` +
			` max_set=int 0, recent=float64 0.17, sigma=string "headdist", skip_layers=[]int []int{}, top=float64 0.12,` +
			` values=string "count"`},
		{"kvmerger", 0, []string{"eps=-1", "recent=0", "top=1", "sigma=5", "values=convex", "skip_layers=paper",
			"mass=last:64", "max_set=8", "anchor=true", "derotate=true"}, `anchor=bool true, derotate=bool true, eps=float64 -1,` +
			` mass=string "last:64", max_set=int 8, recent=float64 0, sigma=float64 5,` +
			` skip_layers=[]int []int{0, 1}, top=float64 1, values=string "convex"`},
		{"kvmerger", 1, []string{"sigma=meandist"}, `anchor=bool false, derotate=bool false, eps=float64 1,` +
			` mass=string "exact", max_set=int 0, recent=float64 0.17, sigma=string "meandist", skip_layers=[]int []int{}, top=float64 0.12, values=string "count"`},
		{"gvote", 0, nil, `cap=int 0, include_c0=bool true, min_len=int 32, n_s=int 4, p_nuc=float64 0.95,` +
			` positions=string "next", samples=int 8`},
		{"gvote", 0, []string{"cap=9", "include_c0=false", "positions=spread"}, `cap=int 9, include_c0=bool false,` +
			` min_len=int 32, n_s=int 4, p_nuc=float64 0.95, positions=string "spread", samples=int 8`},
	} {
		f := randomFixture(1, 40, false)
		p := plan(t, newMethod(t, tc.name, tc.budget, tc.options...), &f.Signals)
		if p.Options == nil {
			t.Errorf("%s: options are nil", tc.name)
		}
		var words []string
		for key, value := range p.Options {
			words = append(words, fmt.Sprintf("%s=%T %#v", key, value, value))
		}
		slices.Sort(words)
		if got := strings.Join(words, ", "); got != tc.want {
			t.Errorf("%s %v: options\n%s, want\n%s", tc.name, tc.options, got, tc.want)
		}
	}
}

// Help lists what New accepts: each key, with a default that is one.
func TestHelpMatchesNew(t *testing.T) {
	for _, name := range Names() {
		options, about, err := Help(name)
		if err != nil {
			t.Fatal(err)
		}
		if takes := !strings.Contains(about, "takes no budget: "); takes != TakesBudget(name) ||
			takes != strings.HasSuffix(about, "; takes a budget") {
			t.Errorf("%s: help says %q, TakesBudget %v", name, about, TakesBudget(name))
		}
		f := randomFixture(1, 40, false)
		given := map[string]string{}
		for _, o := range options {
			given[o.Key] = o.Default
			if o.Want == "" || o.Meaning == "" {
				t.Errorf("%s: option %s has no explanation", name, o.Key)
			}
		}
		m, err := New(Settings{Name: name, Options: given, Seed: 1}) // as newMethod
		if err != nil {
			t.Fatal(err)
		}
		explicit, silent := plan(t, m, &f.Signals), plan(t, newMethod(t, name, 0), &f.Signals)
		if fmt.Sprint(explicit) != fmt.Sprint(silent) {
			t.Errorf("%s: giving the defaults changes the plan", name)
		}
		for key := range silent.Options {
			if _, ok := given[key]; !ok {
				t.Errorf("%s: plan has option %s, help has not", name, key)
			}
		}
		if len(silent.Options) != len(options) {
			t.Errorf("%s: plan has %d options, help has %d", name, len(silent.Options), len(options))
		}
	}
	if _, _, err := Help("h2p"); !errors.Is(err, ErrUsage) {
		t.Errorf("help for an unknown method: %v", err)
	}
	if TakesBudget("h2p") {
		t.Error("an unknown method takes a budget")
	}
}

// A method holds a seed if it draws, and only then: package eval runs those with several.
func TestSeedsAreHeldByMethodsThatDraw(t *testing.T) {
	var drawing []string
	for _, name := range Names() {
		one, err := New(Settings{Name: name, Seed: 1})
		if err != nil {
			t.Fatal(err)
		}
		if two, _ := New(Settings{Name: name, Seed: 2}); !reflect.DeepEqual(one, two) {
			drawing = append(drawing, name)
		}
	}
	if got, want := strings.Join(drawing, " "), "random ada:random cam randomsets gvote votefold"; got != want {
		t.Errorf("methods with a seed: %s, want %s", got, want)
	}
}

func TestHelpIsACopy(t *testing.T) {
	options, _, _ := Help("kvmerger")
	options[0].Default = "spoilt"
	if again, _, _ := Help("kvmerger"); again[0].Default != "0.75" {
		t.Errorf("default of eps is %q after a caller changed its copy", again[0].Default)
	}
}

func TestNeeds(t *testing.T) {
	for _, tc := range []struct {
		name    string
		options []string
		want    Needs
	}{
		{"full", nil, Needs{}},
		{"window", nil, Needs{}},
		{"random", nil, Needs{}},
		{"h2o", nil, Needs{Mass: true}},
		{"ada:h2o", nil, Needs{Mass: true}},
		{"cam", nil, Needs{Mass: true}},
		{"snapkv", nil, Needs{LastQueries: 64}},
		{"kvzip", nil, Needs{Reread: true}},
		{"ada:oracle", nil, Needs{Future: true}},
		{"pivot", nil, Needs{Mass: true, Cosine: true}},
		{"randomsets", nil, Needs{Mass: true, Cosine: true}},
		{"kvmerger", nil, Needs{Mass: true, Cosine: true}},
		{"kvmerger", []string{"mass=last:16"}, Needs{Mass: true, MassLast: 16, Cosine: true}},
	} {
		if got := newMethod(t, tc.name, 0, tc.options...).Needs(); got != tc.want {
			t.Errorf("%s %v: needs %+v, want %+v", tc.name, tc.options, got, tc.want)
		}
	}
}

// Deviations: nothing is silent about the defaults, and KVMerger as the paper
// has it (with a number for the circular sigma) has none.
func TestDeviations(t *testing.T) {
	for _, tc := range []struct {
		name    string
		budget  float64
		options []string
		want    []string // start of each sentence
	}{
		{"full", 0, nil, nil},
		{"window", 0, nil, []string{"the window is a share", "positions go on"}},
		{"random", 0, nil, nil},
		{"h2o", 0, nil, []string{"slots are dropped once"}},
		{"ada:h2o", 0, []string{"norm=visible"}, []string{"slots are dropped once", "norm=visible:"}},
		{"cam", 0, nil, []string{"slots are merged once", "a is the attention"}},
		{"cam", 0, []string{"norm=max"}, []string{"slots are merged once", "a is the attention"}},
		{"snapkv", 0, nil, []string{"the window is at most half"}},
		{"expected", 0, nil, nil},
		{"kvzip", 0, nil, []string{"a text too long"}},
		{"oracle", 0, nil, nil},
		{"pivot", 0, nil, []string{"a control"}},
		{"randomsets", 0, nil, []string{"a control"}},
		{"votefold", 0, nil, []string{"ours:"}},
		{"kvmerger", 0, nil, []string{"sigma=headdist:", "values=count:", "skip_layers=none:"}},
		{"kvmerger", 0, []string{"sigma=5", "values=paper", "skip_layers=paper"}, nil},
		{"kvmerger", 0, []string{"sigma=5", "values=paper", "skip_layers=paper", "recent=0.08", "top=0.02"}, nil},
		{"kvmerger", 0, []string{"eps=0.9", "recent=0", "sigma=meandist", "values=convex", "skip_layers=2,0", "mass=last:9", "max_set=4",
			"anchor=true", "derotate=true"}, []string{"eps=0.9:", "recent=0, top=0.12:", "sigma=meandist:", "values=convex:",
			"skip_layers=0,2:", "max_set=4:", "anchor=true:", "derotate=true:", "mass=last:9:"}},
		{"kvmerger", 0.4, []string{"sigma=5", "values=effective", "skip_layers=paper"},
			[]string{"budget 0.4:", "values=effective:"}},
		{"gvote", 0, nil, []string{"the first n_s=4 tokens", "include_c0=true:", "min_len=32:"}},
		{"gvote", 0, []string{"include_c0=false", "min_len=0", "cap=9"}, []string{"the first n_s=4 tokens", "cap=9:"}},
	} {
		got := Deviations(newMethod(t, tc.name, tc.budget, tc.options...))
		ok := got != nil && len(got) == len(tc.want)
		for i := range min(len(got), len(tc.want)) {
			ok = ok && strings.HasPrefix(got[i], tc.want[i])
		}
		if !ok {
			t.Errorf("%s %v: deviations\n%s\nwant\n%s", tc.name, tc.options, strings.Join(got, "\n"), strings.Join(tc.want, "\n"))
		}
	}
}
