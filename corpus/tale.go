package corpus

import (
	"fmt"
	"slices"
)

// The words of tales.
var (
	storyWeather = words("story weather")
	storyMonths  = words("story month")
	storyDays    = words("story days")
	storyJobs    = words("story job")
	storyAnimals = words("story animal")
	storyMoods   = words("story mood")

	itemKinds = map[string]list{
		"portable": words("item portable"),
		"toy":      words("item toy"),
		"tool":     words("item tool"),
		"small":    words("item small"),
		"gift":     words("item gift"),
	}
	placeKinds = map[string]list{
		"out": words("place out"),
		"in":  words("place in"),
	}
)

// A person of a tale.
type person struct {
	name  string
	place string // a place, or "" for where the tale begins
	fact  int    // what says so
}

// An item of a tale: somebody holds it, or it lies at a place.
type item struct {
	name   string
	holder *person
	place  string
	fact   int // what says so
}

// An event is what one sentence of a tale changes or states.
type event struct {
	op   string
	args []string
	fact int
}

// A tale is one story in the making: a small world, and the sentences and
// events so far.
type tale struct {
	*writer
	words     map[string]string // of all frames
	people    map[string]*person
	items     map[string]*item
	cast      []string // roles, in the order of their coming
	goods     []string
	offers    map[string][]string
	sentences []sentence
	events    []event
	names     []string // taken
	detail    float64  // how many of the optional steps are told
	paragraph bool     // the next sentence begins a paragraph
}

// newTale writes one tale. Items and towns that the document has already are
// avoided.
func (w *writer) newTale(detail float64, mini bool) *tale {
	t := &tale{
		writer: w, words: map[string]string{}, people: map[string]*person{}, items: map[string]*item{},
		offers: map[string][]string{}, detail: detail, paragraph: true,
	}
	p := &plots[w.IntN(len(plots))]
	for p.mini != mini {
		p = &plots[w.IntN(len(plots))]
	}
	for _, role := range p.roles {
		t.bind(role.name, role.kind)
	}
	t.words["town"] = t.fresh(towns)
	t.words["weather"] = w.pick(storyWeather)
	t.words["month"] = w.pick(storyMonths)
	t.words["food"] = w.pick(foods)
	t.words["days"] = w.pick(storyDays)
	t.words["smell"] = w.pick(fillerSmells)
	t.words["sound"] = w.pick(fillerSounds)
	t.words["far"] = w.pick(fillerFars)
	if !mini && w.chance(0.4) {
		r := registers[w.IntN(len(registers))]
		t.bind("n", "person")
		t.tell(r.open)
		t.paragraph = true
		t.tell(p.body)
		t.paragraph = true
		t.tell(r.end)
	} else {
		t.tell(p.body)
	}
	return t
}

// fresh draws a word that the document does not use yet, and takes it.
func (t *tale) fresh(l list) string {
	for range 100 {
		if word := t.pick(l); !t.taken[word] {
			t.taken[word] = true
			t.names = append(t.names, word)
			return word
		}
	}
	return t.pick(l)
}

// forget gives back the words that a discarded tale had taken.
func (t *tale) forget() {
	for _, n := range t.names {
		delete(t.taken, n)
	}
}

// bind gives a role its person, item or place.
func (t *tale) bind(role, kind string) {
	if l, ok := itemKinds[kind]; ok {
		name := t.fresh(l)
		t.words[role] = name
		t.items[role] = &item{name: name}
		t.goods = append(t.goods, role)
		return
	}
	if l, ok := placeKinds[kind]; ok {
		place := t.fresh(l)
		t.words[role] = "the " + place
		t.words["in."+role] = in(place)
		return
	}
	name, woman := t.name()
	t.names = append(t.names, name)
	t.people[role] = &person{name: name}
	t.cast = append(t.cast, role)
	t.words[role] = name
	pronouns(t.words, role+".", woman)
	if kind == "person" {
		kind = []string{"child", "grown", "old"}[t.IntN(3)]
	}
	is := map[string][2]string{"child": {"boy", "girl"}, "grown": {"man", "woman"}, "old": {"old man", "old woman"}}[kind]
	t.words[role+".kind"] = is[0]
	if woman {
		t.words[role+".kind"] = is[1]
	}
	t.words[role+".job"] = t.pick(storyJobs)
	t.words[role+".animal"] = t.pick(storyAnimals)
	t.words[role+".color"] = t.pick(colors)
	t.words[role+".food"] = t.pick(foods)
	t.words[role+".mood"] = t.pick(storyMoods)
}

