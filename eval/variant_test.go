package eval

import (
	"slices"
	"strings"
	"testing"
)

func TestVariants(t *testing.T) {
	for _, tc := range []struct {
		list    string
		budgets []float64
		want    string // variants by " | ", each with the number of its seeds
	}{
		{"full", []float64{0.5}, "full 1"},
		{"gvote,full", []float64{0.5}, "full 1 | gvote 3"},
		{"window", nil, "full 1 | window 1"},
		{"window", []float64{0.5, 0.35}, "full 1 | window at 0.5 1 | window at 0.35 1"},
		{"kvmerger", []float64{0.35}, "full 1 | kvmerger 1 | kvmerger at 0.35 1"},
		{"kvmerger:eps=0.9", []float64{0.35}, "full 1 | kvmerger:eps=0.9 1"},
		{"kvmerger:values=paper:sigma=5", nil, "full 1 | kvmerger:sigma=5:values=paper 1"},
		{"kvmerger:mass=last:64:sigma=5, window", nil, "full 1 | kvmerger:mass=last:64:sigma=5 1 | window 1"},
		{"ada:h2o:norm=visible:alpha=0.5", []float64{0.35}, "full 1 | ada:h2o:alpha=0.5:norm=visible at 0.35 1"},
		{"random,ada:random,randomsets,cam,pivot,h2o", nil, "full 1 | random 3 | ada:random 3 | randomsets 3 | cam 3 | pivot 1 | h2o 1"},
		{"kvmerger:skip_layers=0,1,window", nil, "full 1 | kvmerger:skip_layers=0,1 1 | window 1"},
	} {
		variants, err := Variants(tc.list, tc.budgets, 3)
		if err != nil {
			t.Errorf("%s: %v", tc.list, err)
			continue
		}
		var got []string
		for _, v := range variants {
			got = append(got, v.String()+" "+string(rune('0'+len(v.Seeds))))
			if again, err := Variants(v.Spec(), nil, 1); err != nil || again[len(again)-1].Spec() != v.Spec() {
				t.Errorf("%s does not read back: %v, %v", v.Spec(), again, err)
			}
		}
		if s := strings.Join(got, " | "); s != tc.want {
			t.Errorf("%s at %v: %s, want %s", tc.list, tc.budgets, s, tc.want)
		}
	}
	variants, err := Variants("gvote", nil, 2)
	if err != nil || !slices.Equal(variants[1].Seeds, []uint32{1, 2}) {
		t.Errorf("two seeds: %v, %v", variants, err)
	}
}

func TestVariantsRefuse(t *testing.T) {
	for list, want := range map[string]string{
		"":                                  `unknown method ""`,
		"window,":                           `unknown method ""`,
		"h3o":                               `unknown method "h3o"`,
		"kvmerger:5":                        `unknown method "kvmerger:5"`,
		"kvmerger:sigma=5:sigma=6":          "gives sigma twice",
		"kvmerger:colour=red":               `unknown option "colour"`,
		"kvmerger:values=none":              "option values is none",
		"window,gvote,window":               "window at 0.5 is listed twice",
		"kvmerger:sigma=5,kvmerger:sigma=5": "kvmerger:sigma=5 is listed twice",
	} {
		if v, err := Variants(list, []float64{0.5}, 1); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, %v; want an error with %q", list, v, err, want)
		}
	}
	if _, err := Variants("window", []float64{1.5}, 1); err == nil || !strings.Contains(err.Error(), "budget is 1.5") {
		t.Errorf("a budget of 1.5: %v", err)
	}
}
