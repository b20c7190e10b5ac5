package corpus

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
)

// A sentence is the smallest part of a context that can be moved, cut out and
// pointed at.
type sentence struct {
	text  string
	fact  int  // what an Ask names as its evidence; 0 is nobody's evidence
	first bool // begins a paragraph
	held  bool // its frame or a word of it is held out
}

// A pending ask waits for its evidence to have a place.
type pending struct {
	Ask
	facts []int
}

// A writer collects the sentences and questions of one document. Everything
// random about the document comes from its generator.
type writer struct {
	*rand.Rand
	task      string
	seed      uint64
	size      Size
	sentences []sentence
	asks      []pending
	left      int // tokens
	facts     int // numbers given out
	taken     map[string]bool
}

func newWriter(task string, seed uint64, size Size) *writer {
	if size.Count == nil {
		size.Count = estimate
	}
	name := uint64(14695981039346656037) // FNV-1a, so that tasks of one seed differ
	for _, c := range []byte(task) {
		name = (name ^ uint64(c)) * 1099511628211
	}
	return &writer{
		Rand: rand.New(rand.NewPCG(seed, name)), task: task, seed: seed, size: size,
		left:  size.Tokens - 1, // one for BOS
		taken: map[string]bool{},
	}
}

// estimate counts the tokens of a text for who has no tokenizer: 3 for 10 bytes.
func estimate(text string) int { return (len(text)*3 + 9) / 10 }

// eval says whether held-out words and frames may be used.
func (w *writer) eval() bool { return w.seed >= EvalFrom && !w.size.Trained }

// pick draws one word of a list. Held-out words are drawn in evaluation only.
func (w *writer) pick(l list) string {
	n := len(l.train)
	if w.eval() {
		n += len(l.held)
	}
	if i := w.IntN(n); i < len(l.train) {
		return l.train[i]
	} else {
		return l.held[i-len(l.train)]
	}
}

// pickFrame draws a frame. Held-out frames are drawn in evaluation only, and
// held says so.
func (w *writer) pickFrame(l frameList) (f frame, held bool) {
	n := len(l.train)
	if w.eval() {
		n += len(l.held)
	}
	if i := w.IntN(n); i < len(l.train) {
		return l.train[i], false
	} else {
		return l.held[i-len(l.train)], true
	}
}

// write fills a frame of a list into a sentence.
func (w *writer) write(l frameList, words map[string]string) sentence {
	f, held := w.pickFrame(l)
	text := f.fill(words)
	return sentence{text: text, held: held || w.eval() && hasHeldOut(text)}
}

// draw draws n different words of a list, or all of them if there are fewer.
func (w *writer) draw(l list, n int) []string {
	all := slices.Clone(l.train)
	if w.eval() {
		all = append(all, l.held...)
	}
	w.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all[:min(n, len(all))]
}

// name draws the name of somebody who does not occur in the document yet, and
// says whether it is a woman. With all names taken it panics: there are more
// names than any document has people.
func (w *writer) name() (name string, woman bool) {
	for range 10000 {
		woman = w.chance(0.5)
		if woman {
			name = w.pick(women)
		} else {
			name = w.pick(men)
		}
		if !w.taken[name] {
			w.taken[name] = true
			return name, woman
		}
	}
	panic("BUG: all names are taken")
}

// chance is true with probability p.
func (w *writer) chance(p float64) bool { return w.Float64() < p }

// fact returns a number for a sentence that is evidence.
func (w *writer) fact() int {
	w.facts++
	return w.facts
}

// cost returns how many tokens a text takes. Sentences are counted one by one,
// with the space that will stand before them.
func (w *writer) cost(text string) int { return w.size.Count(text) + 1 }

// fits says whether texts still fit, and takes their room if they do: all or none.
func (w *writer) fits(texts ...string) bool {
	n := 0
	for _, t := range texts {
		n += w.cost(t)
	}
	if n > w.left {
		return false
	}
	w.left -= n
	return true
}

// ask adds a question whose evidence is the sentences with these fact
// numbers. The caller has made room with fits(question, answer).
func (w *writer) ask(a Ask, facts ...int) {
	w.asks = append(w.asks, pending{a, facts})
}

// question frames a question the way every document does.
func question(q string) string { return "Question: " + q + "\nAnswer:" }

// document joins the sentences and finds the evidence in them.
func (w *writer) document(plain bool) (Document, error) {
	if len(w.sentences) == 0 || len(w.asks) == 0 && !plain {
		return Document{}, fmt.Errorf("%s of seed %d finds no room in %d tokens", w.task, w.seed, w.size.Tokens)
	}
	d := Document{Task: w.task, Seed: w.seed}
	var b strings.Builder
	at := map[int][][2]int{}
	held := map[int]bool{}
	for i, s := range w.sentences {
		from := b.Len()
		if i > 0 {
			if s.first {
				b.WriteByte('\n')
				from = b.Len()
			} else {
				b.WriteByte(' ')
			}
		}
		b.WriteString(s.text)
		if s.fact != 0 {
			at[s.fact] = append(at[s.fact], [2]int{from, b.Len()})
			held[s.fact] = held[s.fact] || s.held
		}
	}
	if b.Len() > 0 {
		b.WriteByte('\n')
	}
	d.Context = b.String()
	for _, p := range w.asks {
		for _, f := range p.facts {
			if at[f] == nil {
				return Document{}, fmt.Errorf("%s of seed %d asks for a fact that its text lacks: %q", w.task, w.seed, p.Question)
			}
			p.Evidence = append(p.Evidence, at[f]...)
			p.HeldOut = p.HeldOut || held[f]
		}
		slices.SortFunc(p.Evidence, func(a, b [2]int) int { return a[0] - b[0] })
		p.HeldOut = p.HeldOut || hasHeldOut(p.Question) || hasHeldOut(p.Answer)
		d.Asks = append(d.Asks, p.Ask)
	}
	return d, nil
}