// in puts a preposition before a place.
func in(place string) string {
	switch place {
	case "bridge", "island", "farm":
		return "on the " + place
	case "market", "station", "lake", "river", "pond", "well", "mill", "harbor", "school":
		return "at the " + place
	}
	return "in the " + place
}

// tell tells the nodes of a plot in their order.
func (t *tale) tell(nodes []node) {
	for i := range nodes {
		n := &nodes[i]
		switch {
		case n.choice != nil:
			t.tell(n.choice[t.IntN(len(n.choice))])
		case n.optional && !t.chance(t.detail):
			t.paragraph = t.paragraph || n.paragraph
		default:
			s := t.write(n.frames, t.words)
			s.first = t.paragraph || n.paragraph
			t.paragraph = false
			s.fact = t.fact()
			for _, e := range n.effects {
				t.happen(e, s.fact)
			}
			t.sentences = append(t.sentences, s)
		}
	}
}

// offer notes that the text names a value of a kind.
func (t *tale) offer(kind, value string) {
	if !slices.Contains(t.offers[kind], value) {
		t.offers[kind] = append(t.offers[kind], value)
	}
}

// happen changes the world. It panics if an event cannot happen: somebody
// gives what they do not hold, or takes what is elsewhere.
func (t *tale) happen(e effect, fact int) {
	must := func(ok bool, what string) {
		if !ok {
			panic(fmt.Sprintf("BUG: %s %v: %s", e.op, e.args, what))
		}
	}
	who := func(i int) *person {
		p := t.people[e.args[i]]
		must(p != nil, "no such person")
		return p
	}
	what := func(i int) *item {
		x := t.items[e.args[i]]
		must(x != nil, "no such thing")
		return x
	}
	where := func(i int) string {
		place, ok := t.words[e.args[i]]
		must(ok, "no such place")
		t.offer("place", place)
		return place
	}
	move := func(x *item, to *person, place string) { x.holder, x.place, x.fact = to, place, fact }
	switch e.op {
	case "own":
		must(what(1).holder == nil && what(1).place == "", "it is somewhere already")
		move(what(1), who(0), "")
	case "at":
		must(who(0).place == "", "they are somewhere already: go")
		who(0).place, who(0).fact = where(1), fact
	case "go":
		must(who(0).place != where(1), "they are there")
		who(0).place, who(0).fact = where(1), fact
	case "give":
		must(what(2).holder == who(0), "they do not hold it")
		must(who(0).place == who(1).place, "they are not together")
		move(what(2), who(1), "")
	case "leave", "hide":
		must(what(1).holder == who(0), "they do not hold it")
		must(who(0).place == where(2), "they are elsewhere")
		move(what(1), nil, where(2))
	case "lies":
		must(what(0).holder == nil && what(0).place == "", "it is somewhere already")
		move(what(0), nil, where(1))
	case "lose":
		must(what(1).holder == who(0), "they do not hold it")
		move(what(1), nil, t.words[e.args[2]])
	case "find", "take":
		must(what(1).holder == nil && what(1).place == who(0).place, "it is not there")
		move(what(1), who(0), "")
	}
	t.events = append(t.events, event{e.op, e.args, fact})
}

// cost returns how many tokens the sentences of the tale take.
func (t *tale) cost() int {
	n := 0
	for _, s := range t.sentences {
		n += t.writer.cost(s.text)
	}
	return n
}
