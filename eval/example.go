// Package eval measures what compression costs: it puts questions to a model
// whose cache was compressed, compares the answers with references, and says
// how far the differences between methods can be trusted.
package eval

import (
	"fmt"
	"strings"

	"keyfold/corpus"
)

// An Example is a context and the questions asked about it, from the corpus
// or from a file. The context is what gets compressed; the questions come
// after it, each on a copy of the cache.
type Example struct {
	ID      string // unique within its source; the cluster of the bootstrap
	Task    string
	Context string
	Asks    []Ask
	Unfit   string // why it cannot be asked; empty: it can
}

// An Ask is one question about a context.
type Ask struct {
	Question  string   // appended to the context as it is
	Prefix    string   // how the answer begins, such as "Answer:"; appended to the question
	Answers   []string // references, at least one
	Items     []string // what the one reference lists, each of which recall looks for; nil: it looks for the references
	Metric    string   // a name of Metrics
	FirstLine bool     // only the answer's first line that is not empty counts, and writing may stop behind it
	Tokens    int      // the most tokens an answer is given; 0: not said
	Choices   []string // all classes there are, for the metric classification
	Kind      string   // the kind of fact, such as "pet"; empty: unknown
	Marked    bool     // the evidence stands out when it is read
	HeldOut   bool     // uses a word or a frame that training has not seen
	Guess     float64  // how often a guess among what the context offers is right; 0: unknown
	Depth     float64  // where the evidence begins in the context, in bytes of bytes, 0 to 1; 0 too if unknown
	Without   string   // the context with the evidence cut out; empty: unknown
}

// FromCorpus makes an example of a generated document. Its questions are
// measured by exact, or by number where only the last number counts; those of
// RULER's tasks as RULER does.
func FromCorpus(d corpus.Document) Example {
	e := Example{ID: fmt.Sprintf("%s/%d", d.Task, d.Seed), Task: d.Task, Context: d.Context}
	for i, from := range d.Asks {
		question, prefix := cutPrefix(from.Question)
		ask := Ask{Question: question, Prefix: prefix, Answers: []string{from.Answer}, Items: from.Items, Metric: "exact", FirstLine: true}
		if from.Number {
			ask.Metric = "number"
		}
		if from.Prefix != "" {
			ask = rulerAsk(d.Task, strings.TrimSuffix(from.Question, from.Prefix), from.Prefix, from.Items)
		}
		ask.Kind, ask.Marked, ask.HeldOut, ask.Guess = from.Kind, from.Marked, from.HeldOut, from.Guess
		if len(from.Evidence) > 0 {
			ask.Depth = float64(from.Evidence[0][0]) / float64(len(d.Context))
			ask.Without = d.Without(i)
		}
		e.Asks = append(e.Asks, ask)
	}
	return e
}

// cutPrefix cuts a question before the word that its answer begins with.
func cutPrefix(text string) (question, prefix string) {
	const answer = "Answer:"
	if question, ok := strings.CutSuffix(text, answer); ok {
		return question, answer
	}
	return text, ""
}
