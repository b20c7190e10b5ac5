package eval

import (
	"errors"
	"fmt"
	"math/big"
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// A Metric compares a text with references.
type Metric struct {
	Name string
	Help string // one line: what scores 1, or the unit of what lies between

	score func(got string, ask Ask) (float64, error)

	// settled reports whether no text that follows can change the score; nil: some text always can.
	settled func(got string, ask Ask) bool
}

// Metrics returns all metrics, in the order in which help shows them. With
// several references the best one counts, except for recall.
func Metrics() []Metric {
	return []Metric{
		{"exact", "1 if the text up to the newline is a reference, apart from spaces around it", best(exact), exactSettled},
		{"number", "1 if the number that the text ends in, or that follows ####, is the reference's", best(number), numberSettled},
		{"recall", "share of the references, or of what one lists, that occur in the text, in any case (RULER)", recall, foundAll},
		{"recall-any", "1 if a reference occurs in the text, in any case (RULER's qa)", best(contains), foundAny},
		{"f1", "F1 of the words, without case, punctuation and articles (SQuAD, LongBench)", best(wordF1), nil},
		{"rouge-l", "ROUGE-L, the F measure with beta 1 of distinct words (LongBench)", best(rougeL), nil},
		{"classification", "1 / classes that the text names, if the reference is one of them (LongBench)", classification, nil},
		{"count", "share of the text's numbers that are the reference (LongBench passage_count)", best(countNumber), nil},
		{"retrieval", "share of the text's numbers that are the reference's number (LongBench passage_retrieval)", best(countNumber), nil},
		{"edit-similarity", "2 * common characters in order / characters of both, first line of code (LongBench)", best(editSimilarity), nil},
	}
}

// Score says how well a text answers a question, from 0 to 1, by the metric of
// that name. It fails for an unknown name, a question without references, and
// references that the metric cannot use.
func Score(metric, got string, ask Ask) (float64, error) {
	m, err := metricNamed(metric)
	if err != nil {
		return 0, err
	}
	if len(ask.Answers) == 0 {
		return 0, fmt.Errorf("the question %q has no reference", ask.Question)
	}
	if ask.FirstLine && metric != "exact" { // exact does that itself, and is stricter
		got, _, _ = strings.Cut(strings.TrimLeft(got, "\n"), "\n")
	}
	score, err := m.score(got, ask)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", metric, err)
	}
	return score, nil
}

func metricNamed(name string) (Metric, error) {
	var names []string
	for _, m := range Metrics() {
		if m.Name == name {
			return m, nil
		}
		names = append(names, m.Name)
	}
	return Metric{}, fmt.Errorf("no metric %q; there are %s", name, strings.Join(names, ", "))
}

// settled reports whether no text that follows can change what [Score] returns. Of a metric that
// does not exist nothing is settled.
func settled(metric, got string, ask Ask) bool {
	m, err := metricNamed(metric)
	return err == nil && m.settled != nil && m.settled(got, ask)
}

// best makes a metric of a comparison with one reference.
func best(compare func(got, want string) (float64, error)) func(string, Ask) (float64, error) {
	return func(got string, ask Ask) (float64, error) {
		best := 0.0
		for _, want := range ask.Answers {
			score, err := compare(got, want)
			if err != nil {
				return 0, err
			}
			best = max(best, score)
		}
		return best, nil
	}
}

// oneIf is 1 for true.
func oneIf(right bool) float64 {
	if right {
		return 1
	}
	return 0
}

func exact(got, want string) (float64, error) {
	got, _, _ = strings.Cut(got, "\n")
	return oneIf(strings.TrimSpace(got) == strings.TrimSpace(want)), nil
}

// exactSettled is true once the line has ended, or is no beginning of a reference.
func exactSettled(got string, ask Ask) bool {
	if strings.Contains(got, "\n") {
		return true
	}
	got = strings.TrimLeftFunc(got, unicode.IsSpace)
	return !slices.ContainsFunc(ask.Answers, func(want string) bool {
		want = strings.TrimSpace(want)
		return strings.HasPrefix(want, got) || strings.TrimSpace(got) == want
	})
}

