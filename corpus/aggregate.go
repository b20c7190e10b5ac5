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

var (
	instruments = words(`drum, flute, trumpet, violin, whistle, bell`)
	mail        = words(`letter, card, book, basket, parcel`)
	days        = words(`Monday, Tuesday, Wednesday, Thursday, Friday, Saturday, Sunday`)
	strangers   = words(`a boy, a girl, an old man, an old woman, a farmer, a child, a man, a woman, somebody, a teacher`)
)

var tallies = []tally{
	{
		kinds: animals,
		says: frames(`
			{Who} saw {a v}.
			{Who} saw {a v} at the {p}.
			{A v} was seen by {who}.
			Near the {p}, {who} saw {a v}.
			|
			At the {p}, {a v} was seen by {who}.`),
		most: frames(`
			Which animal was seen most often?
			Which animal did people see most often?`),
		winner: " the {v}",
		many: frames(`
			How many times was {a v} seen?
			How often was {a v} seen?`),
	}, {
		kinds: foods,
		says: frames(`
			{Who} bought {v}.
			{Who} bought some {v}.
			{Who} came and bought {v}.
			|
			{Who} paid and took some {v}.`),
		most: frames(`
			Which food was bought most often?
			What did people buy most often?`),
		winner: " {v}",
		many:   frames(`How many people bought {v}?`),
	}, {
		kinds: colors,
		says: frames(`
			{Who} wore {a v} hat.
			{Who} came in {a v} hat.
			{Who} had {a v} hat on.
			|
			The hat of {who} was {v}.`),
		most: frames(`
			Which color of hats was worn most often?
			Which color did most hats have?`),
		winner: " {v}",
		many: frames(`
			How many people wore {a v} hat?
			How many hats were {v}?`),
		own: true,
	}, {
		kinds: stops,
		says: frames(`
			{Who} went to the {v}.
			{Who} walked to the {v}.
			{Who} took the road to the {v}.
			|
			{Who} left for the {v}.`),
		most: frames(`
			Where did people go most often?
			Which place did people go to most often?`),
		winner: " to the {v}",
		many:   frames(`How many people went to the {v}?`),
	}, {
		kinds: things,
		says: frames(`
			{Who} lost {a v}.
			{Who} lost {a v} at the {p}.
			{A v} was lost by {who}.
			|
			{Who} looked for {a v} that was lost.`),
		most: frames(`
			Which thing was lost most often?
			What did people lose most often?`),
		winner: " {a v}",
		many:   frames(`How many people lost {a v}?`),
	}, {
		kinds: instruments,
		says: frames(`
			{Who} played the {v}.
			{Who} played the {v} for an hour.
			The {v} was played by {who}.
			|
			Then {who} began to play the {v}.`),
		most: frames(`
			Which instrument was played most often?
			What did people play most often?`),
		winner: " the {v}",
		many:   frames(`How many people played the {v}?`),
	}, {
		kinds: mail,
		says: frames(`
			{A v} came for {who}.
			{Who} got {a v}.
			There was {a v} for {who}.
			|
			The mail for {who} was {a v}.`),
		most: frames(`
			What came most often?
			What did people get most often?`),
		winner: " {a v}",
		many: frames(`
			How many people got {a v}?
			How many {v}s came?`),
	}, {
		kinds: animals,
		says: frames(`
			{Who} keeps {a v}.
			{Who} has {a v} at home.
			{Who} owns {a v}.
			|
			In the yard of {who} lives {a v}.`),
		most:   frames(`Which animal do most people keep?`),
		winner: " {a v}",
		many: frames(`
			How many people keep {a v}?
			How many people have {a v}?`),
		own: true,
	}, {
		kinds: colors,
		says: frames(`
			{Who} voted for {v}.
			{Who} wanted {v} and voted for it.
			The vote of {who} was {v}.
			|
			{Who} gave a vote to {v}.`),
		most:   frames(`Which color got the most votes?`),
		winner: " {v}",
		many: frames(`
			How many people voted for {v}?
			How many votes did {v} get?`),
		own: true,
	}, {
		kinds: stops,
		says: frames(`
			{Who} works at the {v}.
			{Who} has work at the {v}.
			{Who} works every day at the {v}.
			|
			The {v} is where {who} works.`),
		most:   frames(`Where do most people work?`),
		winner: " at the {v}",
		many:   frames(`How many people work at the {v}?`),
		own:    true,
	},
}

