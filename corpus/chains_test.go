package corpus

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// everyDocument calls a function with documents of a task: 300 seeds each of
// training and evaluation, of many sizes, the same document made twice first.
func everyDocument(t *testing.T, task string, check func(t *testing.T, d Document, size Size)) {
	t.Helper()
	asks, held := 0, 0 // of evaluation
	for i := range uint64(600) {
		seed := i
		if i >= 300 {
			seed += EvalFrom
		}
		size := Size{
			Tokens: []int{192, 256, 512, 1024, 2048}[i%5], Asks: []int{0, 0, 0, 1, 3}[i/5%5], Dense: i%7 == 0,
		}
		d, err := New(task, seed, size)
		if err != nil {
			t.Error(err)
			continue
		}
		again, err := New(task, seed, size)
		if err != nil || fmt.Sprint(again) != fmt.Sprint(d) {
			t.Errorf("%s: seed %d makes different documents", task, seed)
		}
		n := estimate(d.Text()) + 1
		if n > size.Tokens || !size.Dense && size.Asks != 1 && n < size.Tokens*7/10 {
			t.Errorf("%s: seed %d takes %d of %d tokens", task, seed, n, size.Tokens)
		}
		if size.Asks > 0 && len(d.Asks) > size.Asks {
			t.Errorf("%s: seed %d has %d questions, want %d at most", task, seed, len(d.Asks), size.Asks)
		}
		if seed < EvalFrom && hasHeldOut(d.Text()) {
			t.Errorf("%s: seed %d of training has a held-out word:\n%s", task, seed, d.Text())
		}
		for _, a := range d.Asks {
			if seed >= EvalFrom {
				asks++
				if a.HeldOut {
					held++
				}
			}
			if seed < EvalFrom && a.HeldOut {
				t.Errorf("%s: seed %d of training asks for something held out: %q", task, seed, a.Question)
			}
			for _, e := range a.Evidence {
				if text := d.Context[e[0]:e[1]]; hasHeldOut(text) && !a.HeldOut {
					t.Errorf("%s: seed %d: %q has something held out, and its question does not say so", task, seed, text)
				}
			}
			if !strings.HasPrefix(a.Answer, " ") || strings.Contains(a.Answer, "\n") || a.Guess <= 0 || a.Guess > 0.5 {
				t.Errorf("%s: seed %d: %+v", task, seed, a)
			}
		}
		check(t, d, size)
		if t.Failed() {
			t.Fatal("the first document that is wrong:\n" + d.Text())
		}
	}
	if held < asks/20 || held > asks*9/10 {
		t.Errorf("%s: %d of %d questions of evaluation have something held out", task, held, asks)
	}
}

// matcher reads sentences of a frame back: the groups are the slots.
func matcher(f frame, slots map[string]string) *regexp.Regexp {
	var b strings.Builder
	seen := map[string]bool{}
	rest := string(f)
	for {
		before, after, ok := strings.Cut(rest, "{")
		b.WriteString(regexp.QuoteMeta(before))
		if !ok {
			return regexp.MustCompile("^" + b.String() + "$")
		}
		slot, tail, _ := strings.Cut(after, "}")
		rest = tail
		key := strings.ToLower(slot)
		if k, article := strings.CutPrefix(key, "a "); article {
			key = k
			b.WriteString("(?:[Aa]n? )")
		}
		pattern, ok := slots[key]
		if !ok {
			pattern = `[\w ]+?`
		}
		if seen[key] {
			fmt.Fprintf(&b, "(?:%s)", pattern)
		} else {
			fmt.Fprintf(&b, "(?P<%s>%s)", key, pattern)
		}
		seen[key] = true
	}
}

// slotsOf returns what a sentence has in the slots of one of some frames: of
// the one that leaves least to them.
func slotsOf(text string, matchers []*regexp.Regexp) (slots map[string]string) {
	least := len(text)
	for _, m := range matchers {
		if found := m.FindStringSubmatch(text); found != nil {
			if n := len(strings.Join(found[1:], "")); n < least {
				least, slots = n, map[string]string{}
				for i, name := range m.SubexpNames() {
					slots[name] = found[i]
				}
			}
		}
	}
	return slots
}

