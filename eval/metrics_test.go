package eval

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

func TestScore(t *testing.T) {
	one := func(answer string) Ask { return Ask{Answers: []string{answer}} }
	many := func(answers ...string) Ask { return Ask{Answers: answers} }
	classes := []string{"Number", "Other number", "Food", "Date"}
	for _, tc := range []struct {
		metric, got string
		ask         Ask
		want        float64
	}{
		{"exact", " in the barn\nQuestion: and", one(" in the barn"), 1},
		{"exact", "in the barn \r\n", one(" in the barn"), 1},
		{"exact", " in the barn.", one(" in the barn"), 0},
		{"exact", " In the barn", one(" in the barn"), 0},
		{"exact", "\n in the barn", one(" in the barn"), 0},
		{"exact", "b", many("a", "b", "c"), 1},

		{"number", "3 + 4 = 7, and 7 + 5 = 12.", one("#### 12"), 1},
		{"number", "so 1,234,567 apples", one("1234567"), 1},
		{"number", "1,234", one("234"), 0},
		{"number", "the list 1,2,3", one("3"), 1}, // no thousands
		{"number", "1,2345", one("2345"), 1},
		{"number", "12.50 dollars", one("12.5"), 1},
		{"number", "#### -3", one("-3"), 1},
		{"number", "#### 3", one("-3"), 0},
		{"number", "it is 9-7", one("7"), 1}, // a dash between words is no sign
		{"number", "#### 18\nQuestion: Tom has 5", one("18"), 1},
		{"number", "18, then 5\n####", one("5"), 1},
		{"number", "none", one("5"), 0},
		{"number", "0.1", one("0.10000000000000000000001"), 0}, // no float64 between

		{"recall", "the numbers are 123 and ABC", many("123", "abc", "77", "9"), 0.5},
		{"recall-any", "the Eiffel tower", many("Louvre", "eiffel"), 1},
		{"recall-any", "the tower", many("Louvre", "eiffel"), 0},

		// cat on mat and cat sat on mat: 2*3 / (3+4).
		{"f1", "The cat, on a mat!", one("a cat sat on the mat"), 6.0 / 7},
		{"f1", "cat cat cat", one("cat dog"), 2.0 / 5}, // a word counts as often as in both
		{"f1", "x_y an-d", one("xy and"), 1},           // punctuation goes, and joins
		{"f1", "the—end", one("—end"), 1},              // only ASCII punctuation goes
		{"f1", "thé", one("thé the"), 1},
		{"f1", "an owl", one("the owl"), 1},
		{"f1", "the", one("a"), 0},
		{"f1", "", one("cat"), 0},
		{"f1", "a big dog", many("cat", "big cat", "big dog"), 1},

		// By the Python package rouge 1.0.1: Rouge().get_scores([got], [want])[0]["rouge-l"]["f"].
		{"rouge-l", "the cat sat on the mat", one("the cat lay on the mat"), 0.7999999950000002},
		{"rouge-l", "A dog ran. The cat sat on the mat.", one("The cat sat. A dog ran home."), 0.7499999950781251},
		{"rouge-l", "rain rain rain", one("rain"), 0.999999995},
		{"rouge-l", "the cat. the dog.", one("the dog."), 0.7999999952},
		{"rouge-l", "c b a", one("a b c"), 0.3333333283333334},
		{"rouge-l", "first . second", one("second first."), 0.999999995},
		{"rouge-l", "Cat", one("cat"), 0},
		{"rouge-l", "...", one("cat"), 0},

		{"classification", "Food", Ask{Answers: []string{"Food"}, Choices: classes}, 1},
		{"classification", "Food or Date", Ask{Answers: []string{"Food"}, Choices: classes}, 0.5},
		{"classification", "Food", Ask{Answers: []string{"Date"}, Choices: classes}, 0},
		{"classification", "Other number, not Number", Ask{Answers: []string{"Number"}, Choices: classes}, 0.5},
		{"classification", "Number", Ask{Answers: []string{"Number"}, Choices: []string{"Num", "Number"}}, 1}, // "Num" is in it

		{"count", "3 or 4, no, 3", one("3"), 2.0 / 3},
		{"count", "13", one("3"), 0},
		{"count", "three", one("3"), 0},
		{"retrieval", "Paragraph 12", one("Paragraph 12"), 1},
		{"retrieval", "12 of 30", one("段落12"), 0.5},

		// By the Python package Levenshtein 0.27: ratio(line, want).
		{"edit-similarity", "\n```\n# so\nreturn foo(baz)\nx", one("return foo(bar, 1)"), 0.8484848484848485},
		{"edit-similarity", "kitten", one("sitting"), 0.6153846153846154},
		{"edit-similarity", "été", one("ete"), 1.0 / 3}, // characters, not bytes
		{"edit-similarity", "// x = 1\nx", one("x"), 1},
		{"edit-similarity", "# nothing", one("x"), 0},
	} {
		got, err := Score(tc.metric, tc.got, tc.ask)
		if err != nil || !(math.Abs(got-tc.want) <= 1e-12) {
			t.Errorf("%s of %q against %q: %v, %v; want %v", tc.metric, tc.got, tc.ask.Answers, got, err, tc.want)
		}
	}
}

