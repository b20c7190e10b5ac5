package corpus

import (
	"fmt"
	"slices"
	"strings"
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
			panic("corpus: a tale that fits has no room")
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

// spareNames is how many names filler leaves to others.
const spareNames = 40

// spare says whether filler may take one more name.
func (w *writer) spare() bool {
	free := 0
	for _, l := range []list{women, men} {
		for _, name := range l.train {
			if !w.taken[name] {
				free++
			}
		}
	}
	return free > spareNames
}

// fillerParagraph writes a paragraph of three to six sentences that answers no
// question: it gives nobody a place, a job, an animal or a thing. It takes no
// room.
func (w *writer) fillerParagraph() []sentence {
	t := themes[w.IntN(len(themes))]
	words := map[string]string{
		"day": w.pick(fillerDays), "sky": w.pick(fillerSkies), "air": w.pick(fillerAirs),
		"smell": w.pick(fillerSmells), "wind": w.pick(fillerWinds), "sound": w.pick(fillerSounds),
		"far": w.pick(fillerFars), "way": w.pick(fillerWays),
	}
	switch {
	case t.plural:
		words["who"] = w.pick(fillerMany)
		words["they"] = "they"
	case w.spare() && w.chance(0.3):
		name, woman := w.name()
		words["who"], words["they"] = name, name
		pronouns(words, "", woman)
	default:
		words["who"] = w.pick(fillerOnes)
		_, noun, _ := strings.Cut(words["who"], " ")
		words["they"] = "the " + noun
		pronouns(words, "", strings.HasSuffix(noun, "woman") || strings.HasSuffix(noun, "girl"))
	}
	var out []sentence
	for i, step := range t.steps {
		s := w.write(step, words)
		s.first = i == 0
		out = append(out, s)
		if more := w.IntN(3) == 0 && i > 0 && i < len(t.steps)-1; more {
			if s := w.write(step, words); s.text != out[len(out)-1].text {
				out = append(out, s)
			}
		}
	}
	if drop := w.IntN(2 * len(out)); drop > 0 && drop < len(out) && len(out) > 3 {
		out = append(out[:drop], out[drop+1:]...)
	}
	return out
}

// pronouns adds the pronouns of a person to the words of a frame, under keys
// with a prefix: "he", "him", "his".
func pronouns(words map[string]string, prefix string, woman bool) {
	words[prefix+"he"], words[prefix+"him"], words[prefix+"his"] = "he", "him", "his"
	if woman {
		words[prefix+"he"], words[prefix+"him"], words[prefix+"his"] = "she", "her", "her"
	}
}

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

// A taleQuery is a question that a tale could be asked.
type taleQuery struct {
	kind, question, answer string
	guess                  float64
	facts                  []int
	held                   bool
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
			panic(fmt.Sprintf("corpus: %s %v: %s", e.op, e.args, what))
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

// queries returns the questions that the tale answers.
func (t *tale) queries() []taleQuery {
	var out []taleQuery
	add := func(kind, role, item, place, answer string, guess int, facts ...int) {
		words := map[string]string{"a": t.words[role], "x": t.words[item], "p": t.words[place], "town": t.words["town"]}
		f, held := t.pickFrame(storyQuestions[kind])
		for _, s := range t.sentences {
			if !slices.Contains(facts, s.fact) && t.repeats(s.text, answer, words["a"], words["x"]) {
				facts = append(facts, s.fact)
			}
		}
		out = append(out, taleQuery{kind, f.fill(words), " " + answer, 1 / float64(max(1, guess)), facts, held})
	}
	once := func(op string, match func(args []string) bool) bool {
		n := 0
		for _, e := range t.events {
			if e.op == op && match(e.args) {
				n++
			}
		}
		return n == 1
	}
	same := func(i int, arg string) func([]string) bool {
		return func(args []string) bool { return args[i] == arg }
	}
	people, places, goods := len(t.cast), len(t.offers["place"]), len(t.goods)
	for _, role := range t.goods {
		x := t.items[role]
		switch {
		case x.holder != nil:
			add("holder", "", role, "", x.holder.name, people, x.fact)
		case x.place != "" && x.fact != 0 && !t.lost(role):
			add("lies", "", role, "", x.place, places, x.fact)
		}
	}
	for _, role := range t.cast {
		if p := t.people[role]; p.fact != 0 {
			add("place", role, "", "", p.place, places, p.fact)
		}
	}
	for _, e := range t.events {
		arg := func(i int) string { return t.words[e.args[i]] }
		switch e.op {
		case "give":
			x := e.args[2]
			if once("give", func(a []string) bool { return a[1] == e.args[1] && a[2] == x }) {
				add("giver", e.args[1], x, "", arg(0), people-1, e.fact)
			}
		case "leave", "hide":
			if once(e.op, func(a []string) bool { return a[0] == e.args[0] && a[1] == e.args[1] }) {
				add(e.op, e.args[0], e.args[1], "", arg(2), places, e.fact)
			}
		case "find":
			if once("find", same(1, e.args[1])) {
				add("finder", "", e.args[1], "", arg(0), people, e.fact)
				add("found at", e.args[0], e.args[1], "", arg(2), places, e.fact)
			}
			if once("find", same(0, e.args[0])) {
				add("found", e.args[0], "", "", "the "+arg(1), goods, e.fact)
			}
		case "want":
			add("wish", e.args[0], "", "", withArticle(arg(1)), goods, e.fact)
		case "first":
			add("first", "", "", e.args[1], arg(0), people, e.fact)
		case "why":
			add("why", e.args[0], "", "", frame(strings.Join(e.args[1:], " ")).fill(t.words), t.count("why"), e.fact)
		case "job", "animal", "color":
			add(e.op, e.args[0], "", "", t.words[e.args[0]+"."+e.op], t.count(e.op), e.fact)
		case "felt":
			if once("felt", same(0, e.args[0])) {
				add("felt", e.args[0], "", "", t.words[e.args[0]+".mood"], t.count("felt"), e.fact)
			}
		case "ate":
			add("ate", e.args[0], "", "", t.words["food"], t.count("ate"), e.fact)
		case "weather":
			add("weather", "", "", "", t.words["weather"], 1, e.fact)
		case "wrote":
			add("wrote", "", "", "", arg(0), people, e.fact)
		}
	}
	return out
}

// repeats says whether a sentence gives an answer away: it names the answer
// together with the item that the question is about or, if there is none, the
// person.
func (t *tale) repeats(text, answer, person, item string) bool {
	if person == "" && item == "" || !containsWord(text, bare(answer)) {
		return false
	}
	return item != "" && containsWord(text, item) || item == "" && containsWord(text, person)
}

// bare returns an answer without its article.
func bare(answer string) string {
	for _, article := range []string{"the ", "a ", "an "} {
		answer = strings.TrimPrefix(answer, article)
	}
	return answer
}

// lost says whether an item was lost in a place that the tale keeps to itself.
func (t *tale) lost(item string) bool {
	last := ""
	for _, e := range t.events {
		if i := slices.Index(e.args, item); i >= 0 {
			last = e.op
		}
	}
	return last == "lose"
}

// count returns how many events of a kind the tale has.
func (t *tale) count(op string) int {
	n := 0
	for _, e := range t.events {
		if e.op == op {
			n++
		}
	}
	return n
}

// cost returns how many tokens the sentences of the tale take.
func (t *tale) cost() int {
	n := 0
	for _, s := range t.sentences {
		n += t.writer.cost(s.text)
	}
	return n
}
