package corpus

import (
	"maps"
	"slices"
	"strconv"
)

var chainTasks = []Task{
	{Name: "hops", Help: "things that are the same as other things: follow a chain of up to four sentences", make: makeHops},
	{Name: "frequent", Help: "what occurs most often", make: makeFrequent},
	{Name: "count", Help: "how many there are", make: makeCount},
}

// A hopScene is one way to say what something has, and that something else has
// the same. The slots are x, who or what has it, y, from whom x has it, he, the
// pronoun of y, and v, the value.
type hopScene struct {
	nouns     []string // what x and y are, each in any color; none: people
	values    func(w *writer, n int) []string
	sources   frameList
	links     frameList
	questions frameList
	answer    frame
}

var (
	stops = words(`barn, school, library, bakery, harbor, mill, church, market, station, stable, tower, bridge, castle, farm,
		inn, lake, museum, office, park, pond, river, shop, theater, well, workshop | lighthouse, quarry, chapel`)
	seats = words(`by the window, by the door, near the stove, in the corner, at the long table, at the round table,
		in the last row, in the first row, on the stairs, on the bench | under the clock`)
	states = words(`open, closed, empty, full, warm, cold, dark, clean, wet, too small`)
)

// from returns the values of a list.
func from(l list) func(*writer, int) []string {
	return func(w *writer, n int) []string { return w.draw(l, n) }
}

// news draws n pieces of news about different places.
func news(w *writer, n int) []string {
	out := w.draw(stops, n)
	for i, place := range out {
		out[i] = "the " + place + " was " + w.pick(states)
	}
	return out
}

var hopScenes = []hopScene{
	{
		nouns: []string{"box", "bag", "chest"}, values: from(things),
		sources: frames(`
			The {x} holds {a v}.
			There is {a v} in the {x}.
			Somebody put {a v} into the {x}.
			The thing in the {x} is {a v}.
			|
			{A v} lies in the {x}.`),
		links: frames(`
			The {x} holds the same thing as the {y}.
			In the {x} is the same thing as in the {y}.
			The thing in the {x} is the same as in the {y}.
			|
			The {x} and the {y} hold the same thing.`),
		questions: frames(`
			What does the {x} hold?
			What is in the {x}?
			|
			Which thing does the {x} hold?`),
		answer: " {a v}",
	}, {
		values: from(numbers(2, 99)),
		sources: frames(`
			{X}'s number is {v}.
			{X} has the number {v}.
			The number of {x} is {v}.
			|
			The number that {x} has is {v}.`),
		links: frames(`
			{X}'s number is the same as {y}'s.
			{X} has the same number as {y}.
			The number of {x} is the same as that of {y}.
			|
			{X} and {y} have the same number.`),
		questions: frames(`
			What is {x}'s number?
			Which number does {x} have?`),
		answer: " {v}",
	}, {
		values: from(stops),
		sources: frames(`
			{X} is at the {v}.
			{X} is waiting at the {v}.
			{X} is now at the {v}.
			|
			{X} can be found at the {v}.`),
		links: frames(`
			{X} is with {y}.
			{X} is where {y} is.
			{X} is at the same place as {y}.
			{X} is waiting beside {y}.
			|
			{X} and {y} are at the same place.`),
		questions: frames(`
			Where is {x}?
			|
			At which place is {x}?`),
		answer: " at the {v}",
	}, {
		values: from(things),
		sources: frames(`
			{X} found {a v}.
			{X} bought {a v}.
			{X} made {a v}.
			|
			{X} picked up {a v}.`),
		links: frames(`
			{Y} gave {x} what {he} had.
			{Y} gave what {he} had to {x}.
			{X} got from {y} what {y} had.
			|
			{Y} passed what {he} had on to {x}.`),
		questions: frames(`
			What did {x} have?
			Which thing did {x} have?`),
		answer: " {a v}",
	}, {
		nouns: []string{"path", "road", "lane"}, values: from(places),
		sources: frames(`
			The {x} leads to the {v}.
			The {x} goes to the {v}.
			The {x} ends at the {v}.
			|
			The {x} takes you to the {v}.`),
		links: frames(`
			The {x} leads to the same place as the {y}.
			The {x} ends where the {y} ends.
			The {x} goes where the {y} goes.
			|
			The {x} and the {y} lead to the same place.`),
		questions: frames(`
			Where does the {x} lead?
			Where does the {x} go?`),
		answer: " to the {v}",
	}, {
		values: news,
		sources: frames(`
			{X} heard that {v}.
			{X} read in a letter that {v}.
			{X} learned that {v}.
			|
			{X} found out that {v}.`),
		links: frames(`
			{Y} told {x} what {he} knew.
			{Y} told {x} the news.
			{X} heard the news from {y}.
			|
			{X} knew the same as {y}.`),
		questions: frames(`
			What did {x} know?
			Which news did {x} know?`),
		answer: " that {v}",
	}, {
		values: from(colors),
		sources: frames(`
			{X} wears {a v} hat.
			{X}'s hat is {v}.
			{X} has {a v} hat.
			|
			The color of {x}'s hat is {v}.`),
		links: frames(`
			{X}'s hat has the same color as {y}'s.
			{X} wears a hat of the same color as {y}.
			The color of {x}'s hat is the same as that of {y}'s.
			|
			{X} and {y} wear hats of the same color.`),
		questions: frames(`
			What color is {x}'s hat?
			Which color does {x}'s hat have?`),
		answer: " {v}",
	}, {
		values: from(foods),
		sources: frames(`
			{X} ate {v}.
			{X} had {v} for lunch.
			{X} ate some {v}.
			|
			{X} wanted {v} and ate it all.`),
		links: frames(`
			{X} ate the same as {y}.
			{X} ate what {y} ate.
			{X} had the same food as {y}.
			|
			{X} and {y} ate the same.`),
		questions: frames(`
			What did {x} eat?
			|
			Which food did {x} eat?`),
		answer: " {v}",
	}, {
		values: from(towns),
		sources: frames(`
			{X} lives in {v}.
			{X} has a house in {v}.
			{X}'s home is in {v}.
			|
			The town where {x} lives is {v}.`),
		links: frames(`
			{X} lives in the same town as {y}.
			{X} lives next door to {y}.
			{X} lives where {y} lives.
			|
			{X} and {y} live in the same town.`),
		questions: frames(`
			Where does {x} live?
			In which town does {x} live?`),
		answer: " in {v}",
	}, {
		values: from(seats),
		sources: frames(`
			{X} sits {v}.
			{X} has a place {v}.
			{X}'s place is {v}.
			|
			You can see {x} {v}.`),
		links: frames(`
			{X} sits with {y}.
			{X} sits beside {y}.
			{X} sits in the same place as {y}.
			|
			{X} and {y} sit together.`),
		questions: frames(`
			Where does {x} sit?
			Where is {x}'s place?`),
		answer: " {v}",
	},
}

