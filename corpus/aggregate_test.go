package corpus

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// A tallyReader counts the statements of one tally in a text.
type tallyReader struct{ says, most, many []*regexp.Regexp }

func tallyReaders() []tallyReader {
	var out []tallyReader
	for _, t := range tallies {
		slots := map[string]string{
			"who": strings.Join(slices.Concat(strangers.train, []string{"[A-Z][a-z]+", "A [a-z]+", "An old [a-z]+", "Somebody"}), "|"),
			"v":   strings.Join(slices.Concat(t.kinds.train, t.kinds.held), "|"),
			"p":   "[a-z]+",
		}
		out = append(out, tallyReader{matchers(t.says, slots), matchers(t.most, slots), matchers(t.many, slots)})
	}
	return out
}

// count returns how often a text says something of each.
func (r *tallyReader) count(text string) map[string]int {
	counts := map[string]int{}
	for _, s := range sentencesOf(text) {
		if said := slotsOf(s, r.says); said != nil {
			counts[strings.ToLower(said["v"][:1])+said["v"][1:]]++
		}
	}
	return counts
}

// ranked returns the numbers of a count from high to low, and what has the highest.
func ranked(counts map[string]int) (numbers []int, first string) {
	for kind, n := range counts {
		numbers = append(numbers, n)
		if n > counts[first] {
			first = kind
		}
	}
	slices.Sort(numbers)
	slices.Reverse(numbers)
	return numbers, first
}

func TestFrequent(t *testing.T) {
	readers := tallyReaders()
	listed := 0
	checkCounts := func(t *testing.T, a Ask, counts map[string]int, winner frame) {
		numbers, first := ranked(counts)
		if len(numbers) < 2 || numbers[0]-numbers[1] < 2 || 1/a.Guess != float64(len(numbers)) {
			t.Errorf("%q of %v, with a guess of %g", asked(a), counts, a.Guess)
		} else if want := " " + winner.fill(map[string]string{"v": first}); want != a.Answer {
			t.Errorf("%q of %v: %q, want %q", asked(a), counts, a.Answer, want)
		}
	}
	everyDocument(t, "frequent", func(t *testing.T, d Document, _ Size) {
		for i, a := range d.Asks {
			switch a.Kind {
			case "most-listed":
				listed++
				found := 0
				for _, r := range rolls {
					q := slotsOf(asked(a), matchers(r.most, nil))
					if q == nil {
						continue
					}
					for _, s := range sentencesOf(d.Context) {
						said := slotsOf(s, matchers(r.says, map[string]string{"list": ".*"}))
						if said == nil || said["day"] != q["day"] {
							continue
						}
						found++
						counts := map[string]int{}
						for word := range strings.SplitSeq(said["list"], ", ") {
							counts[word]++
						}
						checkCounts(t, a, counts, r.winner)
						if strings.Contains(d.Without(i), s) {
							t.Errorf("%q: the list is still there", asked(a))
						}
					}
				}
				if found != 1 {
					t.Errorf("%q: %d lists, want one", asked(a), found)
				}
			case "most-told":
				found := false
				for j, r := range readers {
					if slotsOf(asked(a), r.most) != nil {
						found = true
						checkCounts(t, a, r.count(d.Context), tallies[j].winner)
						if left := r.count(d.Without(i)); len(left) > 0 {
							t.Errorf("%q: %v are left without the evidence", asked(a), left)
						}
					}
				}
				if !found {
					t.Errorf("nobody understands %q", asked(a))
				}
			}
		}
	})
	if listed < 100 {
		t.Errorf("only %d questions about lists", listed)
	}
}

func TestCount(t *testing.T) {
	readers := tallyReaders()
	answers := map[string]int{}
	everyDocument(t, "count", func(t *testing.T, d Document, _ Size) {
		for i, a := range d.Asks {
			answers[a.Answer]++
			found := false
			for _, r := range readers {
				q := slotsOf(asked(a), r.many)
				if q == nil {
					continue
				}
				found = true
				counts := r.count(d.Context)
				numbers, _ := ranked(counts)
				if want := " " + strconv.Itoa(counts[q["v"]]); a.Answer != want || counts[q["v"]] > 9 {
					t.Errorf("%q: %q, want %q", asked(a), a.Answer, want)
				}
				if len(a.Evidence) != counts[q["v"]] || r.count(d.Without(i))[q["v"]] != 0 {
					t.Errorf("%q: %d pieces of evidence", asked(a), len(a.Evidence))
				}
				if spread := numbers[0] - numbers[len(numbers)-1] + 1; spread < 3 || a.Guess != 1/float64(spread) {
					t.Errorf("%q of %v: a guess is %g", asked(a), counts, a.Guess)
				}
			}
			if !found {
				t.Errorf("nobody understands %q", asked(a))
			}
		}
	})
	all := 0
	for _, n := range answers {
		all += n
	}
	for digit := 1; digit <= 9; digit++ {
		if n := answers[" "+strconv.Itoa(digit)]; n < all/60 || n > all*3/10 {
			t.Errorf("%d of %d answers are %d: %v", n, all, digit, answers)
		}
	}
}
