package corpus

import (
	"maps"
	"slices"
	"strconv"
)

// Tasks of retrieval: facts in the midst of filler, and questions for them.
var factTasks = []Task{
	{Name: "fact", Help: "facts of one kind, each about somebody else", make: recallTask(oneKind(plainKinds))},
	{Name: "facts", Help: "facts of many kinds", make: recallTask(manyKinds(plainKinds))},
	{Name: "fact-values", Help: "several facts about each, asked for together", make: recallTask(severalValues(plainKinds))},
	{Name: "fact-queries", Help: "questions for two or three facts at once", make: recallTask(severalSubjects(plainKinds))},
	{Name: "needle", Help: "one marked number", make: recallTask(singleNeedle)},
	{Name: "needle-keys", Help: "many marked numbers, each with its key", make: recallTask(oneKind(needleKinds))},
	{Name: "needle-values", Help: "several marked numbers of each key, asked for together", make: recallTask(severalValues(needleKinds))},
	{Name: "needle-queries", Help: "questions for two or three marked numbers at once", make: recallTask(severalSubjects(needleKinds))},
	{Name: "pairs", Help: "pairs of words, and again in another order", make: makePairs},
}

// A claim is a fact put into a sentence.
type claim struct {
	sentence
	kind  *factKind
	words map[string]string // of its subject
	value string
}

// An inquiry is a question for one claim, for all values of one subject, or for
// several subjects.
type inquiry struct {
	text   string
	held   bool
	claims []int // in the order of the answer
	all    bool  // values of one subject, in the order of the text
}

// A recall collects the claims and inquiries of one document. It takes their
// room when it adds them.
type recall struct {
	*writer
	claims    []claim
	inquiries []inquiry
	cast      []map[string]string // the people, for facts of several kinds about one person
}

// recallTask is a task's function: claims and inquiries, filler for the room
// that is left, and the text of it all.
func recallTask(collect func(*recall)) func(*writer) {
	return func(w *writer) {
		r := &recall{writer: w}
		collect(r)
		r.tell()
	}
}

// subjects draws up to n different subjects of a kind: the words for its
// frames. People are taken from the cast first.
func (r *recall) subjects(k *factKind, n int) []map[string]string {
	var out []map[string]string
	switch {
	case k.about.train != nil:
		for _, about := range r.draw(k.about, n) {
			if k.subject != "" {
				about = k.subject.fill(map[string]string{"about": about})
			}
			out = append(out, map[string]string{"who": about})
		}
	case k.owned.train != nil:
		// Owners have two things each and things two owners: it takes both to
		// know which is meant.
		people, owned := r.people((n+1)/2), r.draw(k.owned, (n+3)/2)
		for i := range n {
			words := maps.Clone(people[i/2])
			words["name"], words["thing"] = words["who"], owned[i/2+i%2]
			words["who"] = k.subject.fill(words)
			out = append(out, words)
		}
		r.Shuffle(n, func(i, j int) { out[i], out[j] = out[j], out[i] })
	default:
		out = r.people(n)
	}
	return out
}

// people draws n people, of the cast as far as there are any.
func (r *recall) people(n int) []map[string]string {
	for len(r.cast) < n {
		name, woman := r.name()
		words := map[string]string{"who": name}
		pronouns(words, "", woman)
		r.cast = append(r.cast, words)
	}
	out := slices.Clone(r.cast)
	r.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	return out[:n]
}

// values draws up to n different values of a kind.
func (r *recall) values(k *factKind, n int) []string {
	switch {
	case k.values.train != nil:
		return r.draw(k.values, n)
	case k.digits:
		return distinct(n, r.code)
	case k.numbers[1] > 0:
		size := k.numbers[1] - k.numbers[0] + 1
		return distinct(min(n, size), func() string { return strconv.Itoa(k.numbers[0] + r.IntN(size)) })
	case len(r.taken) > 40:
		return nil // leaves names to the others
	default:
		return distinct(n, func() string { name, _ := r.name(); return name })
	}
}

