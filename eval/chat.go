package eval

import (
	"slices"
	"strings"

	"keyfold/engine/chat"
)

// A chat model is asked in its own template, as kvpress does it. With "|" where
// the compressed part ends:
//
//	SYSTEM the user's turn begins, CONTEXT | QUESTION the turn ends, the assistant's begins, PREFIX
//
// Behind that the model writes its answer, which ends with its turn.

// sentenceTokens are how many tokens a chat model's answer may have beyond the
// longest reference, which it may put into a sentence.
const sentenceTokens = 48

// UseChat puts contexts and questions into a template, instead of having texts
// continued as they are; nil changes nothing. It belongs before [Sweep.Run], and
// before the configuration is compared with a journal's.
func (s *Sweep) UseChat(t *chat.Template) {
	if t != nil {
		s.Chat, s.template = t.Family(), t
	}
}

// asked returns an example of the corpus as the configuration wants it asked.
func (s *Sweep) asked(ex Example) Example {
	for i := range ex.Asks {
		ask := &ex.Asks[i]
		if s.Metric != "" && ask.Metric == "exact" {
			ask.Metric = s.Metric
		}
		if s.template != nil {
			ask.FirstLine = false // the answer ends with its turn
		}
	}
	return ex
}

// contextTokens returns the tokens of what is compressed: all up to the end of
// the context.
func (w *worker) contextTokens(ex Example) ([]int, error) {
	if w.template == nil {
		return w.encode(ex.Context)
	}
	before, _, err := w.template.EncodeParts([]chat.Message{{Role: chat.User, Content: ex.Context}}, len(ex.Context))
	return before, err
}

// promptTokens returns the tokens of a context with a question behind it, and
// the beginning of the answer.
func (w *worker) promptTokens(context string, ask Ask, answer string) ([]int, error) {
	if w.template == nil {
		return w.encode(context + ask.Question + ask.Prefix + answer)
	}
	messages := []chat.Message{{Role: chat.User, Content: context + strings.TrimRight(ask.Question, " \n")}}
	if answer = ask.Prefix + answer; answer != "" {
		messages = append(messages, chat.Message{Role: chat.Assistant, Content: strings.TrimLeft(answer, " ")})
	}
	before, after, err := w.template.EncodeParts(messages, len(context))
	return slices.Concat(before, after), err
}

// bothWays returns the score of a chat model's answer by exact and by recall.
func bothWays(wrote string, ask Ask) (exactly, found *float64) {
	e, _ := best(exact)(wrote, ask) // neither of them fails
	r, _ := recall(wrote, ask)
	return &e, &r
}