const (
	maxChains = 5
	maxHops   = 4
	maxPeople = 44 // of the chains, so that names are left for the filler
)

// A hop is one link of a chain that can be asked about.
type hop struct {
	ask   Ask
	facts []int // of the chain up to here
}

func makeHops(w *writer) {
	room := w.left
	groups := min(1+room/700, 3)
	share := 0.4
	if w.size.Dense {
		groups, share = len(hopScenes), 0.5
	}
	var chains [][]sentence
	var avoid []string
	var hops [maxHops][]hop
	for _, s := range w.Perm(len(hopScenes))[:groups] {
		left := int(share*float64(room)) - (room - w.left)
		if len(chains) > 0 && left < 60 {
			break
		}
		c, h, nodes := hopScenes[s].write(w, left)
		chains = append(chains, c...)
		avoid = append(avoid, nodes...)
		for i := range h {
			hops[i] = append(hops[i], h[i]...)
		}
	}

	room = w.left
	for most := w.size.Asks; w.size.Asks == 0 || most > 0; most-- {
		// Every number of hops is asked for as often, while there are any.
		var depths []int
		for depth, h := range hops {
			if len(h) > 0 {
				depths = append(depths, depth)
			}
		}
		if len(depths) == 0 {
			break
		}
		depth := depths[w.IntN(len(depths))]
		i := w.IntN(len(hops[depth]))
		h := hops[depth][i]
		hops[depth] = slices.Delete(hops[depth], i, i+1)
		enough := !w.size.Dense && len(w.asks) > 0 && room-w.left > room*2/3
		if enough || !w.fits(h.ask.Question, h.ask.Answer) {
			break
		}
		w.ask(h.ask, h.facts...)
	}
	w.weave(w.interleave(chains), avoid)
}

