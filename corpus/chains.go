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
	values    list     // what they have
	news      bool     // or pieces of news
	sources   frameList
	links     frameList
	questions frameList
	answer    frame
}

var hopScenes = must(readScenes("chains.txt", load("chains.txt")))

// readScenes reads ways to say that something has the same as something else.
// The head of chains.txt explains the fields.
func readScenes(file, text string) ([]hopScene, error) {
	return readSections(file, text, func(s *section) hopScene {
		s.need("sources", "links", "questions")
		h := hopScene{
			nouns:     commaSeparated(s.value("nouns")),
			sources:   s.frames("sources"),
			links:     s.frames("links"),
			questions: s.frames("questions"),
			answer:    s.frame("answer"),
		}
		if h.news = s.flag("news"); !h.news {
			h.values = s.words("values")
		}
		return h
	})
}

var (
	stops  = words("stops")
	states = words("states")
)

// draw draws up to n different values.
func (s *hopScene) draw(w *writer, n int) []string {
	if !s.news {
		return w.draw(s.values, n)
	}
	out := w.draw(stops, n)
	for i, place := range out {
		out[i] = "the " + place + " was " + w.pick(states)
	}
	return out
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
		set := hopScenes[s].write(w, left)
		chains = append(chains, set.chains...)
		avoid = append(avoid, set.nodes...)
		for depth, h := range set.hops {
			hops[depth] = append(hops[depth], h...)
		}
	}

	w.askHops(hops)
	w.weave(w.interleave(chains), avoid)
}

// askHops asks for every number of hops as often, while there is room.
func (w *writer) askHops(hops [maxHops][]hop) {
	room := w.left
	for w.size.Asks == 0 || len(w.asks) < w.size.Asks {
		var depths []int
		for depth, h := range hops {
			if len(h) > 0 {
				depths = append(depths, depth)
			}
		}
		if len(depths) == 0 {
			return
		}
		depth := depths[w.IntN(len(depths))]
		i := w.IntN(len(hops[depth]))
		h := hops[depth][i]
		hops[depth] = slices.Delete(hops[depth], i, i+1)
		enough := !w.size.Dense && len(w.asks) > 0 && room-w.left > room*2/3
		if enough || !w.fits(h.ask.Question, h.ask.Answer) {
			return
		}
		w.ask(h.ask, h.facts...)
	}
}

// A chainSet is the chains of one scene, what can be asked about them by the
// number of hops, and what they are about.
type chainSet struct {
	chains  [][]sentence
	hops    [maxHops][]hop
	nodes   []string
	objects []string // that are not nodes yet
}

// write writes chains of one scene that take about as many tokens as given, at
// least two.
func (s *hopScene) write(w *writer, tokens int) chainSet {
	values := s.draw(w, 2+w.IntN(maxChains-1))
	var set chainSet
	people := s.nouns == nil
	if people && len(w.taken) > maxPeople-2*maxHops {
		return set
	}
	if !people {
		set.objects = s.colored(w)
	}
	from := w.left
	for i, value := range values {
		length := 2 + w.IntN(maxHops-1)
		if tokens < 80 {
			length = 2
		}
		if i >= 2 && (from-w.left+14*length > tokens || people && len(w.taken) > maxPeople-maxHops) {
			break
		}
		set.chains = append(set.chains, s.chain(w, value, length, &set))
	}
	for _, hops := range set.hops {
		for i := range hops {
			hops[i].ask.Guess = 1 / float64(len(set.chains))
		}
	}
	return set
}

// colored returns the nouns of a scene in all colors, in random order.
func (s *hopScene) colored(w *writer) []string {
	var objects []string
	for _, color := range w.draw(colors, len(colors.train)+len(colors.held)) {
		for _, noun := range s.nouns {
			objects = append(objects, color+" "+noun)
		}
	}
	w.Shuffle(len(objects), func(i, j int) { objects[i], objects[j] = objects[j], objects[i] })
	return objects
}

// chain writes up to length sentences, the first of which gives a value to
// what the others pass it on to, and adds what can be asked about each.
func (s *hopScene) chain(w *writer, value string, length int, set *chainSet) []sentence {
	var chain []sentence
	var facts []int
	said := map[string]string{"v": value}
	for depth := range length {
		said["y"], said["he"] = said["x"], said["xhe"]
		if s.nouns != nil {
			said["x"], set.objects = set.objects[0], set.objects[1:]
			set.nodes = append(set.nodes, said["x"])
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
		q, held := w.pickFrame(s.questions)
		set.hops[depth] = append(set.hops[depth], hop{Ask{
			Question: question(q.fill(said)), Answer: " " + s.answer.fill(said),
			Kind: "hops-" + strconv.Itoa(depth+1), HeldOut: held,
		}, slices.Clone(facts)})
	}
	return chain
}

// interleave mixes texts, each of which keeps its order.
func (w *writer) interleave(texts [][]sentence) []sentence {
	var order []int
	for i, text := range texts {
		for range text {
			order = append(order, i)
		}
	}
	w.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
	out := make([]sentence, len(order))
	next := make([]int, len(texts))
	for i, text := range order {
		out[i] = texts[text][next[text]]
		next[text]++
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
