package corpus

import (
	"fmt"
	"math"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// testHaystack is a text of short sentences, all words of which differ.
func testHaystack(t testing.TB, sentences int) Haystack {
	t.Helper()
	var b strings.Builder
	for i := range sentences {
		fmt.Fprintf(&b, "S%d a%d b%d.\n", i, i, i)
	}
	h, err := NewHaystack(b.String())
	if err != nil || len(h) != sentences {
		t.Fatalf("%d sentences, %v; want %d", len(h), err, sentences)
	}
	return h
}

// newRULER writes a document of RULER for the estimate of tokens.
func newRULER(t testing.TB, task string, seed uint64, tokens int, h Haystack) Document {
	t.Helper()
	d, err := New(task, seed, Size{Tokens: tokens, Haystack: h})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// rulerPrompts are RULER's prompts with what differs in braces: a name that comes
// again stands for the same text. The solution after them is a line's end.
var rulerPrompts = map[string]string{
	"niah_single_1": `A special magic number is hidden within the following text. Make sure to memorize it. I will quiz you about the number afterwards.
{context}
What is the special magic number for {key} mentioned in the provided text? The special magic number for {key} mentioned in the provided text is {value}
`,
	"niah_single_3": `A special magic uuid is hidden within the following text. Make sure to memorize it. I will quiz you about the uuid afterwards.
{context}
What is the special magic uuid for {key} mentioned in the provided text? The special magic uuid for {key} mentioned in the provided text is {value}
`,
	"niah_multivalue": `Some special magic numbers are hidden within the following text. Make sure to memorize it. I will quiz you about the numbers afterwards.
{context}
What are all the special magic numbers for {key} mentioned in the provided text? The special magic numbers for {key} mentioned in the provided text are {a} {b} {c} {d}
`,
	"niah_multiquery": `Some special magic numbers are hidden within the following text. Make sure to memorize it. I will quiz you about the numbers afterwards.
{context}
What are all the special magic numbers for {k}, {l}, {m}, and {n} mentioned in the provided text? The special magic numbers for {k}, {l}, {m}, and {n} mentioned in the provided text are {a} {b} {c} {d}
`,
	"vt": `Memorize and track the chain(s) of variable assignment hidden in the following text.

{example}
Question: Find all variables that are assigned the value {solved} in the text above. Answer: According to the chain(s) of variable assignment in the text above, 5 variables are assgined the value {solved}, they are:  {v} {w} {x} {y} {z}



Memorize and track the chain(s) of variable assignment hidden in the following text.

{context}
Question: Find all variables that are assigned the value {value} in the text above. Answer: According to the chain(s) of variable assignment in the text above, 5 variables are assgined the value {value}, they are: {a} {b} {c} {d} {e}
`,
	"cwe": `Below is a numbered list of words. In these words, some appear more often than others. Memorize the ones that appear most often.
{example}
Question: What are the 10 most common words in the above list? Answer: The top 10 words that appear most often in the list are:{solution}
Below is a numbered list of words. In these words, some appear more often than others. Memorize the ones that appear most often.
{context}
Question: What are the 10 most common words in the above list? Answer: The top 10 words that appear most often in the list are:{answer}
`,
	"fwe": `Read the following coded text and track the frequency of each coded word. Find the three most frequently appeared coded words. {context}
Question: Do not provide any explanation. Please ignore the dots '....'. What are the three most frequently appeared words in the above coded text? Answer: According to the coded text above, the three most frequently appeared words are: {a} {b} {c}
`,
}

// parsePrompt returns what stands for the names in a document's prompt and answer.
func parsePrompt(t *testing.T, d Document) map[string]string {
	t.Helper()
	says := map[string]string{"niah_single_2": "niah_single_1", "niah_multikey_1": "niah_single_1",
		"niah_multikey_2": "niah_single_1", "niah_multikey_3": "niah_single_3"}
	prompt, ok := rulerPrompts[d.Task]
	if !ok {
		prompt = rulerPrompts[says[d.Task]]
	}
	names := regexp.MustCompile(`\{([a-z]+)\}`)
	pattern := regexp.QuoteMeta(prompt)
	for _, name := range names.FindAllString(prompt, -1) {
		any := `([^ \n,]+)`
		if len(name) > len("{value}") { // context, example, solution, answer
			any = `((?s:.+))`
		}
		pattern = strings.ReplaceAll(pattern, regexp.QuoteMeta(name), any)
	}
	found := regexp.MustCompile("^" + pattern + "$").FindStringSubmatch(d.Text())
	if found == nil {
		t.Fatalf("%s is not RULER's prompt:\n%s", d.Task, d.Text())
	}
	values := map[string]string{}
	for i, name := range names.FindAllStringSubmatch(prompt, -1) {
		if was, again := values[name[1]]; again && was != found[i+1] {
			t.Errorf("%s has %q and %q for %s", d.Task, was, found[i+1], name[1])
		}
		values[name[1]] = found[i+1]
	}
	return values
}

// Every document is RULER's prompt, with the question behind the context, and fits
// and fills its size to the next line or word.
func TestRULERPrompts(t *testing.T) {
	h := testHaystack(t, 5000)
	for _, task := range RULERTasks() {
		for _, tokens := range []int{1000, 4095, 4096, 9000} {
			for seed := range uint64(2) {
				d := newRULER(t, task.Name, seed, tokens, h)
				parsePrompt(t, d)
				ask := d.Asks[0]
				if !strings.HasPrefix(ask.Question, "\n") || !strings.HasSuffix(ask.Question, ask.Prefix) || strings.Contains(ask.Question[1:], "\n") {
					t.Errorf("%s asks %q with %q", d.Task, ask.Question, ask.Prefix)
				}
				step := 60 // a line with two UUIDs, and a word of cwe three times
				if task.Name == "fwe" {
					step = 100 // several ranks may gain a word at once
				}
				if n := estimate(d.Text()) + 1; n > tokens || n < tokens-step {
					t.Errorf("%s of seed %d has %d tokens, want up to %d below %d", d.Task, seed, n, step, tokens)
				}
				if again := newRULER(t, task.Name, seed, tokens, h); !reflect.DeepEqual(d, again) {
					t.Errorf("%s of seed %d is written twice and differs", d.Task, seed)
				}
				if next := newRULER(t, task.Name, seed+1, tokens, h); slices.Equal(next.Asks[0].Items, ask.Items) {
					t.Errorf("%s of seeds %d and %d have the answer %q", d.Task, seed, seed+1, ask.Items)
				}
				for _, item := range ask.Items {
					if !strings.Contains(d.Context, item) || !strings.Contains(ask.Answer, item) {
						t.Errorf("%s of seed %d: %q is not in the context, or not in the answer %q", d.Task, seed, item, ask.Answer)
					}
				}
			}
		}
	}
}

var (
	needlePattern = regexp.MustCompile(`One of the special magic (\w+) for (\S+) is: (\S+)\.`)
	specialKinds  = map[string]*regexp.Regexp{
		"words":   regexp.MustCompile(`^[a-z]+-[a-z]+$`),
		"numbers": regexp.MustCompile(`^[1-9]\d{6}$`),
		"uuids":   regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`),
	}
)

// Needles and haystacks are what the task says, and the answer's needles are what
// the question asks for.
func TestRULERNeedles(t *testing.T) {
	h := testHaystack(t, 400)
	var words []string
	for _, s := range h {
		words = append(words, s...)
	}
	text := strings.Join(slices.Concat(words, words), " ")
	for name, want := range map[string]struct {
		hay, key, value           string
		needles, keys, references int
	}{
		"niah_single_1":   {noise, "words", "numbers", 1, 1, 1},
		"niah_single_2":   {essay, "words", "numbers", 1, 1, 1},
		"niah_single_3":   {essay, "words", "uuids", 1, 1, 1},
		"niah_multikey_1": {essay, "words", "numbers", 4, 4, 1},
		"niah_multikey_2": {needles, "words", "numbers", 0, 0, 1},
		"niah_multikey_3": {needles, "uuids", "uuids", 0, 0, 1},
		"niah_multivalue": {essay, "words", "numbers", 4, 1, 4},
		"niah_multiquery": {essay, "words", "numbers", 4, 4, 4},
	} {
		for seed := range uint64(40) {
			d := newRULER(t, name, seed, 1500, h)
			context := parsePrompt(t, d)["context"]
			ask := d.Asks[0]
			question := strings.TrimSuffix(ask.Question, ask.Prefix)
			values := map[string]bool{}
			keys := map[string]int{}
			var asked []string
			found := needlePattern.FindAllStringSubmatch(context, -1)
			for _, f := range found {
				if f[1] != want.value || !specialKinds[want.key].MatchString(f[2]) || !specialKinds[want.value].MatchString(f[3]) {
					t.Errorf("%s has the needle %q", name, f[0])
				}
				values[f[3]] = true
				keys[f[2]]++
				if strings.Contains(question, f[2]) {
					asked = append(asked, f[3])
				}
			}
			if len(values) != len(found) || want.needles > 0 && len(found) != want.needles || len(found) == 0 {
				t.Errorf("%s of seed %d has %d needles with %d values, want %d", name, seed, len(found), len(values), want.needles)
			}
			if want.keys > 0 && len(keys) != want.keys || want.keys == 0 && len(keys) != len(found) {
				t.Errorf("%s of seed %d has %d keys in %d needles, want %d", name, seed, len(keys), len(found), want.keys)
			}
			items := slices.Sorted(slices.Values(ask.Items))
			if slices.Sort(asked); len(items) != want.references || !slices.Equal(asked, items) {
				t.Errorf("%s of seed %d asks %q for %q, its needles say %q", name, seed, question, items, asked)
			}
			rest := needlePattern.ReplaceAllString(context, "")
			switch want.hay {
			case noise:
				rest = strings.TrimSpace(strings.ReplaceAll(rest+"\n", noiseLine+"\n", ""))
			case needles:
				rest = strings.TrimSpace(rest)
			case essay:
				rest = strings.Join(strings.Fields(rest), " ")
				if len(rest) > 1000 && strings.Contains(text, rest) {
					rest = ""
				}
			}
			if rest != "" {
				t.Errorf("%s of seed %d: beside its needles the haystack has %q", name, seed, rest)
			}
			if guess := (map[string]float64{"niah_multikey_1": 0.25, "niah_multikey_2": 1 / float64(len(found)), "niah_multikey_3": 1 / float64(len(found))})[name]; ask.Guess != guess {
				t.Errorf("%s: a guess is right %g, want %g", name, ask.Guess, guess)
			}
		}
	}
}

// However many needles there are, each has a key and a value of its own.
func TestRULERKeysDiffer(t *testing.T) {
	const n = 5000
	for _, kind := range []string{"words", "numbers"} {
		w := newWriter("niah_multikey_2", 1, Size{})
		d, err := niah{hay: needles, key: "words", value: kind, keys: 1, values: 1, asked: 1}.write(w, n)
		if err != nil {
			t.Fatal(err)
		}
		seen := map[string]bool{}
		for _, f := range needlePattern.FindAllStringSubmatch(d.Context, -1) {
			seen[f[2]], seen[f[3]] = true, true
		}
		if len(seen) != 2*(n+1) {
			t.Errorf("%d keys and %s, want %d", len(seen), kind, 2*(n+1))
		}
	}
}

// Needles in a text stand at 40 depths from 0 to 100 %, each as often as others.
func TestRULERDepths(t *testing.T) {
	h := testHaystack(t, 400)
	seen := map[int]int{}
	const n = 2000
	for seed := range uint64(n) {
		w := newWriter("niah_single_2", seed, Size{Tokens: 1 << 20, Haystack: h})
		d, err := niah{hay: essay, key: "words", value: "numbers", keys: 1, values: 1, asked: 1}.write(w, 300)
		if err != nil {
			t.Fatal(err)
		}
		_, context, _ := strings.Cut(d.Context, "\n")
		before, _, _ := strings.Cut(context, "One of")
		seen[len(strings.Fields(before))/3]++ // of 100 sentences
	}
	if len(seen) != 40 {
		t.Errorf("needles at %d depths, want 40: %v", len(seen), seen)
	}
	for i := range 40 {
		depth := int(math.RoundToEven(float64(i) * 100 / 39))
		if got := float64(seen[depth]); math.Abs(got-n/40.) > 5*math.Sqrt(n/40.) {
			t.Errorf("%g of %d needles at %d %%, want about %d", got, n, depth, n/40)
		}
	}
}

// Where the evidence is known, it is one needle or assignment for each reference,
// and the context without it lacks every reference.
func TestRULEREvidence(t *testing.T) {
	h := testHaystack(t, 400)
	for _, task := range RULERTasks() {
		for seed := range uint64(20) {
			d := newRULER(t, task.Name, seed, 1200, h)
			if task.Name == "cwe" || task.Name == "fwe" {
				if d.Asks[0].Evidence != nil {
					t.Errorf("%s has evidence", task.Name)
				}
				continue
			}
			whole := needlePattern
			if task.Name == "vt" {
				whole = regexp.MustCompile(`VAR [A-Z]{5} = (VAR [A-Z]{5}|\d{5})`)
			}
			for _, e := range d.Asks[0].Evidence {
				if text := strings.TrimSpace(d.Context[e[0]:e[1]]); whole.FindString(text) != text {
					t.Errorf("%s of seed %d: evidence %q", task.Name, seed, text)
				}
			}
			if got, want := len(d.Asks[0].Evidence), len(d.Asks[0].Items); got != want {
				t.Errorf("%s of seed %d has %d pieces of evidence for %d references", task.Name, seed, got, want)
			}
			without := d.Without(0)
			for _, item := range d.Asks[0].Items {
				if strings.Contains(without, item) {
					t.Errorf("%s of seed %d: %q is there without its evidence", task.Name, seed, item)
				}
			}
		}
	}
}

// A chain begins with the value and has every name of the answer in order, between
// lines of noise as RULER joins them.
func TestRULERChains(t *testing.T) {
	for seed := range uint64(30) {
		d := newRULER(t, "vt", seed, 1500, nil)
		found := parsePrompt(t, d)
		for _, chain := range []struct {
			text, value string
			names       []string
			letters     int
		}{
			{found["example"], found["solved"], []string{found["v"], found["w"], found["x"], found["y"], found["z"]}, 3},
			{found["context"], found["value"], d.Asks[0].Items, 5},
		} {
			rest, from, last := chain.text+" ", chain.value, -1
			for _, name := range chain.names {
				assignment := "VAR " + name + " = " + from
				at := strings.Index(chain.text, assignment)
				if at <= last {
					t.Errorf("%q is at %d, want it after %d", assignment, at, last)
				}
				if len(name) != chain.letters || strings.ToUpper(name) != name {
					t.Errorf("the name %q, want %d capital letters", name, chain.letters)
				}
				rest = strings.Replace(rest, assignment+" ", "", 1)
				from, last = "VAR "+name+" ", at
			}
			if beside := strings.ReplaceAll(rest, noiseLine+"\n ", ""); beside != "" || !strings.HasSuffix(chain.text, noiseLine+"\n") {
				t.Errorf("beside its chain the text has %q, or ends with it:\n%s", beside, chain.text)
			}
			if lines := strings.Count(rest, noiseLine); chain.letters == 3 && lines != 10 {
				t.Errorf("the example has %d lines of noise, want 10", lines)
			}
			if !regexp.MustCompile(`^\d{5}$`).MatchString(chain.value) {
				t.Errorf("the value %q, want 5 digits", chain.value)
			}
		}
	}
}

// Words are as frequent as RULER wants them, and the answer is the most frequent.
func TestRULERFrequencies(t *testing.T) {
	words := func(list string) map[string]int {
		count := map[string]int{}
		for i, entry := range regexp.MustCompile(`(\d+)\. (\S+)`).FindAllStringSubmatch(list, -1) {
			if entry[1] != fmt.Sprint(i+1) {
				t.Fatalf("word %d has the number %s", i+1, entry[1])
			}
			count[entry[2]]++
		}
		return count
	}
	for _, tc := range []struct{ tokens, exampleWords, exampleCommon, exampleOther, common, other int }{
		{4095, 20, 3, 1, 6, 1}, {4096, 40, 10, 3, 30, 3},
	} {
		for seed := range uint64(5) {
			d := newRULER(t, "cwe", seed, tc.tokens, nil)
			found := parsePrompt(t, d)
			for _, part := range []struct {
				list, answer  string
				common, other int
			}{{found["example"], found["solution"], tc.exampleCommon, tc.exampleOther}, {found["context"], found["answer"], tc.common, tc.other}} {
				listed, answer := words(part.list), words(part.answer)
				if len(answer) != 10 {
					t.Errorf("the answer is %q, want 10 words", part.answer)
				}
				for word, n := range listed {
					if want := part.common*answer[word] + part.other*(1-answer[word]); n != want {
						t.Errorf("cwe in %d tokens has %q %d times, want %d", tc.tokens, word, n, want)
					}
				}
			}
			if n := len(words(found["example"])); n != tc.exampleWords {
				t.Errorf("the example has %d words, want %d", n, tc.exampleWords)
			}
		}
	}

	for tokens := 300; tokens < 5000; tokens += 37 {
		d := newRULER(t, "fwe", uint64(tokens), tokens, nil)
		count := map[string]int{}
		for _, word := range strings.Fields(parsePrompt(t, d)["context"]) {
			count[word]++
		}
		ranked := slices.Sorted(func(yield func(string) bool) {
			for word := range count {
				if !yield(fmt.Sprintf("%06d %s", 999999-count[word], word)) {
					return
				}
			}
		})
		if ranked[0][7:] != "..." || len(ranked) > tokens/50 {
			t.Fatalf("fwe in %d tokens begins with %q of %d words", tokens, ranked[0], len(ranked))
		}
		for i, item := range d.Asks[0].Items {
			n := count[item]
			if ranked[i+1][7:] != item || count[ranked[i+2][7:]] >= n {
				t.Errorf("fwe in %d tokens: the answer's %q, %d times, is not the only word of rank %d", tokens, item, n, i+2)
			}
			if want := float64(count["..."]) / float64((i+2)*(i+2)); math.Abs(float64(n)-want) > 1 {
				t.Errorf("fwe in %d tokens: rank %d appears %d times, want about %.1f", tokens, i+2, n, want)
			}
			if !regexp.MustCompile(`^[a-z]{6}$`).MatchString(item) {
				t.Errorf("the coded word %q", item)
			}
		}
	}
}

// What is too small or has too little to hide in is refused with the reason.
func TestRULERRefuses(t *testing.T) {
	for _, tc := range []struct {
		task string
		size Size
		want string
	}{
		{"vt", Size{Tokens: 400}, "vt of seed 0 finds no room in 400 tokens"},
		{"niah_single_1", Size{Tokens: 200}, "niah_single_1 of seed 0 finds no room in 200 tokens"},
		{"cwe", Size{Tokens: 1 << 18}, "cwe has 2057 words, too few for 262144 tokens"},
		{"niah_single_2", Size{Tokens: 1000}, "niah_single_2 hides its needles in a text, and has none"},
		{"niah_single_2", Size{Tokens: 400, Haystack: testHaystack(t, 50)}, "hidden in has 150 words, too few for 400 tokens"},
		{"niah_single_2", Size{Tokens: 1000, Haystack: testHaystack(t, 10)}, "hidden in has 30 words, too few for 1000 tokens"},
	} {
		if d, err := New(tc.task, 0, tc.size); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s in %d tokens: %d bytes, %v; want %q", tc.task, tc.size.Tokens, len(d.Context), err, tc.want)
		}
	}
	if _, err := NewHaystack(" \n"); err == nil {
		t.Error("an empty haystack is not refused")
	}
}

func TestHaystack(t *testing.T) {
	const text = "Dr. Hooke saw it (see _Fig._ 3.) twice. \"Is it so?\" He asked\nMr. I. Newton: was it? No! _It_ was 3.5 or v. 7. 12 more."
	h, err := NewHaystack(text)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{`Dr. Hooke saw it (see _Fig._ 3.) twice.`, `"Is it so?"`, `He asked Mr. I. Newton: was it?`, `No!`, `_It_ was 3.5 or v. 7. 12 more.`}
	if got := h.take(0, h.words()); !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if got, want := h.take(3, 11), []string{want[3], want[4], "Dr. Hooke"}; !slices.Equal(got, want) {
		t.Errorf("from the fourth sentence on: %q, want %q", got, want)
	}
}

// The lists have each word once.
func TestRULERWords(t *testing.T) {
	seen := map[string]bool{}
	for _, word := range rulerWords {
		if seen[word] || !regexp.MustCompile(`^[a-z]+$`).MatchString(word) {
			t.Errorf("ruler.txt has %q twice, or it is no word", word)
		}
		seen[word] = true
	}
	if keys := len(rulerAdjectives.train) * len(rulerNouns.train); keys < 100_000 {
		t.Errorf("ruler.txt makes %d keys, want at least 100,000", keys)
	}
}
