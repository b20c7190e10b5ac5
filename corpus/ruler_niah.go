package corpus

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// What needles are hidden in.
const (
	noise   = "noise"   // one line again and again
	essay   = "essay"   // Size.Haystack
	needles = "needles" // other needles of the same kind
)

// The least haystacks, in words and in lines.
const (
	fewWords = 100
	fewLines = 5
)

// noiseLine is the line of the haystack noise, and of vt.
const noiseLine = "The grass is green. The sky is blue. The sun is yellow. Here we go. There and back again."

// A niah is a needle in a haystack: what is hidden in what, and asked for.
type niah struct {
	hay        string
	key, value string // kinds of what a needle tells: words, numbers or uuids
	keys       int    // with needles of their own, apart from those of the haystack
	values     int    // of each key
	asked      int    // keys in the question
}

// A document about one value and one about several say: what begins the context,
// the question, and the beginning of the answer. %[1]s is the kind of the values,
// %[2]s the keys.
var (
	niahOne = [3]string{
		"A special magic %[1]s is hidden within the following text. Make sure to memorize it. I will quiz you about the %[1]s afterwards.\n",
		"\nWhat is the special magic %[1]s for %[2]s mentioned in the provided text?",
		" The special magic %[1]s for %[2]s mentioned in the provided text is",
	}
	niahMany = [3]string{
		"Some special magic %[1]s are hidden within the following text. Make sure to memorize it. I will quiz you about the %[1]s afterwards.\n",
		"\nWhat are all the special magic %[1]s for %[2]s mentioned in the provided text?",
		" The special magic %[1]s for %[2]s mentioned in the provided text are",
	}
)

// write writes a document with so many words of an essay, or lines of another
// haystack.
func (n niah) write(w *writer, size int) (Document, error) {
	keys, values := make([]string, n.keys), make([][]string, n.keys)
	for i := range keys {
		keys[i] = w.special(n.key)
		for range n.values {
			values[i] = append(values[i], w.special(n.value))
		}
	}
	var queries, references []string
	asked := w.Perm(n.keys)[:n.asked]
	for _, i := range asked {
		queries = append(queries, keys[i])
		references = append(references, values[i]...)
	}
	var hidden []piece
	for i, key := range keys {
		for _, value := range values[i] {
			hidden = append(hidden, piece{n.needle(key, value), slices.Contains(asked, i)})
		}
	}
	w.Shuffle(len(hidden), func(i, j int) { hidden[i], hidden[j] = hidden[j], hidden[i] })

	says, kind := niahMany, n.value
	if len(references) == 1 {
		says, kind = niahOne, strings.TrimSuffix(n.value, "s")
	}
	query := strings.Join(queries, ", ")
	if last := len(queries) - 1; last > 0 {
		query = strings.Join(queries[:last], ", ") + ", and " + queries[last]
	}
	var t rulerText
	fmt.Fprintf(&t, says[0], kind)
	if err := n.hide(w, &t, hidden, size); err != nil {
		return Document{}, err
	}
	d := w.rulerDocument(&t, fmt.Sprintf(says[1], kind, query), fmt.Sprintf(says[2], kind, query), references)
	ask := &d.Asks[0]
	ask.Marked = n.hay != needles
	switch {
	case n.hay == needles:
		ask.Guess = 1 / float64(size+1)
	case n.keys > n.asked:
		ask.Guess = float64(n.asked) / float64(n.keys)
	}
	return d, nil
}

// hide writes the haystack with the needles in it: lines, each needle before one of
// them; or sentences, each needle at one of 40 depths from 0 to 100 % of them.
func (n niah) hide(w *writer, t *rulerText, hidden []piece, size int) error {
	if n.hay == essay {
		if most := w.size.Haystack.words(); size > most {
			return fmt.Errorf("the text that needles are hidden in has %d words, too few for %d tokens", most, w.size.Tokens)
		}
		const depths = 40
		at := w.someOf(depths, len(hidden))
		hay := w.size.Haystack.take(w.IntN(len(w.size.Haystack)), size)
		for i, depth := range at {
			percent := math.RoundToEven(100 * float64(depth) / (depths - 1))
			at[i] = len(hay) * int(percent) / 100
		}
		t.join(hide(hay, hidden, at), " ")
		return nil
	}
	at := w.someOf(size, len(hidden))
	hay := make([]string, size)
	for i := range hay {
		hay[i] = noiseLine
		if n.hay == needles {
			hay[i] = n.needle(w.special(n.key), w.special(n.value))
		}
	}
	t.join(hide(hay, hidden, at), "\n")
	return nil
}

// needle returns the sentence that tells one value of a key.
func (n niah) needle(key, value string) string {
	return fmt.Sprintf("One of the special magic %s for %s is: %s.", n.value, key, value)
}

// special draws a key or value that the document does not have yet: words, that is
// an adjective and a noun, a number of 7 digits, or a UUID of version 4.
func (w *writer) special(kind string) string {
	for {
		var s string
		switch kind {
		case "words":
			s = w.pick(rulerAdjectives) + "-" + w.pick(rulerNouns)
		case "numbers":
			s = fmt.Sprint(1_000_000 + w.IntN(9_000_000))
		case "uuids":
			a, b := w.Uint64(), w.Uint64()
			a = a&^0xf000 | 0x4000 // the version
			b = b&^(3<<62) | 2<<62 // the variant
			s = fmt.Sprintf("%08x-%04x-%04x-%04x-%012x", a>>32, a>>16&0xffff, a&0xffff, b>>48, b&(1<<48-1))
		}
		if !w.taken[s] {
			w.taken[s] = true
			return s
		}
	}
}