// A roll is a list in one sentence. The slots are day and list.
type roll struct {
	kinds  list
	says   frameList
	most   frameList
	winner frame
}

var rolls = []roll{
	{
		kinds: foods,
		says: frames(`
			On {day} people bought: {list}.
			This was bought on {day}: {list}.
			|
			What was bought on {day}: {list}.`),
		most: frames(`
			What was bought most often on {day}?
			Which food did people buy most often on {day}?`),
		winner: " {v}",
	}, {
		kinds: animals,
		says: frames(`
			On {day} the children saw: {list}.
			These animals were seen on {day}: {list}.
			|
			The animals on {day} were: {list}.`),
		most: frames(`
			What was seen most often on {day}?
			Which animal did the children see most often on {day}?`),
		winner: " the {v}",
	}, {
		kinds: things,
		says: frames(`
			On {day} the shop sold: {list}.
			These things were sold on {day}: {list}.
			|
			The things sold on {day} were: {list}.`),
		most: frames(`
			What was sold most often on {day}?
			Which thing did the shop sell most often on {day}?`),
		winner: " the {v}",
	}, {
		kinds: colors,
		says: frames(`
			On {day} these cars came by: {list}.
			The colors of the cars on {day} were: {list}.
			|
			The cars that came by on {day} were: {list}.`),
		most: frames(`
			Which color did the cars have most often on {day}?
			Which color of cars came most often on {day}?`),
		winner: " {v}",
	},
}

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
				Question: question(q.fill(said)), Answer: t.winner.fill(said), Kind: "most-told",
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
// at least, and all of them together at most so many times.
func (w *writer) spread(n, most int) []int {
	counts := make([]int, n)
	lead := min(9, most-n+1) - 2
	counts[0] = 3 + max(w.IntN(lead), w.IntN(lead))
	left := most - counts[0]
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
	used := map[string]bool{}
	asks := 0
	for _, i := range w.Perm(len(tallies)) {
		t := &tallies[i]
		left := int(share*float64(room)) - (room - w.left)
		if groups == 0 || len(statements) > 0 && (left < 100 || w.size.Asks > 0 && asks >= w.size.Asks) {
			break
		}
		most := max(5, min(left/14, maxTally, len(people)))
		n := 2 + w.IntN(min(3, most/5))
		kinds := w.draw(t.kinds, n)
		if slices.ContainsFunc(kinds, func(kind string) bool { return used[kind] }) {
			continue // fruit that is bought and lost, say: that would be hard on readers
		}
		counts := w.spread(n, most)
		var group []sentence
		var texts []string
		var facts []int
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
				texts = append(texts, s.text)
			}
		}
		pending := questions(t, kinds, counts, facts)
		w.Shuffle(len(pending), func(i, j int) { pending[i], pending[j] = pending[j], pending[i] })
		if !w.fits(append(texts, pending[0].Question, pending[0].Answer)...) {
			continue
		}
		w.asks = append(w.asks, pending[0])
		for _, p := range pending[1:] {
			asks := len(w.asks)
			if (w.size.Asks == 0 || asks < w.size.Asks) && w.fits(p.Question, p.Answer) {
				w.asks = append(w.asks, p)
			}
		}
		groups--
		asks = len(w.asks)
		for _, kind := range kinds {
			used[kind] = true
		}
		avoid = append(avoid, kinds...)
		w.Shuffle(len(group), func(i, j int) { group[i], group[j] = group[j], group[i] })
		statements = append(statements, group)
	}
	w.Shuffle(len(w.asks), func(i, j int) { w.asks[i], w.asks[j] = w.asks[j], w.asks[i] })
	w.weave(w.interleave(statements), avoid)
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
		most := 8 + w.IntN(13)
		if room < 260 {
			n, most = 3, 7
		}
		kinds := w.draw(r.kinds, n)
		var words []string
		for i, count := range w.spread(n, most) {
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
			Question: question(q.fill(said)), Answer: r.winner.fill(said), Kind: "most-listed",
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
