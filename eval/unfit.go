package eval

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// unfit is why an example cannot be asked, whoever tries it how often. A sweep
// leaves it out and says so.
type unfit struct{ error }

func unfitf(format string, args ...any) error { return unfit{fmt.Errorf(format, args...)} }

func (u unfit) Unwrap() error { return u.error }

// isUnfit reports whether an error is the example's fault, and not the machine's.
func isUnfit(err error) bool {
	var u unfit
	return errors.As(err, &u)
}

// checkReferences fails for a question whose references tell nothing: one that all
// answers contain, or that none can be.
func (a Ask) checkReferences() error {
	if len(a.Answers) == 0 {
		return unfitf("the question has no reference")
	}
	for _, answer := range slices.Concat(a.Answers, a.Items) {
		if strings.TrimSpace(answer) == "" {
			return unfitf("the reference %q is empty", answer)
		}
		if err := a.checkReference(answer); err != nil {
			return err
		}
	}
	if a.Metric == "classification" && slices.ContainsFunc(a.Choices, func(class string) bool { return strings.TrimSpace(class) == "" }) {
		return unfitf("one of the classes is empty, and every answer names it")
	}
	return nil
}

// checkReference is checkReferences for one that is not empty.
func (a Ask) checkReference(answer string) error {
	letters := strings.IndexFunc(answer, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsNumber(r) }) >= 0
	switch a.Metric {
	case "recall", "recall-any":
		short := strings.TrimSpace(answer)
		if !letters || len(short) == 1 && unicode.IsLetter(rune(short[0])) {
			return unfitf("nearly every answer contains the reference %q", answer)
		}
	case "f1":
		if len(answerWords(answer)) == 0 {
			return unfitf("the reference %q has no words to compare", answer)
		}
	case "rouge-l":
		if !letters {
			return unfitf("the reference %q has no words to compare", answer)
		}
	case "number", "count", "retrieval":
		if strings.IndexFunc(answer, unicode.IsDigit) < 0 {
			return unfitf("the reference %q has no number", answer)
		}
	case "classification":
		if !slices.Contains(a.Choices, answer) {
			return unfitf("the reference %q is none of the classes, so no answer can be right", answer)
		}
	}
	return nil
}
