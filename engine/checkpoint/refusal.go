package checkpoint

import (
	"errors"
	"fmt"
	"strings"
)

// refusal collects why a model cannot run. A reader of the message decides by all of the reasons
// whether another file of the model would do, so opening goes on after a reason as far as the next
// check makes sense.
type refusal struct {
	name    string // of the model, as the user gave it
	reasons []reason
}

// reason is one of them.
type reason struct {
	file string
	text string
	kind string // of reasons about tensors: those of a kind are told once, of the first tensor
	more int    // other tensors with a reason of this kind
}

func (r reason) String() string {
	if r.more > 0 {
		return fmt.Sprintf("%s; and %d more like it", r.text, r.more)
	}
	return r.text
}

// add adds a reason that is about src.
func (r *refusal) add(src source, format string, args ...any) {
	r.reasons = append(r.reasons, reason{file: src.name, text: fmt.Sprintf(format, args...)})
}

// addTensor adds a reason that is about a tensor. why follows the tensor's name. All tensors of a
// kind share a reason.
func (r *refusal) addTensor(src source, kind, name, why string) {
	for i := range r.reasons {
		if r.reasons[i].kind == kind {
			r.reasons[i].more++
			return
		}
	}
	r.reasons = append(r.reasons, reason{file: src.name, text: "tensor " + plain(name) + why, kind: kind})
}

// addErr adds an error that stops opening and begins with the name of a file.
func (r *refusal) addErr(err error) {
	file, why, ok := strings.Cut(err.Error(), ": ")
	if !ok {
		file, why = r.name, err.Error()
	}
	r.reasons = append(r.reasons, reason{file: file, text: why})
}

// err returns the reasons as one error, nil without any.
func (r *refusal) err() error {
	if len(r.reasons) == 0 {
		return nil
	}
	if len(r.reasons) == 1 {
		return fmt.Errorf("%s: %v", r.reasons[0].file, r.reasons[0])
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %d reasons why this model cannot run:", r.name, len(r.reasons))
	for _, reason := range r.reasons {
		b.WriteString("\n    ")
		if reason.file != r.name {
			b.WriteString(reason.file + ": ")
		}
		b.WriteString(reason.String())
	}
	return errors.New(b.String())
}
