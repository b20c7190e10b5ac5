package corpus

import (
	"errors"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A Haystack is a real text that needles are hidden in: sentences, each as its
// words.
type Haystack [][]string

// NewHaystack cuts a text into sentences. White space, line breaks included,
// counts as one space.
func NewHaystack(text string) (Haystack, error) {
	words := strings.Fields(text)
	var h Haystack
	from := 0
	for i, word := range words {
		if i+1 == len(words) || endsSentence(word, words[i+1]) {
			h = append(h, words[from:i+1])
			from = i + 1
		}
	}
	if len(h) == 0 {
		return nil, errors.New("the text has no words")
	}
	return h, nil
}

// titles are abbreviations that a name follows.
var titles = []string{"Mr", "Mrs", "Ms", "Dr", "St", "Prof"}

// endsSentence says whether a sentence ends between two words: behind a full
// stop, a question mark or an exclamation mark, before a capital letter, but not
// behind an initial or a title. Quotation marks, brackets and the underscores of
// italics may stand between.
func endsSentence(word, next string) bool {
	word = strings.Trim(word, `"'”’“‘()[]_`)
	stem, stop := strings.CutSuffix(word, ".")
	if !stop && !strings.HasSuffix(word, "?") && !strings.HasSuffix(word, "!") {
		return false
	}
	if stop && (utf8.RuneCountInString(stem) == 1 || slices.Contains(titles, stem)) {
		return false
	}
	first, _ := utf8.DecodeRuneInString(strings.TrimLeft(next, `"'“‘([_`))
	return unicode.IsUpper(first)
}

// words returns how many words the haystack has.
func (h Haystack) words() int {
	n := 0
	for _, s := range h {
		n += len(s)
	}
	return n
}

// take returns the sentences that n words from sentence start on make, the last
// one cut short. It goes on at the beginning behind the end. The haystack must
// have n words.
func (h Haystack) take(start, n int) []string {
	var out []string
	for i := start; n > 0; i++ {
		s := h[i%len(h)]
		s = s[:min(n, len(s))]
		out = append(out, strings.Join(s, " "))
		n -= len(s)
	}
	return out
}
