package corpus

import (
	"slices"
	"strings"
)

// storyQuestions has the questions about tales, by what they ask for.
var storyQuestions = must(readPlotQuestions("plot_questions.txt", load("plot_questions.txt")))

// readPlotQuestions reads a file of lists of questions.
func readPlotQuestions(file, text string) (map[string]frameList, error) {
	questions := map[string]frameList{}
	_, err := readSections(file, text, func(s *section) int {
		for key := range s.fields {
			questions[key] = s.frames(key)
		}
		return len(questions)
	})
	return questions, err
}

// A taleQuery is a question that a tale could be asked.
type taleQuery struct {
	kind, question, answer string
	guess                  float64
	facts                  []int
	held                   bool
}

// An inquirer collects the questions that a tale answers.
type inquirer struct {
	*tale
	out []taleQuery
}

// queries returns the questions that the tale answers.
func (t *tale) queries() []taleQuery {
	q := &inquirer{tale: t}
	q.askForTheEnd()
	for _, e := range t.events {
		q.askFor(e)
	}
	return q.out
}

// add adds a question of a kind about a role, an item and a place, each of
// which may be "". A guess is one of several answers.
func (q *inquirer) add(kind, role, item, place, answer string, answers int, facts ...int) {
	words := map[string]string{"a": q.words[role], "x": q.words[item], "p": q.words[place], "town": q.words["town"]}
	f, held := q.pickFrame(storyQuestions[kind])
	for _, s := range q.sentences {
		if !slices.Contains(facts, s.fact) && q.repeats(s.text, answer, words["a"], words["x"]) {
			facts = append(facts, s.fact)
		}
	}
	q.out = append(q.out, taleQuery{kind, f.fill(words), " " + answer, 1 / float64(max(1, answers)), facts, held})
}

// places returns how many places the tale names.
func (t *tale) places() int { return len(t.offers["place"]) }

// askForTheEnd asks where things and people are at the end.
func (q *inquirer) askForTheEnd() {
	for _, role := range q.goods {
		x := q.items[role]
		switch {
		case x.holder != nil:
			q.add("holder", "", role, "", x.holder.name, len(q.cast), x.fact)
		case x.place != "" && x.fact != 0 && !q.lost(role):
			q.add("lies", "", role, "", x.place, q.places(), x.fact)
		}
	}
	for _, role := range q.cast {
		if p := q.people[role]; p.fact != 0 {
			q.add("place", role, "", "", p.place, q.places(), p.fact)
		}
	}
}

// askFor asks what an event tells, if no other event of its kind tells
// something else.
func (q *inquirer) askFor(e event) {
	arg := func(i int) string { return q.words[e.args[i]] }
	people := len(q.cast)
	switch e.op {
	case "give":
		if q.once(e, 1, 2) {
			q.add("giver", e.args[1], e.args[2], "", arg(0), people-1, e.fact)
		}
	case "leave", "hide":
		if q.once(e, 0, 1) {
			q.add(e.op, e.args[0], e.args[1], "", arg(2), q.places(), e.fact)
		}
	case "find":
		if q.once(e, 1) {
			q.add("finder", "", e.args[1], "", arg(0), people, e.fact)
			q.add("found at", e.args[0], e.args[1], "", arg(2), q.places(), e.fact)
		}
		if q.once(e, 0) {
			q.add("found", e.args[0], "", "", "the "+arg(1), len(q.goods), e.fact)
		}
	case "want":
		q.add("wish", e.args[0], "", "", withArticle(arg(1)), len(q.goods), e.fact)
	case "first":
		q.add("first", "", "", e.args[1], arg(0), people, e.fact)
	case "why":
		q.add("why", e.args[0], "", "", frame(strings.Join(e.args[1:], " ")).fill(q.words), q.count("why"), e.fact)
	case "job", "animal", "color":
		q.add(e.op, e.args[0], "", "", q.words[e.args[0]+"."+e.op], q.count(e.op), e.fact)
	case "felt":
		if q.once(e, 0) {
			q.add("felt", e.args[0], "", "", q.words[e.args[0]+".mood"], q.count("felt"), e.fact)
		}
	case "ate":
		q.add("ate", e.args[0], "", "", q.words["food"], q.count("ate"), e.fact)
	case "weather":
		q.add("weather", "", "", "", q.words["weather"], 1, e.fact)
	case "wrote":
		q.add("wrote", "", "", "", arg(0), people, e.fact)
	}
}

// once says whether the tale has one event of a kind with these arguments.
func (t *tale) once(e event, args ...int) bool {
	n := 0
	for _, other := range t.events {
		differs := func(i int) bool { return other.args[i] != e.args[i] }
		if other.op == e.op && !slices.ContainsFunc(args, differs) {
			n++
		}
	}
	return n == 1
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
