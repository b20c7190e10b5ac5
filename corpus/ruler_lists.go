package corpus

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// RULER's words, see ruler.txt.
var (
	rulerLists      = must(readWords("ruler.txt", load("ruler.txt")))
	rulerAdjectives = rulerLists["adjectives"]
	rulerNouns      = rulerLists["nouns"]
	rulerWords      = slices.Concat(rulerAdjectives.train, rulerNouns.train, rulerLists["verbs"].train)
)

// vtHops is how often vt passes its value on.
const vtHops = 4

// vtExampleLines is how many lines of noise the solved example has. RULER gives it
// as many fives as 500 tokens hold, which is two with every tokenizer.
const vtExampleLines = 10

// %[1]s is the value, %[2]d the number of variables.
const (
	vtHead     = "Memorize and track the chain(s) of variable assignment hidden in the following text.\n\n"
	vtQuestion = "\nQuestion: Find all variables that are assigned the value %[1]s in the text above."
	vtPrefix   = " Answer: According to the chain(s) of variable assignment in the text above, %[2]d variables are assgined the value %[1]s, they are: "
)

// writeVT writes variable tracking with so many lines of noise: a solved example
// with names of 3 letters, four line breaks, and the same with names of 5.
func writeVT(w *writer, lines int) (Document, error) {
	var t rulerText
	question, prefix, names := w.chain(&t, 3, vtExampleLines)
	t.WriteString(question + prefix + " " + strings.Join(names, " ") + "\n\n\n\n")
	t.evidence = nil // the example's
	question, prefix, names = w.chain(&t, 5, lines)
	d := w.rulerDocument(&t, question, prefix, names)
	d.Asks[0].Marked = true
	return d, nil
}

// chain writes one text with a chain of assignments, and returns what is asked of
// it and the names of its variables.
func (w *writer) chain(t *rulerText, letters, lines int) (question, prefix string, names []string) {
	value := fmt.Sprint(10_000 + w.IntN(89_999))
	var assignments []piece
	for i := range vtHops + 1 {
		names = append(names, w.coded('A', letters))
		from := value
		if i > 0 {
			from = "VAR " + names[i-1] + " "
		}
		assignments = append(assignments, piece{"VAR " + names[i] + " = " + from, true})
	}
	t.WriteString(vtHead)
	hay := slices.Repeat([]string{noiseLine + "\n"}, lines)
	t.join(hide(hay, assignments, w.someOf(lines, len(assignments))), " ")
	return fmt.Sprintf(vtQuestion, value), fmt.Sprintf(vtPrefix, value, len(names)), names
}

// coded draws a word of random letters from first, 'a' or 'A', on that the document
// does not have yet.
func (w *writer) coded(first byte, letters int) string {
	for {
		word := make([]byte, letters)
		for i := range word {
			word[i] = first + byte(w.IntN(26))
		}
		if s := string(word); !w.taken[s] && s != "VAR" {
			w.taken[s] = true
			return s
		}
	}
}

// cweCommon is how many words of cwe are common.
const cweCommon = 10

const (
	cweHead     = "Below is a numbered list of words. In these words, some appear more often than others. Memorize the ones that appear most often.\n"
	cweQuestion = "\nQuestion: What are the 10 most common words in the above list?"
	cwePrefix   = " Answer: The top 10 words that appear most often in the list are:"
)

// writeCWE writes common word extraction with so many different words, behind a
// solved example. Common and other words appear 30 and 3 times, 10 and 3 in the
// example; in a document of fewer than 4,096 tokens 6 times and once, 3 times and
// once in the example.
func writeCWE(w *writer, words int) (Document, error) {
	if words > len(rulerWords) {
		return Document{}, fmt.Errorf("cwe has %d words, too few for %d tokens", len(rulerWords), w.size.Tokens)
	}
	var t rulerText
	part := func(words, common, other int) []string {
		drawn := w.draw(list{train: rulerWords}, words)
		listed := slices.Concat(slices.Repeat(drawn[:cweCommon], common), slices.Repeat(drawn[cweCommon:], other))
		w.Shuffle(len(listed), func(i, j int) { listed[i], listed[j] = listed[j], listed[i] })
		t.WriteString(cweHead + numbered(listed))
		return drawn[:cweCommon]
	}
	example, list := [3]int{40, 10, 3}, [3]int{words, 30, 3}
	if w.size.Tokens < 4096 {
		example, list = [3]int{20, 3, 1}, [3]int{words, 6, 1}
	}
	solved := part(example[0], example[1], example[2])
	t.WriteString(cweQuestion + cwePrefix + numbered(solved) + "\n")
	common := part(list[0], list[1], list[2])
	return w.rulerDocument(&t, cweQuestion, cwePrefix, common), nil
}

const (
	fweHead     = "Read the following coded text and track the frequency of each coded word. Find the three most frequently appeared coded words. "
	fweQuestion = "\nQuestion: Do not provide any explanation. Please ignore the dots '....'. What are the three most frequently appeared words in the above coded text?"
	fwePrefix   = " Answer: According to the coded text above, the three most frequently appeared words are:"
)

// writeFWE writes frequent word extraction: of n words, k^-2 / zeta(2) are of rank
// k, rounded down. Rank 1 is dots. There is a rank for every 50 tokens of the
// document.
func writeFWE(w *writer, n int) (Document, error) {
	const zeta2 = math.Pi * math.Pi / 6
	vocabulary := []string{"..."}
	for len(vocabulary) < max(w.size.Tokens/50, 5) {
		vocabulary = append(vocabulary, w.coded('a', 6))
	}
	var words []string
	for i, word := range vocabulary {
		rank := float64(i + 1)
		words = append(words, slices.Repeat([]string{word}, int(float64(n)/(rank*rank)/zeta2))...)
	}
	w.Shuffle(len(words), func(i, j int) { words[i], words[j] = words[j], words[i] })
	var t rulerText
	t.WriteString(fweHead + strings.Join(words, " "))
	return w.rulerDocument(&t, fweQuestion, fwePrefix, vocabulary[1:4]), nil
}