// distinct draws n different words.
func distinct(n int, draw func() string) []string {
	var out []string
	for len(out) < n {
		if s := draw(); !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}

// code draws a number of four digits, or now and then of three or five.
func (w *writer) code() string {
	low := 1000
	switch w.IntN(8) {
	case 0:
		low = 100
	case 1:
		low = 10000
	}
	return strconv.Itoa(low + w.IntN(9*low))
}

// claim states that a subject has a value.
func (r *recall) claim(k *factKind, subject map[string]string, value string) claim {
	words := maps.Clone(subject)
	words["value"] = value
	return claim{r.write(k.says, words), k, subject, value}
}

// state adds up to n facts of a kind, each about another subject and with
// another value, as long as they leave room, and returns their numbers.
func (r *recall) state(k *factKind, n, room int) []int {
	values := r.values(k, n)
	subjects := r.subjects(k, len(values))
	var out []int
	for i := range subjects {
		c := r.claim(k, subjects[i], values[i])
		if !r.fitsBut(room, c.text) {
			break
		}
		out = append(out, r.add(c))
	}
	return out
}

// fitsBut says whether a text fits and leaves room, and takes its room then.
func (r *recall) fitsBut(room int, text string) bool {
	r.left -= room
	fits := r.fits(text)
	r.left += room
	return fits
}

// add adds a claim whose room is taken, and returns its number.
func (r *recall) add(c claim) int {
	c.fact = r.fact()
	r.claims = append(r.claims, c)
	return len(r.claims) - 1
}

// inquiry frames a question for claims of one kind.
func (r *recall) inquiry(claims []claim) inquiry {
	k, words := claims[0].kind, claims[0].words
	l, all := k.asks, false
	if len(claims) > 1 {
		var who []string
		for _, c := range claims {
			if !slices.Contains(who, c.words["who"]) {
				who = append(who, c.words["who"])
			}
		}
		if l, all = k.all, len(who) == 1; !all {
			l = k.each
			words = map[string]string{"who": and(who)}
		}
	}
	f, held := r.pickFrame(l)
	return inquiry{text: question(f.fill(words)), held: held, all: all}
}

// answerTo puts the values of claims of one kind into the kind's fixed form.
func (k *factKind) answerTo(claims []claim, all bool) string {
	return " " + and(k.items(claims, all))
}

// items returns what an answer lists: the value of each claim, as the kind puts it.
func (k *factKind) items(claims []claim, all bool) []string {
	form := k.answer
	if len(claims) > 1 && !all && k.item != "" {
		form = k.item
	}
	var values []string
	for _, c := range claims {
		if form == "" {
			values = append(values, c.value)
		} else {
			values = append(values, form.fill(map[string]string{"value": c.value}))
		}
	}
	return values
}

// numbered returns the claims of these numbers.
func (r *recall) numbered(numbers []int) []claim {
	var out []claim
	for _, n := range numbers {
		out = append(out, r.claims[n])
	}
	return out
}

// full says whether the document has as many questions as it shall have.
func (r *recall) full() bool { return r.size.Asks > 0 && len(r.inquiries) >= r.size.Asks }

// inquire adds a question for each group of claims that there is room for.
func (r *recall) inquire(groups [][]int) {
	for _, g := range groups {
		claims := r.numbered(g)
		q := r.inquiry(claims)
		q.claims = g
		if r.full() || !r.fits(q.text+claims[0].kind.answerTo(claims, q.all)) {
			return
		}
		r.inquiries = append(r.inquiries, q)
	}
}

// singly makes a group of each number, in random order.
func (r *recall) singly(numbers []int) [][]int {
	var out [][]int
	for _, i := range r.Perm(len(numbers)) {
		out = append(out, numbers[i:i+1])
	}
	return out
}

// jointly makes groups of two or three numbers, in random order.
func (r *recall) jointly(numbers []int) [][]int {
	rest := slices.Clone(numbers)
	r.Shuffle(len(rest), func(i, j int) { rest[i], rest[j] = rest[j], rest[i] })
	var out [][]int
	for len(rest) > 1 {
		n := 2 + r.IntN(2)
		if len(rest) <= 4 {
			n = (len(rest) + 1) / 2 // 4 are 2 and 2
		}
		if len(rest) <= 3 {
			n = len(rest)
		}
		out = append(out, rest[:n])
		rest = rest[n:]
	}
	return out
}

// small says whether the document has no room for eight facts and a question.
func (r *recall) small() bool { return r.size.Tokens < 256 }

// leave is a share of the document's room.
func (r *recall) leave(percent int) int { return r.size.Tokens * percent / 100 }

// crowd states the facts of one kind that are asked for: 8 to 14, or fewer if
// the document is small.
func (r *recall) crowd(k *factKind) []int {
	n := 8 + r.IntN(7)
	if r.small() {
		return r.state(k, n, r.leave(45))
	}
	// The first eight may take all but the room of a question, the others less.
	values := r.values(k, n)
	subjects := r.subjects(k, len(values))
	var out []int
	for i := range subjects {
		c := r.claim(k, subjects[i], values[i])
		room := r.leave(20)
		if i >= 8 {
			room = r.leave(60)
		}
		if !r.fitsBut(room, c.text) {
			break
		}
		out = append(out, r.add(c))
	}
	return out
}

// distract adds facts of one or two other kinds that nobody asks for, if there
// is room enough.
func (r *recall) distract(kinds []*factKind) {
	for range 1 + r.IntN(2) {
		k := kinds[r.IntN(len(kinds))]
		if r.valuesTold(k) == 0 && r.left > r.leave(45) {
			r.state(k, 2+r.IntN(5), r.leave(30))
		}
	}
}

// oneKind collects facts of one kind, and some of others to distract.
func oneKind(kinds []*factKind) func(*recall) {
	return func(r *recall) {
		if r.size.Dense {
			r.dense(kinds, one)
			return
		}
		r.inquire(r.singly(r.crowd(kinds[r.IntN(len(kinds))])))
		if len(r.inquiries) > 0 && !r.claims[0].kind.marked {
			r.distract(kinds)
		}
	}
}

// severalSubjects collects facts of one kind that are asked for two or three
// at a time.
func severalSubjects(kinds []*factKind) func(*recall) {
	kinds = slices.DeleteFunc(slices.Clone(kinds), func(k *factKind) bool { return k.each.train == nil })
	return func(r *recall) {
		if r.size.Dense {
			r.dense(kinds, func() int { return 2 + r.IntN(2) })
			return
		}
		r.inquire(r.jointly(r.crowd(kinds[r.IntN(len(kinds))])))
		if len(r.inquiries) > 0 && !r.claims[0].kind.marked {
			r.distract(kinds)
		}
	}
}

// manyKinds collects facts of two to five kinds, any of which is asked for.
func manyKinds(kinds []*factKind) func(*recall) {
	return func(r *recall) {
		if r.size.Dense {
			r.dense(kinds, one)
			return
		}
		var all []int
		n, limit, room := 2+r.IntN(4), 3+r.IntN(6), r.leave(50)
		if r.small() {
			n, limit, room = 2, 2+r.IntN(2), r.leave(40)
		}
		order := r.Perm(len(kinds))
		for _, i := range order[:n] {
			if len(all) > 0 && r.left < room+45 {
				break // not for a single fact
			}
			all = append(all, r.state(kinds[i], 2+r.IntN(limit-1), room)...)
		}
		r.inquire(r.singly(all))
	}
}

// severalValues collects facts of one kind, two to four about each subject,
// that are asked for together.
func severalValues(kinds []*factKind) func(*recall) {
	kinds = slices.DeleteFunc(slices.Clone(kinds), func(k *factKind) bool { return k.all.train == nil })
	return func(r *recall) {
		for _, i := range r.Perm(len(kinds)) {
			if !r.valuesOf(kinds[i]) || !r.size.Dense {
				break
			}
		}
		r.Shuffle(len(r.inquiries), func(i, j int) { r.inquiries[i], r.inquiries[j] = r.inquiries[j], r.inquiries[i] })
	}
}

// valuesOf adds some subjects of a kind with two to four values each and the
// questions for them. It says whether there was room for all of them.
func (r *recall) valuesOf(k *factKind) bool {
	values := r.values(k, 16)
	for i, subject := range r.subjects(k, 4+r.IntN(3)) {
		n := min(2+r.IntN(3), len(values))
		if i == 0 {
			n = max(n, 3)
		}
		if n < 2 {
			break
		}
		var claims []claim
		var texts []string
		for _, v := range values[:n] {
			c := r.claim(k, subject, v)
			claims = append(claims, c)
			texts = append(texts, c.text)
		}
		q := r.inquiry(claims)
		asked := !r.full()
		if asked {
			texts = append(texts, q.text+k.answerTo(claims, true))
		}
		if enough := len(r.claims) >= 8 && !r.size.Dense && r.left < r.leave(55); enough || !r.fits(texts...) {
			return false
		}
		values = values[n:]
		for _, c := range claims {
			q.claims = append(q.claims, r.add(c))
		}
		if asked {
			r.inquiries = append(r.inquiries, q)
		}
	}
	return true
}

// dense collects facts of one kind after the other, all of them asked for in
// groups or as many as there shall be questions, until there is no room.
func (r *recall) dense(kinds []*factKind, group func() int) {
	defer func() {
		r.Shuffle(len(r.inquiries), func(i, j int) { r.inquiries[i], r.inquiries[j] = r.inquiries[j], r.inquiries[i] })
	}()
	for _, i := range r.Perm(len(kinds)) {
		k := kinds[i]
		values := r.values(k, 14)
		subjects := r.subjects(k, len(values))
		for i := 0; i < len(subjects); {
			n := group()
			if n > len(subjects)-i {
				break
			}
			var claims []claim
			var texts []string
			for j := i; j < i+n; j++ {
				c := r.claim(k, subjects[j], values[j])
				claims = append(claims, c)
				texts = append(texts, c.text)
			}
			i += n
			q := r.inquiry(claims)
			asked := !r.full()
			if asked {
				texts = append(texts, q.text+k.answerTo(claims, q.all))
			}
			if !r.fits(texts...) {
				return
			}
			for _, c := range claims {
				q.claims = append(q.claims, r.add(c))
			}
			if asked {
				r.inquiries = append(r.inquiries, q)
			}
		}
	}
}

// one is the size of groups where each fact is asked for by itself.
func one() int { return 1 }

// singleNeedle collects one needle, or many if there is nothing else.
func singleNeedle(r *recall) {
	if r.size.Dense {
		r.dense(needleKinds, one)
		return
	}
	k := needleKinds[r.IntN(len(needleKinds))]
	r.inquire(r.singly(r.state(k, 1, 0)))
}
