package corpus

import (
	"slices"
	"strconv"
	"strings"
)

// A tally is one way to say, sentence by sentence, what there is several times.
// The slots are who, v, what is counted, and p, a place.
type tally struct {
	kinds  list
	says   frameList
	own    bool // nobody does it twice
	most   frameList
	winner frame // the answer to most
	many   frameList
}

var tallies = must(readTallies("tallies.txt", load("tallies.txt")))

// readTallies reads tallies. The head of tallies.txt explains the fields.
func readTallies(file, text string) ([]tally, error) {
	return readSections(file, text, func(s *section) tally {
		s.need("kinds", "says", "most", "many", "winner")
		return tally{
			kinds:  s.words("kinds"),
			says:   s.frames("says"),
			own:    s.flag("own"),
			most:   s.frames("most"),
			winner: s.frame("winner"),
			many:   s.frames("many"),
		}
	})
}

// A roll is a list in one sentence. The slots are day and list.
type roll struct {
	kinds  list
	says   frameList
	most   frameList
	winner frame
}

var rolls = must(readRolls("rolls.txt", load("rolls.txt")))

// readRolls reads rolls. The head of rolls.txt explains the fields.
func readRolls(file, text string) ([]roll, error) {
	return readSections(file, text, func(s *section) roll {
		s.need("kinds", "says", "most", "winner")
		return roll{kinds: s.words("kinds"), says: s.frames("says"), most: s.frames("most"), winner: s.frame("winner")}
	})
}

var (
	days      = words("days")
	strangers = words("strangers")
)

const maxTally = 20 // statements of one tally

// makeFrequent writes lists, or statements scattered over the text.
func makeFrequent(w *writer) {
	if w.chance(0.5) {
		makeRolls(w)
	} else {
		makeTallies(w, func(t *tally, kinds []string, counts []int, facts []int) []pending {
			q, held := w.pickFrame(t.most)
			said := map[string]string{"v": kinds[0]}
			return []pending{{Ask{
				Question: question(q.fill(said)), Answer: " " + t.winner.fill(said), Kind: "most-told",
				Guess: 1 / float64(len(kinds)), HeldOut: held,
			}, facts}}
		})
	}
}

// makeCount asks for the number of every kind of thing.
func makeCount(w *writer) {
	makeTallies(w, func(t *tally, kinds []string, counts []int, facts []int) []pending {
		guess := 1 / float64(slices.Max(counts)-slices.Min(counts)+1)
		var asks []pending
		for i, kind := range kinds {
			q, held := w.pickFrame(t.many)
			asks = append(asks, pending{Ask{
				Question: question(q.fill(map[string]string{"v": kind})), Answer: " " + strconv.Itoa(counts[i]),
				Kind: "count", Guess: guess, HeldOut: held,
			}, facts[i : i+1]})
		}
		return asks
	})
}

// spread draws how often each of n kinds occurs: the first most often, by two
// at least, and all of them together up to limit times.
func (w *writer) spread(n, limit int) []int {
	counts := make([]int, n)
	lead := min(9, limit-n+1) - 2
	counts[0] = 3 + max(w.IntN(lead), w.IntN(lead))
	left := limit - counts[0]
	for i := 1; i < n; i++ {
		counts[i] = 1 + w.IntN(min(counts[0]-2, left-(n-1-i)))
		left -= counts[i]
	}
	return counts
}