func TestScoreOfFirstLine(t *testing.T) {
	ask := Ask{Answers: []string{"green"}}
	for _, tc := range []struct {
		line bool
		want float64
	}{{true, 1}, {false, 0.4}} { // 2 * 1 / (4 + 1)
		ask.FirstLine = tc.line
		if got, err := Score("f1", "\n\ngreen\nblue or red", ask); err != nil || got != tc.want {
			t.Errorf("first line only: %v: f1 %v, %v; want %v", tc.line, got, err, tc.want)
		}
	}
	ask.FirstLine = true
	if got, _ := Score("exact", "\ngreen", ask); got != 0 {
		t.Errorf("exact of an answer behind an empty line: %v, want 0", got)
	}
}

func TestScoreRefuses(t *testing.T) {
	for _, tc := range []struct {
		metric string
		ask    Ask
		want   string
	}{
		{"bleu", Ask{Answers: []string{"x"}}, `no metric "bleu"; there are exact, number,`},
		{"exact", Ask{Question: "Why?"}, `the question "Why?" has no reference`},
		{"number", Ask{Answers: []string{"ten"}}, `number: the reference "ten" has no number`},
		{"count", Ask{Answers: []string{"ten"}}, `count: the reference "ten" has no number`},
		{"classification", Ask{Answers: []string{"x"}}, "classification: the question has no classes"},
	} {
		if _, err := Score(tc.metric, "x", tc.ask); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: error %v, want %q", tc.metric, err, tc.want)
		}
	}
}

// made makes up what models write: words of the references, in pieces, and what comes between.
func made(r *rand.Rand, ask Ask) string {
	parts := []string{" ", " ", "\n", ".", "-", ",", "5", "#### ", "####", "ß", "the ", " İ", "\r\n"}
	var text strings.Builder
	for range r.IntN(8) {
		part := parts[r.IntN(len(parts))]
		if from := slices.Concat(ask.Answers, ask.Items); r.IntN(2) == 0 {
			part = from[r.IntN(len(from))]
			if r.IntN(3) == 0 {
				runes := []rune(part)
				part = string(runes[:r.IntN(len(runes)+1)])
			}
			if r.IntN(3) == 0 {
				part = strings.ToUpper(part)
			}
		}
		text.WriteString(part)
	}
	return text.String()
}

// metricAsks has questions for each metric whose score can be settled.
var metricAsks = map[string][]Ask{
	"exact":      {{Answers: []string{" in the barn"}}, {Answers: []string{"in", "in the ", "barn"}}},
	"number":     {{Answers: []string{"#### 12"}}, {Answers: []string{"1,234.5", "-7"}}},
	"recall":     {{Answers: []string{"red", " reddish", "ß İ"}}, {Answers: []string{" the well and the inn"}, Items: []string{"the well", "the inn"}}},
	"recall-any": {{Answers: []string{"red", "green boat"}}},
}

// What follows a settled score does not change it.
func TestSettledScoreStays(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 0))
	for _, m := range Metrics() {
		if (m.settled != nil) != (metricAsks[m.Name] != nil) {
			t.Errorf("%s: can be settled %v, has questions %v", m.Name, m.settled != nil, metricAsks[m.Name] != nil)
		}
		for _, ask := range metricAsks[m.Name] {
			seen := map[float64]int{} // by score
			for range 20000 {
				got, more := made(r, ask), made(r, ask)
				if !settled(m.Name, got, ask) {
					continue
				}
				before, err := Score(m.Name, got, ask)
				if err != nil {
					t.Fatal(err)
				}
				seen[before]++
				if after, _ := Score(m.Name, got+more, ask); after != before {
					t.Fatalf("%s against %q: %q scores %g and is settled, %q scores %g", m.Name, ask.Answers, got, before, got+more, after)
				}
			}
			if seen[1] < 50 || (m.Name == "exact" || m.Name == "number") && seen[0] < 50 {
				t.Errorf("%s against %q: settled at %v, want many of 1, and of 0 where that can be", m.Name, ask.Answers, seen)
			}
		}
	}
}
