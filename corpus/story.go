package corpus

import (
	"slices"
)

var storyTasks = []Task{
	{Name: "story", Help: "stories, one after the other", Text: true, make: makeStories},
	{Name: "story-questions", Help: "a story and questions about who, what, where and why", make: makeStoryQuestions},
}

// makeStories fills the document with stories. Only the last may lack its end.
func makeStories(w *writer) {
	for {
		clear(w.taken) // another story may have people of the same name
		t := w.fittingTale(w.left)
		if t == nil {
			break
		}
		w.addTale(t)
	}
	for misses := 0; misses < 4; misses++ {
		clear(w.taken)
		rest := w.fillerParagraph()
		if w.left > 60 {
			rest = w.newTale(w.Float64(), false).sentences
		}
		for _, s := range rest {
			if !w.fits(s.text) {
				break
			}
			s.fact = 0
			w.sentences = append(w.sentences, s)
		}
	}
}

// fittingTale writes the tale that takes most of some room, of a few tries,
// or returns nil if none fits.
func (w *writer) fittingTale(room int) *tale {
	var best *tale
	for try := range 4 {
		t := w.newTale(w.Float64(), room < 110 || room < 250 && try%2 == 1)
		switch n := t.cost(); {
		case n > room || best != nil && n < best.cost():
			t.forget()
		default:
			if best != nil {
				best.forget()
			}
			best = t
		}
		if best != nil && room > 600 {
			break
		}
	}
	return best
}

// addTale puts a tale into the document and takes its room.
func (w *writer) addTale(t *tale) {
	for _, s := range t.sentences {
		if !w.fits(s.text) {
			panic("BUG: a tale that fits has no room")
		}
		w.sentences = append(w.sentences, s)
	}
}

// makeStoryQuestions writes a story, or several if there is much room, and
// questions about them.
func makeStoryQuestions(w *writer) {
	var queries []taleQuery
	for {
		reserve := 80
		if w.left < 240 {
			reserve = 30
		}
		if w.left-reserve < 50 || len(queries) > 0 && w.left < 450 {
			break
		}
		t := w.fittingTale(w.left - reserve)
		if t == nil {
			break
		}
		w.addTale(t)
		own := t.queries()
		w.Shuffle(len(own), func(i, j int) { own[i], own[j] = own[j], own[i] })
		for _, q := range own {
			if w.size.Asks > 0 && len(queries) >= w.size.Asks {
				break
			}
			if w.fits(question(q.question), q.answer) {
				queries = append(queries, q)
			}
		}
	}
	w.Shuffle(len(queries), func(i, j int) { queries[i], queries[j] = queries[j], queries[i] })
	for _, q := range queries {
		w.ask(Ask{Question: question(q.question), Answer: q.answer, Kind: q.kind, Guess: q.guess, HeldOut: q.held}, q.facts...)
	}
	if !w.size.Dense {
		w.pad()
	}
}

// pad puts filler between the paragraphs until the document is full.
func (w *writer) pad() {
	for misses := 0; misses < 6; {
		filler := w.fillerParagraph()
		n, room := 0, w.left
		for n < len(filler) && w.cost(filler[n].text) <= room {
			room -= w.cost(filler[n].text)
			n++
		}
		if n == 0 || n < len(filler) && misses < 3 {
			misses++ // a shorter one may fit
			continue
		}
		filler = filler[:n]
		w.left = room
		at := []int{len(w.sentences)}
		for i, s := range w.sentences {
			if s.first {
				at = append(at, i)
			}
		}
		w.sentences = slices.Insert(w.sentences, at[w.IntN(len(at))], filler...)
	}
}
