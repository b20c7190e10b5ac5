package corpus

import (
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// recalls are the tasks of retrieval but for pairs.
var recalls = []struct {
	name    string
	collect func(*recall)
	kinds   int // how many kinds it may ask for
	least   int // facts of one kind at 512 tokens
}{
	{"fact", oneKind(plainKinds), len(plainKinds), 8},
	{"facts", manyKinds(plainKinds), len(plainKinds), 2},
	{"fact-values", severalValues(plainKinds), countKinds(plainKinds, func(k *factKind) frameList { return k.all }), 8},
	{"fact-queries", severalSubjects(plainKinds), countKinds(plainKinds, func(k *factKind) frameList { return k.each }), 8},
	{"needle", singleNeedle, len(needleKinds), 1},
	{"needle-keys", oneKind(needleKinds), len(needleKinds), 8},
	{"needle-values", severalValues(needleKinds), len(needleKinds), 8},
	{"needle-queries", severalSubjects(needleKinds), len(needleKinds), 8},
}

func countKinds(kinds []*factKind, l func(*factKind) frameList) int {
	n := 0
	for _, k := range kinds {
		if l(k).train != nil {
			n++
		}
	}
	return n
}

// retell makes a document and returns what it was made from, too.
func retell(t *testing.T, task string, collect func(*recall), seed uint64, size Size) (*recall, Document) {
	t.Helper()
	r := &recall{writer: newWriter(task, seed, size)}
	collect(r)
	r.tell()
	d, err := r.document(false)
	if err != nil {
		t.Fatal(err)
	}
	return r, d
}

func factSizes(seed uint64) Size {
	return Size{
		Tokens: []int{128, 192, 255, 256, 512, 1024, 2048}[seed%7],
		Asks:   []int{0, 1, 3}[seed/7%3],
		Dense:  seed%5 == 0,
		Depth:  []float64{0, 0, 0.5, 1}[seed%4],

		Trained: seed%3 == 0,
	}
}

func TestRecall(t *testing.T) {
	for _, task := range recalls {
		for i := range uint64(800) {
			seed := i / 2
			size := factSizes(seed)
			if i%2 == 1 {
				seed += EvalFrom
			}
			r, d := retell(t, task.name, task.collect, seed, size)
			again, err := New(task.name, seed, size)
			if err != nil || !reflect.DeepEqual(d, again) {
				t.Fatalf("%s of seed %d is not the same twice: %v", task.name, seed, err)
			}
			n := estimate(d.Text())
			if n >= size.Tokens {
				t.Errorf("%s of seed %d takes %d of %d tokens", task.name, seed, n, size.Tokens)
			}
			if !size.Dense && n < size.Tokens*90/100-15 {
				t.Errorf("%s of seed %d fills %d of %d tokens", task.name, seed, n, size.Tokens)
			}
			if size.Asks > 0 && len(d.Asks) > size.Asks {
				t.Errorf("%s of seed %d asks %d times, not %d", task.name, seed, len(d.Asks), size.Asks)
			}
			checkRecall(t, r, d)
			if t.Failed() {
				t.Fatalf("%s of seed %d, %+v:\n%s", task.name, seed, size, d.Text())
			}
		}
	}
}

func checkRecall(t *testing.T, r *recall, d Document) {
	for i, c := range r.claims {
		if !strings.Contains(strings.ToLower(c.text), strings.ToLower(c.value)) {
			t.Errorf("%q does not tell %q", c.text, c.value)
		}
		for _, key := range []string{"name", "thing", "who"} {
			if s := c.words[key]; (key != "who" || c.words["name"] == "") && !strings.Contains(strings.ToLower(c.text), strings.ToLower(s)) {
				t.Errorf("%q does not tell of %q", c.text, s)
			}
		}
		for _, o := range r.claims[:i] {
			if o.kind == c.kind && o.value == c.value {
				t.Errorf("%s: two have %q", c.kind.name, c.value)
			}
		}
		if strings.Count(d.Context, c.text) != 1 {
			t.Errorf("%q is told more than once", c.text)
		}
	}
	if (r.seed < EvalFrom || r.size.Trained) && hasHeldOut(d.Text()) {
		t.Errorf("a held-out word is used")
	}
	asked := map[int]bool{}
	for i, q := range r.inquiries {
		a := d.Asks[i]
		without := d.Without(i)
		kind := r.claims[q.claims[0]].kind
		guess, held := 1.0, q.held || hasHeldOut(a.Question) || hasHeldOut(a.Answer)
		var values []string
		for j, n := range q.claims {
			c := r.claims[n]
			if asked[n] {
				t.Errorf("%q is asked for twice", c.text)
			}
			asked[n] = true
			values = append(values, c.value)
			if strings.Contains(without, c.text) {
				t.Errorf("%q is not evidence", c.text)
			}
			if j > 0 && q.all && strings.Index(d.Context, c.text) < strings.Index(d.Context, r.claims[q.claims[j-1]].text) {
				t.Errorf("%q is not in the order of the text", a.Answer)
			}
			told := map[string]bool{}
			for _, o := range r.claims {
				if o.kind == kind {
					told[o.value] = true
				}
				if o.kind == kind && o.words["who"] == c.words["who"] && !slices.Contains(q.claims, slices.IndexFunc(r.claims, func(x claim) bool { return x.fact == o.fact })) {
					t.Errorf("%q and %q are about one subject", o.text, c.text)
				}
			}
			guess /= float64(len(told))
			held = held || c.held
			for _, s := range r.sentences {
				if s.fact == 0 && (strings.Contains(s.text, c.words["who"]) && containsWord(s.text, c.value) || containsWord(s.text, c.words["who"]) && c.words["his"] != "") {
					t.Errorf("filler tells of %q: %q", c.text, s.text)
				}
			}
		}
		if len(a.Evidence) != len(q.claims) {
			t.Errorf("%d facts are evidence for %q", len(a.Evidence), a.Question)
		}
		from := 0
		for _, v := range values {
			at := strings.Index(a.Answer[from:], v)
			if at < 0 {
				t.Errorf("%q lacks %q", a.Answer, v)
			}
			from += max(at, 0)
		}
		if math.Abs(a.Guess/guess-1) > 1e-9 {
			t.Errorf("a guess is right with %g, not %g", guess, a.Guess)
		}
		if a.HeldOut != held || held && !r.eval() {
			t.Errorf("%q: held out %v, not %v", a.Question, a.HeldOut, held)
		}
		if a.Marked != kind.marked || a.Kind != kind.name || a.Answer[0] != ' ' || strings.ContainsAny(a.Answer, "\n{}") {
			t.Errorf("wrong: %+v", a)
		}
	}
}

func TestEveryKindIsAsked(t *testing.T) {
	for _, task := range recalls {
		seen := map[string]bool{}
		for seed := range uint64(700) {
			r, d := retell(t, task.name, task.collect, seed, Size{Tokens: 512, Asks: 4})
			told := map[string]int{}
			for _, c := range r.claims {
				told[c.kind.name]++
			}
			for _, a := range d.Asks {
				seen[a.Kind] = true
				if told[a.Kind] < task.least {
					t.Fatalf("%s of seed %d tells %d facts of the kind %s", task.name, seed, told[a.Kind], a.Kind)
				}
			}
		}
		if len(seen) != task.kinds {
			t.Errorf("%s asks for %d kinds of %d", task.name, len(seen), task.kinds)
		}
	}
	if len(plainKinds) < 36 {
		t.Errorf("there are %d kinds", len(plainKinds))
	}
}

// TestDepth wants evidence anywhere, or where it was told to be.
func TestDepth(t *testing.T) {
	for _, task := range recalls {
		var tenths [10]int
		n := 0
		for seed := range uint64(600) {
			_, d := retell(t, task.name, task.collect, seed, Size{Tokens: 1024, Asks: 2})
			for _, e := range d.Asks[0].Evidence {
				tenths[min(9, 10*e[0]/(len(d.Context)-(e[1]-e[0])))]++
				n++
			}
		}
		for i, count := range tenths {
			if mean := float64(n) / 10; math.Abs(float64(count)-mean) > mean/2 {
				t.Errorf("%s: %d of %d facts stand in tenth %d: %v", task.name, count, n, i, tenths)
			}
		}
		for seed := range uint64(200) {
			depth := float64(1+seed%10) / 10
			_, d := retell(t, task.name, task.collect, seed, Size{Tokens: 1024, Asks: 2, Depth: depth})
			near := 1.0
			for _, e := range d.Asks[0].Evidence {
				near = min(near, math.Abs(float64(e[0])/float64(len(d.Context)-(e[1]-e[0])-1)-depth))
			}
			if near > 0.08 {
				t.Errorf("%s of seed %d: evidence is %.2f away from %.1f", task.name, seed, near, depth)
			}
		}
	}
}

func TestFactFrames(t *testing.T) {
	names := map[string]bool{}
	for _, k := range slices.Concat(plainKinds, needleKinds) {
		if names[k.name] {
			t.Errorf("two kinds are called %s", k.name)
		}
		names[k.name] = true
		if len(k.says.train) < 4 || len(k.says.held) < 1 || len(k.asks.train) < 3 {
			t.Errorf("%s has too few frames", k.name)
		}
		if n := len(k.values.train); n > 0 && n < 12 {
			t.Errorf("%s has %d values", k.name, n)
		}
		if n := len(k.about.train); n > 0 && n < 8 {
			t.Errorf("%s is about %d subjects", k.name, n)
		}
		all := append(slices.Clone(k.values.train), k.values.held...)
		for i, v := range all {
			if heldOut[v] != (i >= len(k.values.train)) {
				t.Errorf("%s: %q is held out elsewhere", k.name, v)
			}
			for _, o := range all[:i] {
				if containsWord(v, o) || containsWord(o, v) {
					if len(all) < 100 && !strings.Contains(v, ":") {
						t.Errorf("%s: %q and %q are alike", k.name, v, o)
					}
				}
			}
		}
		r := &recall{writer: newWriter("", EvalFrom, Size{Tokens: 9999})}
		subjects, values := r.subjects(k, 8), r.values(k, 8)
		if len(subjects) < 8 || len(values) < 8 {
			t.Fatalf("%s has %d subjects and %d values", k.name, len(subjects), len(values))
		}
		for i, l := range []frameList{k.says, k.asks, k.all, k.each} {
			for _, f := range slices.Concat(l.train, l.held) {
				words := map[string]string{}
				for key, word := range subjects[0] {
					words[key] = word
				}
				if i == 0 {
					words["value"] = values[0]
				}
				text := f.fill(words)
				end := "?"
				if i == 0 {
					end = "."
				}
				if !strings.HasSuffix(text, end) || text[0] >= 'a' || strings.Contains(text, "  ") {
					t.Errorf("%s: %q", k.name, text)
				}
			}
		}
	}
}

func TestPairs(t *testing.T) {
	for i := range uint64(800) {
		seed := i / 2
		size := factSizes(seed)
		if i%2 == 1 {
			seed += EvalFrom
		}
		d, err := New("pairs", seed, size)
		if err != nil {
			t.Fatal(err)
		}
		again, _ := New("pairs", seed, size)
		if !reflect.DeepEqual(d, again) {
			t.Fatalf("seed %d is not the same twice", seed)
		}
		if n := estimate(d.Text()); n >= size.Tokens || n < size.Tokens*80/100 {
			t.Errorf("seed %d takes %d of %d tokens", seed, n, size.Tokens)
		}
		pairs := strings.Split(strings.ReplaceAll(strings.TrimSuffix(d.Context, ".\n"), "\n", " "), ". ")
		if want := len(pairs); size.Asks == 0 && len(d.Asks) != want || size.Asks > 0 && len(d.Asks) != size.Asks {
			t.Errorf("seed %d asks %d of %d pairs", seed, len(d.Asks), want)
		}
		for j, a := range d.Asks {
			if s := a.Question + a.Answer; !slices.Contains(pairs, s) || slices.Contains(strings.Split(d.Without(j), ". "), s) {
				t.Errorf("seed %d does not tell %q", seed, s)
			}
			n := 0
			for _, p := range pairs {
				if strings.HasPrefix(p, a.Question+" ") {
					n++
				}
			}
			if n != 1 || len(a.Evidence) != 1 {
				t.Errorf("seed %d tells %d times of %q", seed, n, a.Question)
			}
			if j == 0 && size.Depth > 0 {
				if at := float64(a.Evidence[0][0]) / float64(len(d.Context)); math.Abs(at-size.Depth) > 0.2 {
					t.Errorf("seed %d: %q is at %.2f, not %.1f", seed, a.Question, at, size.Depth)
				}
			}
		}
		if seed < EvalFrom && hasHeldOut(d.Text()) {
			t.Errorf("seed %d trains on held-out words", seed)
		}
		if t.Failed() {
			t.Fatalf("%+v\n%s", size, d.Text())
		}
	}
}

func BenchmarkFacts(b *testing.B) {
	for _, task := range factTasks {
		b.Run(task.Name, func(b *testing.B) {
			for i := range b.N {
				New(task.Name, uint64(i), Size{Tokens: 512})
			}
		})
	}
}

// An answer that lists several things says what they are, in its order.
func TestItemsOfAnAnswer(t *testing.T) {
	several := 0
	for _, task := range []string{"fact", "fact-values", "fact-queries", "needle-values", "needle-queries"} {
		d, err := New(task, EvalFrom, Size{Tokens: 400})
		if err != nil {
			t.Fatal(err)
		}
		for _, ask := range d.Asks {
			if want := " " + and(ask.Items); ask.Answer != want {
				t.Errorf("%s: the answer %q lists %q", task, ask.Answer, ask.Items)
			}
			if len(ask.Items) > 1 {
				several++
			}
		}
	}
	if several < 8 {
		t.Errorf("only %d answers list several things", several)
	}
}