// write writes chains of one scene that take about as many tokens as given, at
// least two. It returns what can be asked about them by the number of hops, and
// what they are about.
func (s *hopScene) write(w *writer, tokens int) (chains [][]sentence, hops [maxHops][]hop, nodes []string) {
	n := 2 + w.IntN(maxChains-1)
	values := s.values(w, n)
	var objects []string
	if s.nouns != nil {
		for _, color := range w.draw(colors, len(colors.train)+len(colors.held)) {
			for _, noun := range s.nouns {
				objects = append(objects, color+" "+noun)
			}
		}
		w.Shuffle(len(objects), func(i, j int) { objects[i], objects[j] = objects[j], objects[i] })
	} else if len(w.taken) > maxPeople-2*maxHops {
		return nil, hops, nil
	}
	from := w.left
	for i := range values {
		length := 2 + w.IntN(maxHops-1)
		if tokens < 80 {
			length = 2
		}
		if i >= 2 && (from-w.left+14*length > tokens || s.nouns == nil && len(w.taken) > maxPeople-maxHops) {
			break
		}
		var chain []sentence
		var facts []int
		said := map[string]string{"v": values[i]}
		for depth := range length {
			said["y"] = said["x"]
			said["he"] = said["xhe"]
			if s.nouns != nil {
				said["x"], objects = objects[0], objects[1:]
				nodes = append(nodes, said["x"])
			} else {
				name, woman := w.name()
				said["x"] = name
				pronouns(said, "x", woman)
			}
			say := s.links
			if depth == 0 {
				say = s.sources
			}
			link := w.write(say, said)
			if !w.fits(link.text) {
				break
			}
			link.fact = w.fact()
			facts = append(facts, link.fact)
			chain = append(chain, link)
			q, heldQuestion := w.pickFrame(s.questions)
			hops[depth] = append(hops[depth], hop{Ask{
				Question: question(q.fill(said)), Answer: s.answer.fill(said),
				Kind: "hops-" + strconv.Itoa(depth+1), HeldOut: heldQuestion,
			}, slices.Clone(facts)})
		}
		chains = append(chains, chain)
	}
	for depth := range hops {
		for i := range hops[depth] {
			hops[depth][i].ask.Guess = 1 / float64(len(chains))
		}
	}
	return chains, hops, nodes
}

// interleave mixes texts, each of which keeps its order.
func (w *writer) interleave(texts [][]sentence) []sentence {
	var turns []int
	for i, text := range texts {
		for range text {
			turns = append(turns, i)
		}
	}
	w.Shuffle(len(turns), func(i, j int) { turns[i], turns[j] = turns[j], turns[i] })
	out := make([]sentence, len(turns))
	next := make([]int, len(texts))
	for i, turn := range turns {
		out[i] = texts[turn][next[turn]]
		next[turn]++
	}
	return out
}

// weave ends a document: it puts sentences, in their order, at random places of
// filler that takes all room that is left and has none of the words to avoid.
// A dense document has no filler.
func (w *writer) weave(facts []sentence, avoid []string) {
	var text []sentence
	for tries := 0; tries < 12 && !w.size.Dense && w.left > 8; {
		taken := maps.Clone(w.taken)
		paragraph := w.fillerParagraph()
		if mentions(paragraph, avoid) {
			w.taken = taken
			tries++
			continue
		}
		for _, s := range paragraph {
			if !w.fits(s.text) {
				tries++
				break
			}
			text = append(text, s)
		}
	}
	places := make([]int, len(facts))
	for i := range places {
		places[i] = w.IntN(len(text) + 1)
	}
	slices.Sort(places)
	for i, s := range facts {
		from := 0
		if i > 0 {
			from = places[i-1]
		}
		w.sentences = append(w.sentences, text[from:places[i]]...)
		// A fact may begin a paragraph where the filler would, or a new one in a dense text.
		between := places[i] == len(text) || text[places[i]].first
		s.first = between && w.chance(0.3)
		w.sentences = append(w.sentences, s)
	}
	if len(places) > 0 {
		text = text[places[len(places)-1]:]
	}
	w.sentences = append(w.sentences, text...)
}

// mentions says whether sentences have one of some words, or its plural.
func mentions(sentences []sentence, words []string) bool {
	for _, s := range sentences {
		for _, word := range words {
			if containsWord(s.text, word) || containsWord(s.text, word+"s") ||
				containsWord(s.text, word+"es") || containsWord(s.text, capital(word)) {
				return true
			}
		}
	}
	return false
}