// A number of a text: 7, -7, 1,234,567 or 0.5. Commas stand between thousands
// only, so "1,2,3" is three numbers, and "9-7" is 9 and 7.
var numeral = regexp.MustCompile(`(?:\B-)?(?:\d{1,3}(?:,\d{3})+\b|\d+)(?:\.\d+)?`)

// answerNumber finds the number that a worked answer ends in: the first one
// behind "####" if there is one there, else the last of all. GSM8K's
// references have the mark, and a model that goes on with a next problem
// changes nothing behind it.
func answerNumber(text string) (*big.Rat, bool) {
	at := numeral.FindAllStringIndex(text, -1)
	if len(at) == 0 {
		return nil, false
	}
	found := at[len(at)-1]
	if mark := strings.Index(text, "####"); mark >= 0 {
		if i := slices.IndexFunc(at, func(n []int) bool { return n[0] >= mark }); i >= 0 {
			found = at[i]
		}
	}
	return new(big.Rat).SetString(strings.ReplaceAll(text[found[0]:found[1]], ",", ""))
}

func number(got, want string) (float64, error) {
	reference, ok := answerNumber(want)
	if !ok {
		return 0, fmt.Errorf("the reference %q has no number", want)
	}
	answer, ok := answerNumber(got)
	return oneIf(ok && answer.Cmp(reference) == 0), nil
}

// numberSettled is true once a line has ended with a number behind "####": it might have gone on.
func numberSettled(got string, _ Ask) bool {
	_, marked, _ := strings.Cut(got, "####")
	end := strings.LastIndexByte(marked, '\n')
	return end >= 0 && numeral.MatchString(marked[:end])
}

func contains(got, want string) (float64, error) {
	return oneIf(strings.Contains(strings.ToLower(got), strings.ToLower(strings.TrimSpace(want)))), nil
}

func recall(got string, ask Ask) (float64, error) {
	all := ask.Answers
	if len(ask.Items) > 0 {
		all = ask.Items
	}
	sum := 0.0
	for _, want := range all {
		found, _ := contains(got, want)
		sum += found
	}
	return sum / float64(len(all)), nil
}

// foundAll reports whether the text has all that recall looks for.
func foundAll(got string, ask Ask) bool {
	found, _ := recall(got, ask)
	return found == 1
}

// foundAny reports whether the text has a reference.
func foundAny(got string, ask Ask) bool {
	found, _ := best(contains)(got, ask)
	return found == 1
}

// answerWords splits a text as SQuAD's evaluation does: lower case, without
// ASCII punctuation, then without the articles a, an and the.
func answerWords(text string) []string {
	text = strings.Map(func(r rune) rune {
		if r < unicode.MaxASCII && (unicode.IsPunct(r) || unicode.IsSymbol(r)) {
			return -1
		}
		return r
	}, strings.ToLower(text))
	var words strings.Builder
	isLetter := func(r rune) bool { return unicode.IsLetter(r) || unicode.IsNumber(r) }
	for len(text) > 0 {
		end := strings.IndexFunc(text, func(r rune) bool { return !isLetter(r) })
		if end < 0 {
			end = len(text)
		}
		if word := text[:end]; word == "a" || word == "an" || word == "the" {
			words.WriteByte(' ')
		} else {
			words.WriteString(word)
		}
		text = text[end:]
		end = strings.IndexFunc(text, isLetter)
		if end < 0 {
			end = len(text)
		}
		words.WriteString(text[:end])
		text = text[end:]
	}
	return strings.Fields(words.String())
}

func wordF1(got, want string) (float64, error) {
	a, b := answerWords(got), answerWords(want)
	left := map[string]int{}
	for _, word := range b {
		left[word]++
	}
	common := 0.0
	for _, word := range a {
		if left[word] > 0 {
			left[word]--
			common++
		}
	}
	if common == 0 {
		return 0, nil
	}
	return 2 * common / float64(len(a)+len(b)), nil
}