// makeTallies writes statements of one or more tallies and asks about them.
// The function makes the questions; the statements about one kind of thing
// have one fact number.
func makeTallies(w *writer, questions func(t *tally, kinds []string, counts, facts []int) []pending) {
	room := w.left
	groups := min(1+room/500, 4)
	share := 0.45
	if w.size.Dense {
		groups, share = len(tallies), 0.75
	}
	// People may do several things, so that tallies share them.
	var people []string
	for range min(4+room/16, maxTally) {
		name, _ := w.name()
		people = append(people, name)
	}
	if len(people) < 5 {
		return // the smallest tally has five statements
	}
	var statements [][]sentence
	var avoid []string
	for _, i := range w.Perm(len(tallies)) {
		t := &tallies[i]
		left := int(share*float64(room)) - (room - w.left)
		if len(statements) == groups || len(statements) > 0 && (left < 100 || w.size.Asks > 0 && len(w.asks) >= w.size.Asks) {
			break
		}
		limit := max(5, min(left/14, maxTally, len(people)))
		kinds := w.draw(t.kinds, 2+w.IntN(min(3, limit/5)))
		if slices.ContainsFunc(kinds, func(kind string) bool { return slices.Contains(avoid, kind) }) {
			continue // fruit that is bought and lost, say: that would be hard on readers
		}
		counts := w.spread(len(kinds), limit)
		group, facts := t.count(w, kinds, counts, people)
		if !w.askTally(group, questions(t, kinds, counts, facts)) {
			continue
		}
		avoid = append(avoid, kinds...)
		w.Shuffle(len(group), func(i, j int) { group[i], group[j] = group[j], group[i] })
		statements = append(statements, group)
	}
	w.Shuffle(len(w.asks), func(i, j int) { w.asks[i], w.asks[j] = w.asks[j], w.asks[i] })
	w.weave(w.interleave(statements), avoid)
}

// count states that there is as much of every kind as counts says, and returns
// the fact number of every kind.
func (t *tally) count(w *writer, kinds []string, counts []int, people []string) (group []sentence, facts []int) {
	w.Shuffle(len(people), func(i, j int) { people[i], people[j] = people[j], people[i] })
	for k, kind := range kinds {
		facts = append(facts, w.fact())
		for range counts[k] {
			who := people[len(group)]
			if !t.own && w.chance(0.25) && !w.peopleOnly() {
				who = w.pick(strangers)
			}
			s := w.write(t.says, map[string]string{"who": who, "v": kind, "p": w.pick(stops)})
			s.fact = facts[k]
			group = append(group, s)
		}
	}
	return group, facts
}

// askTally takes the room of the statements of a tally and of one question
// about it, and asks that and as many others as fit. It says whether it did.
func (w *writer) askTally(statements []sentence, asks []pending) bool {
	w.Shuffle(len(asks), func(i, j int) { asks[i], asks[j] = asks[j], asks[i] })
	texts := []string{asks[0].Question, asks[0].Answer}
	for _, s := range statements {
		texts = append(texts, s.text)
	}
	if !w.fits(texts...) {
		return false
	}
	w.asks = append(w.asks, asks[0])
	for _, a := range asks[1:] {
		if (w.size.Asks == 0 || len(w.asks) < w.size.Asks) && w.fits(a.Question, a.Answer) {
			w.asks = append(w.asks, a)
		}
	}
	return true
}

// peopleOnly says whether all statements of the document are about named people.
func (w *writer) peopleOnly() bool { return w.task == "count" }

// makeRolls writes lists, one for a day, and asks for the most frequent word of each.
func makeRolls(w *writer) {
	room := w.left
	share := 0.55
	if w.size.Dense {
		share = 1
	}
	var lists []sentence
	for _, day := range w.draw(days, len(days.train)) {
		left := int(share*float64(room)) - (room - w.left)
		if len(lists) > 0 && (left < 60 || w.size.Asks > 0 && len(w.asks) >= w.size.Asks) {
			break
		}
		r := &rolls[w.IntN(len(rolls))]
		n := 3 + w.IntN(3)
		limit := 8 + w.IntN(13)
		if room < 260 {
			n, limit = 3, 7
		}
		kinds := w.draw(r.kinds, n)
		var words []string
		for i, count := range w.spread(n, limit) {
			for range count {
				words = append(words, kinds[i])
			}
		}
		w.Shuffle(len(words), func(i, j int) { words[i], words[j] = words[j], words[i] })
		said := map[string]string{"day": day, "list": strings.Join(words, ", "), "v": kinds[0]}
		s := w.write(r.says, said)
		s.fact = w.fact()
		q, heldQuestion := w.pickFrame(r.most)
		a := Ask{
			Question: question(q.fill(said)), Answer: " " + r.winner.fill(said), Kind: "most-listed",
			Guess: 1 / float64(n), HeldOut: heldQuestion,
		}
		if !w.fits(s.text, a.Question, a.Answer) {
			break
		}
		lists = append(lists, s)
		w.ask(a, s.fact)
	}
	w.Shuffle(len(lists), func(i, j int) { lists[i], lists[j] = lists[j], lists[i] })
	w.weave(lists, nil)
}
