// Package corpus writes plain English documents about a small world: stories,
// facts hidden in stories, and questions about both with exact answers. The
// default model is trained on them, and package eval asks about them.
//
// A document is a pure function of its task, its seed and its size. Seeds
// below EvalFrom belong to training, the others to evaluation, and only
// evaluation uses the words and frames that are held out, so that no
// measurement reads a document, or relies on a name, that training has seen.
package corpus

import (
	"fmt"
	"slices"
	"strings"
)

// EvalFrom is the first seed of evaluation. Training uses the seeds below it.
const EvalFrom = uint64(1) << 32

// A Document is a text and the questions that it answers.
type Document struct {
	Task    string
	Seed    uint64
	Context string // whole paragraphs, ending in a newline; in RULER's tasks the newline begins the question
	Asks    []Ask  // in the order in which they are to be asked
}

// An Ask is one question about a context and its answer. Context, Question and
// Answer, put together, are the text that a model is to complete: the answer
// begins with a space and ends before a newline.
type Ask struct {
	Question string   // the question with its frame: "Question: Where is the lantern?\nAnswer:"
	Prefix   string   // RULER: the end of Question that is the beginning of the answer
	Answer   string   // " in the barn", exact
	Items    []string // what the answer lists: "the barn", "the mill"
	Kind     string   // the kind of fact, such as "pet" or "code"
	Marked   bool     // the fact stands out when it is read: a needle
	Guess    float64  // how often a guess among the answers that the context offers is right
	Evidence [][2]int // byte ranges of the context, ascending, without which the question cannot be answered
	HeldOut  bool     // a name, value or frame of it is held out from training
	Number   bool     // only the last number of the answer counts: its steps may be put differently
}

// A Size says how long a document shall be.
type Size struct {
	Tokens int              // at most, for the context and all questions with answers
	Count  func(string) int // tokens of a text; nil: see estimate
	Asks   int              // questions; 0: one for every answer that there is
	Dense  bool             // nothing but facts: a text without filler, for the first lessons
	Depth  float64          // where the first fact that is asked for stands, as a share of the context in (0, 1]; 0: anywhere. Only our own tasks of retrieval heed it

	Haystack Haystack // what needles are hidden in, for the tasks that need one
	Trained  bool     // in evaluation, too: no words and frames that are held out from training
}

// A Task makes documents of one kind.
type Task struct {
	Name     string
	Help     string // one line
	Text     bool   // the text itself is the point: there are no questions
	Haystack bool   // needs Size.Haystack

	make func(w *writer)

	// RULER, instead of make: writes a document with n pieces of filler, at least
	// least, or says why there cannot be so many.
	write func(w *writer, n int) (Document, error)
	least int
}

// Tasks returns all tasks of our own, in the order in which tables show them.
func Tasks() []Task {
	return slices.Concat(storyTasks, factTasks, chainTasks, arithmeticTasks)
}

func taskNames() []string {
	var names []string
	for _, t := range slices.Concat(Tasks(), RULERTasks()) {
		names = append(names, t.Name)
	}
	return names
}

// New writes the document of a task, a seed and a size. It fails if the task
// is unknown or the size too small for a single question.
func New(task string, seed uint64, size Size) (Document, error) {
	for _, t := range Tasks() {
		if t.Name == task {
			w := newWriter(task, seed, size)
			t.make(w)
			return w.document(t.Text)
		}
	}
	for _, t := range RULERTasks() {
		if t.Name == task {
			return t.fill(seed, size)
		}
	}
	return Document{}, fmt.Errorf("no task %q; there are %s", task, strings.Join(taskNames(), ", "))
}

// Text returns the whole document as training reads it: the context, then
// every question with its answer on lines of their own.
func (d Document) Text() string {
	var b strings.Builder
	b.WriteString(d.Context)
	for _, a := range d.Asks {
		b.WriteString(a.Question)
		b.WriteString(a.Answer)
		b.WriteByte('\n')
	}
	return b.String()
}

// Without returns the context with the evidence of one question cut out.
func (d Document) Without(ask int) string {
	var b strings.Builder
	from := 0
	for _, e := range d.Asks[ask].Evidence {
		b.WriteString(d.Context[from:e[0]])
		from = e[1]
	}
	b.WriteString(d.Context[from:])
	return b.String()
}