// rougeL is ROUGE-L at the level of summaries as the Python package rouge 1.0
// has it, which LongBench uses: sentences end at full stops, words are what
// spaces separate, and a word counts once however often it occurs. With h and
// r different words in the text and in the reference, u of which lie on the
// longest common subsequence of some pair of sentences,
//
//	p = u / h    q = u / r    F = 2 p q / (p + q + 1e-8)
//
// that is, beta is 1. A text without words scores 0.
func rougeL(got, want string) (float64, error) {
	sentences := func(text string) (split [][]string, words map[string]bool) {
		words = map[string]bool{}
		for sentence := range strings.SplitSeq(text, ".") {
			if sentence == "" {
				continue
			}
			// A sentence of nothing but spaces is one empty word, as it is there.
			split = append(split, strings.Split(strings.Join(strings.Fields(sentence), " "), " "))
			for _, word := range split[len(split)-1] {
				words[word] = true
			}
		}
		return split, words
	}
	hypothesis, h := sentences(got)
	reference, r := sentences(want)
	if len(h) == 0 || len(r) == 0 {
		return 0, nil
	}
	union := map[string]bool{}
	for _, x := range reference {
		for _, y := range hypothesis {
			for _, word := range commonSubsequence(x, y) {
				union[word] = true
			}
		}
	}
	p := float64(len(union)) / float64(len(h))
	q := float64(len(union)) / float64(len(r))
	return 2 * p * q / (p + q + 1e-8), nil
}

// commonSubsequence returns a longest common subsequence of x and y, backwards.
func commonSubsequence[T comparable](x, y []T) []T {
	// length[i][j] is the length of the longest of x[:i] and y[:j].
	length := make([][]int, len(x)+1)
	for i := range length {
		length[i] = make([]int, len(y)+1)
		for j := range length[i] {
			switch {
			case i == 0 || j == 0:
			case x[i-1] == y[j-1]:
				length[i][j] = length[i-1][j-1] + 1
			default:
				length[i][j] = max(length[i-1][j], length[i][j-1])
			}
		}
	}
	var common []T
	for i, j := len(x), len(y); i > 0 && j > 0; {
		switch {
		case x[i-1] == y[j-1]:
			common = append(common, x[i-1])
			i, j = i-1, j-1
		case length[i-1][j] > length[i][j-1]:
			i--
		default:
			j--
		}
	}
	return common
}

// classification divides the point among all classes that the text names. A
// class whose name is a part of the reference's name does not count as named.
func classification(got string, ask Ask) (float64, error) {
	if len(ask.Choices) == 0 {
		return 0, errors.New("the question has no classes to choose from")
	}
	return best(func(got, want string) (float64, error) {
		named, right := 0, false
		for _, class := range ask.Choices {
			if strings.Contains(got, class) && (class == want || !strings.Contains(want, class)) {
				named++
				right = right || class == want
			}
		}
		if !right {
			return 0, nil
		}
		return 1 / float64(named), nil
	})(got, ask)
}

var digits = regexp.MustCompile(`\p{Nd}+`)

// countNumber is the share of the text's numbers that are the reference's
// first: "12", or "Paragraph 12".
func countNumber(got, want string) (float64, error) {
	reference := digits.FindString(want)
	if reference == "" {
		return 0, fmt.Errorf("the reference %q has no number", want)
	}
	numbers := digits.FindAllString(got, -1)
	if len(numbers) == 0 {
		return 0, nil
	}
	right := 0
	for _, n := range numbers {
		right += int(oneIf(n == reference))
	}
	return float64(right) / float64(len(numbers)), nil
}

// editSimilarity compares the first line that is neither a comment nor a fence
// with the reference, as LongBench does, which rounds to hundredths besides.
func editSimilarity(got, want string) (float64, error) {
	code := ""
	for line := range strings.SplitSeq(strings.TrimLeft(got, "\n"), "\n") {
		if !strings.Contains(line, "`") && !strings.Contains(line, "#") && !strings.Contains(line, "//") {
			code = line
			break
		}
	}
	a, b := []rune(code), []rune(want)
	if len(a) == 0 || len(b) == 0 {
		return 0, nil
	}
	return 2 * float64(len(commonSubsequence(a, b))) / float64(len(a)+len(b)), nil
}