// matchers reads the sentences of a list of frames back.
func matchers(l frameList, slots map[string]string) []*regexp.Regexp {
	var out []*regexp.Regexp
	for _, f := range slices.Concat(l.train, l.held) {
		out = append(out, matcher(f, slots))
	}
	return out
}

var sentenceEnd = regexp.MustCompile(`[^.!?\n]+[.!?]`)

// sentencesOf cuts a text after full stops.
func sentencesOf(text string) []string {
	var out []string
	for _, s := range sentenceEnd.FindAllString(text, -1) {
		out = append(out, strings.TrimSpace(s))
	}
	return out
}

// asked returns the words of a question without its frame.
func asked(a Ask) string {
	return strings.TrimSuffix(strings.TrimPrefix(a.Question, "Question: "), "\nAnswer:")
}

// A hopReader solves the questions of one scene by reading the text.
type hopReader struct {
	sources, links, questions []*regexp.Regexp
	answer                    frame
}

func hopReaders() []hopReader {
	var out []hopReader
	for _, s := range hopScenes {
		node := "[A-Z][a-z]+"
		if s.nouns != nil {
			node = "[a-z]+ (?:" + strings.Join(s.nouns, "|") + ")"
		}
		slots := map[string]string{"x": node, "y": node, "he": "he|she"}
		out = append(out, hopReader{matchers(s.sources, slots), matchers(s.links, slots), matchers(s.questions, slots), s.answer})
	}
	return out
}

// solve answers a question from a context and says over how many sentences;
// "" if it cannot be answered.
func (r *hopReader) solve(context, question string) (answer string, hops int) {
	slots := slotsOf(question, r.questions)
	if slots == nil {
		return "", 0
	}
	value, same := map[string]string{}, map[string]string{}
	for _, s := range sentencesOf(context) {
		if link := slotsOf(s, r.links); link != nil {
			same[link["x"]] = link["y"]
		} else if source := slotsOf(s, r.sources); source != nil {
			value[source["x"]] = source["v"]
		}
	}
	hops = 1
	for at := slots["x"]; ; hops++ {
		if v, ok := value[at]; ok {
			return " " + r.answer.fill(map[string]string{"v": v}), hops
		}
		next, ok := same[at]
		if !ok {
			return "", 0
		}
		at = next
	}
}

func TestHops(t *testing.T) {
	readers := hopReaders()
	kinds := map[string]int{}
	solve := func(context, question string) (string, int) {
		for i := range readers {
			if answer, hops := readers[i].solve(context, question); answer != "" {
				return answer, hops
			}
		}
		return "", 0
	}
	everyDocument(t, "hops", func(t *testing.T, d Document, _ Size) {
		for i, a := range d.Asks {
			answer, hops := solve(d.Context, asked(a))
			if answer != a.Answer || fmt.Sprintf("hops-%d", hops) != a.Kind || len(a.Evidence) != hops {
				t.Errorf("%q: want %q by %d hops, have %q, %s, %d pieces of evidence", asked(a), answer, hops, a.Answer, a.Kind, len(a.Evidence))
			}
			if answer, _ := solve(d.Without(i), asked(a)); answer != "" {
				t.Errorf("%q can be answered without its evidence: %q", asked(a), answer)
			}
			if strings.Contains(d.Without(i), d.Context[a.Evidence[0][0]:a.Evidence[0][1]]) {
				t.Errorf("%q: the source is still there", asked(a))
			}
			kinds[a.Kind]++
		}
	})
	all := kinds["hops-1"] + kinds["hops-2"] + kinds["hops-3"] + kinds["hops-4"]
	if easy := kinds["hops-1"] + kinds["hops-2"]; easy < all*4/10 || easy > all*7/10 || kinds["hops-4"] < all/12 {
		t.Errorf("questions by hops: %v, want about half with one or two", kinds)
	}
}

// The same question asked of a text in which the source says something else
// has another answer, so the solver above does read.
func TestHopReaderReads(t *testing.T) {
	for i, want := range map[string]string{"bell": " a bell", "apple": " an apple"} {
		text := "The red box holds " + withArticle(i) + ". The blue bag holds the same thing as the red box."
		if got, hops := hopReaders()[0].solve(text, "What does the blue bag hold?"); got != want || hops != 2 {
			t.Errorf("the blue bag holds %q by %d hops, want %q", got, hops, want)
		}
	}
}
