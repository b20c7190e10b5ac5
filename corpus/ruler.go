package corpus

import (
	"fmt"
	"slices"
	"strings"
)

// The tasks of RULER. Their prompts are RULER's to the letter, "assgined" included.
// Source: Hsieh et al. 2024, RULER, arXiv:2404.06654, and its generator
// (NVIDIA/RULER, scripts/data/synthetic).
//
// A document has one question. Context, question and the beginning of the answer in
// a row are RULER's prompt; the question begins with the prompt's last line break.
//
// Differs from RULER:
//   - Words are of our own lists (ruler.txt) instead of the package wonderwords.
//   - The essays are a text that the caller gives, read from a sentence drawn by the
//     seed on. RULER begins at the first word, so that all its examples share a text.
//   - Keys and values of a document differ from each other.
//   - Every seed shuffles anew. RULER shuffles needles and lists by one order.
//   - A document fills its size by single words or lines, and the size includes the
//     reference. RULER goes in steps of up to 500 words, and the size includes the 30
//     to 128 tokens that an answer may have.
//   - Spaces are not doubled where a needle begins or ends an essay.
var rulerTasks = []Task{
	{Name: "niah_single_1", Help: "RULER: a number in a repeated line",
		least: fewLines, write: niah{hay: noise, key: "words", value: "numbers", keys: 1, values: 1, asked: 1}.write},
	{Name: "niah_single_2", Help: "RULER: a number in a real text", Haystack: true,
		least: fewWords, write: niah{hay: essay, key: "words", value: "numbers", keys: 1, values: 1, asked: 1}.write},
	{Name: "niah_single_3", Help: "RULER: a UUID in a real text", Haystack: true,
		least: fewWords, write: niah{hay: essay, key: "words", value: "uuids", keys: 1, values: 1, asked: 1}.write},
	{Name: "niah_multikey_1", Help: "RULER: one of four numbers in a real text", Haystack: true,
		least: fewWords, write: niah{hay: essay, key: "words", value: "numbers", keys: 4, values: 1, asked: 1}.write},
	{Name: "niah_multikey_2", Help: "RULER: one number among nothing but numbers",
		least: fewLines, write: niah{hay: needles, key: "words", value: "numbers", keys: 1, values: 1, asked: 1}.write},
	{Name: "niah_multikey_3", Help: "RULER: one UUID among nothing but UUIDs",
		least: fewLines, write: niah{hay: needles, key: "uuids", value: "uuids", keys: 1, values: 1, asked: 1}.write},
	{Name: "niah_multivalue", Help: "RULER: four numbers of one key in a real text", Haystack: true,
		least: fewWords, write: niah{hay: essay, key: "words", value: "numbers", keys: 1, values: 4, asked: 1}.write},
	{Name: "niah_multiquery", Help: "RULER: the numbers of four keys in a real text", Haystack: true,
		least: fewWords, write: niah{hay: essay, key: "words", value: "numbers", keys: 4, values: 1, asked: 4}.write},
	{Name: "vt", Help: "RULER: the five variables that pass on one value", least: vtHops + 2, write: writeVT},
	{Name: "cwe", Help: "RULER: the ten words that a list repeats most often", least: 2 * cweCommon, write: writeCWE},
	{Name: "fwe", Help: "RULER: the three most frequent coded words", least: 60, write: writeFWE},
}

// RULERTasks returns the tasks of RULER but for those about Wikipedia. They are for
// evaluation alone, and not among [Tasks].
func RULERTasks() []Task { return rulerTasks }

// fill writes the document of a task of RULER with as much filler as the size
// allows. It bisects, because tokens are counted over the whole text.
func (t Task) fill(seed uint64, size Size) (Document, error) {
	if t.Haystack && len(size.Haystack) == 0 {
		return Document{}, fmt.Errorf("%s hides its needles in a text, and has none", t.Name)
	}
	var best Document
	var scarce error // why there cannot be more filler
	low, high := 0, 0
	for high != low+1 {
		n := max(t.least, 2*low)
		if high > 0 {
			n = (low + high) / 2
		}
		w := newWriter(t.Name, seed, size)
		d, err := t.write(w, n)
		if err == nil && w.cost(d.Text()) <= size.Tokens {
			best, low = d, n
			continue
		}
		high, scarce = n, err
		if low == 0 {
			break
		}
	}
	switch {
	case scarce != nil:
		return Document{}, scarce
	case low == 0:
		return Document{}, fmt.Errorf("%s of seed %d finds no room in %d tokens", t.Name, seed, size.Tokens)
	}
	return best, nil
}

// A rulerText is a context of RULER while it is written.
type rulerText struct {
	strings.Builder
	evidence [][2]int // byte ranges, ascending
}

// A piece is a sentence or a line of a context.
type piece struct {
	text     string
	evidence bool
}

// join writes pieces with a separator between them. Evidence includes the
// separator before it.
func (t *rulerText) join(pieces []piece, separator string) {
	for i, p := range pieces {
		from := t.Len()
		if i > 0 {
			t.WriteString(separator)
		}
		t.WriteString(p.text)
		if p.evidence {
			t.evidence = append(t.evidence, [2]int{from, t.Len()})
		}
	}
}

// hide puts needle i before hay[at[i]], or behind all where at[i] is len(hay). at
// ascends.
func hide(hay []string, needles []piece, at []int) []piece {
	var out []piece
	next := 0
	for i := range len(hay) + 1 {
		for ; next < len(at) && at[next] == i; next++ {
			out = append(out, needles[next])
		}
		if i < len(hay) {
			out = append(out, piece{text: hay[i]})
		}
	}
	return out
}

// someOf draws m different numbers below n, in ascending order.
func (w *writer) someOf(n, m int) []int {
	some := w.Perm(n)[:m]
	slices.Sort(some)
	return some
}

// rulerDocument ends a document: with the question, which its first line break
// parts from the context, the beginning of the answer and the references.
func (w *writer) rulerDocument(t *rulerText, question, prefix string, references []string) Document {
	return Document{Task: w.task, Seed: w.seed, Context: t.String(), Asks: []Ask{{
		Question: question + prefix, Prefix: prefix, Answer: RULERAnswer(w.task, prefix, references), Items: references,
		Evidence: t.evidence,
	}}}
}

// RULERAnswer returns references as one answer behind a text, in the form that
// RULER's solved examples have: with spaces between, in cwe as a numbered list.
func RULERAnswer(task, before string, references []string) string {
	if task == "cwe" {
		return numbered(references)
	}
	answer := ""
	for _, r := range references {
		if answer != "" || !strings.HasSuffix(before, " ") {
			answer += " "
		}
		answer += strings.TrimSpace(r)
	}
	return answer
}

// numbered returns words as RULER numbers them: "1. rope 2. drum".
func numbered(words []string) string {
	var b strings.Builder
	for i, word := range words {
		if i > 0 {
			b.WriteByte(' ')
		}
		fmt.Fprintf(&b, "%d. %s", i+1, word)
	}
	return b.String()
}
