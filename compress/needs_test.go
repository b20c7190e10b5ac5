package compress

import (
	"reflect"
	"testing"
)

// fieldNeeds returns, for each field of Needs, needs in which it counts. Those
// of one field that have no union are rivals: no reading serves both.
func fieldNeeds() map[string][]Needs {
	return map[string][]Needs{
		"Mass":        {{Mass: true}},
		"MassLast":    {{Mass: true, MassLast: 8}, {Mass: true, MassLast: 64}},
		"Cosine":      {{Cosine: true}},
		"Votes":       {{Votes: &VoteOptions{NSkip: 4, Samples: 8}}, {Votes: &VoteOptions{NSkip: 5, Samples: 8}}},
		"LastQueries": {{LastQueries: 8}, {LastQueries: 64}},
		"Expected":    {{Expected: &ExpectedOptions{NSkip: 4, Horizon: 512}}, {Expected: &ExpectedOptions{NSkip: 5, Horizon: 512}}},
		"Reread":      {{Reread: true}},
		"Future":      {{Future: true}},
	}
}

// rivals are pairs of fieldNeeds, by field and index, that no reading serves.
var rivals = map[string]bool{"Mass0 MassLast0": true, "Mass0 MassLast1": true, "MassLast0 MassLast1": true,
	"Votes0 Votes1": true, "Expected0 Expected1": true}

// A field that Union forgets is not in the union, and one that Covers forgets
// is covered by nothing.
func TestNeedsEveryField(t *testing.T) {
	all := fieldNeeds()
	for i := range reflect.TypeFor[Needs]().NumField() {
		name := reflect.TypeFor[Needs]().Field(i).Name
		if len(all[name]) == 0 {
			t.Errorf("field %s has no needs in this test", name)
		}
		for _, n := range all[name] {
			if reflect.ValueOf(n).Field(i).IsZero() {
				t.Errorf("%s: %+v does not have it", name, n)
			}
			for _, pair := range [][2]Needs{{n, {}}, {{}, n}, {n, n}} {
				if u, ok := pair[0].Union(pair[1]); !ok || !reflect.DeepEqual(u, n) {
					t.Errorf("%s: union of %+v and %+v is %+v, %t", name, pair[0], pair[1], u, ok)
				}
			}
			if err := n.Covers(n); err != nil {
				t.Errorf("%s: %+v does not cover itself: %v", name, n, err)
			}
			if err := n.Covers(Needs{}); err != nil {
				t.Errorf("%s: %+v does not cover nothing: %v", name, n, err)
			}
			if err := (Needs{}).Covers(n); (err == nil) != (name == "Cosine") { // cosines are measured at any time
				t.Errorf("%s: nothing covers %+v: %v", name, n, err)
			}
		}
	}
}

// Two needs have a union that covers both, in either order, or are rivals.
func TestNeedsPairs(t *testing.T) {
	type named struct {
		name  string
		needs Needs
	}
	var list []named
	for name, needs := range fieldNeeds() {
		for i, n := range needs {
			list = append(list, named{name + string(rune('0'+i)), n})
		}
	}
	for _, a := range list {
		for _, b := range list {
			u, ok := a.needs.Union(b.needs)
			if want := !rivals[a.name+" "+b.name] && !rivals[b.name+" "+a.name]; ok != want {
				t.Errorf("%s and %s: union %t, want %t", a.name, b.name, ok, want)
			}
			if !ok {
				continue
			}
			if err := u.Covers(a.needs); err != nil {
				t.Errorf("the union of %s and %s does not cover the first: %v", a.name, b.name, err)
			}
			if err := u.Covers(b.needs); err != nil {
				t.Errorf("the union of %s and %s does not cover the second: %v", a.name, b.name, err)
			}
			if back, _ := b.needs.Union(a.needs); !reflect.DeepEqual(u, back) {
				t.Errorf("%s and %s: union %+v, the other way round %+v", a.name, b.name, u, back)
			}
		}
	}
	if big, small := (Needs{LastQueries: 64}), (Needs{LastQueries: 8}); big.Covers(small) != nil || small.Covers(big) == nil {
		t.Error("64 last queries cover 8, and not the other way round")
	}
}

// Options that count only after the reading do not need one of their own.
func TestNeedsOptionsAfterReading(t *testing.T) {
	a := Needs{Votes: &VoteOptions{NSkip: 4, Samples: 8}, Expected: &ExpectedOptions{NSkip: 4, Horizon: 512}}
	b := Needs{Votes: &VoteOptions{NSkip: 4, Samples: 2, PNuc: 1}, Expected: &ExpectedOptions{NSkip: 4, Horizon: 1}}
	if u, ok := a.Union(b); !ok || u != a {
		t.Errorf("union %+v, %t, want the first's", u, ok)
	}
	if err := a.Covers(b); err != nil {
		t.Error(err)
	}
}
