package engine

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"keyfold/engine/tokenizer"
)

// reader reads along what a text says, and looks for the texts that end it.
type reader struct {
	stream *tokenizer.Stream // nil: there is no tokenizer, and nothing to read
	stops  []string
	held   string // the end of what was read, which may be the beginning of a stop text
}

// newReader returns a reader at the end of tokens.
func newReader(tok *tokenizer.Tokenizer, tokens []int, stops []string) (*reader, error) {
	switch {
	case slices.Contains(stops, ""):
		return nil, errors.New("the empty text cannot end a text")
	case tok == nil && len(stops) > 0:
		return nil, fmt.Errorf("%q cannot end a text without a tokenizer", stops[0])
	case tok == nil:
		return &reader{}, nil
	}
	r := &reader{stream: tok.Stream(), stops: stops}
	for _, id := range tokens {
		r.stream.Next(id)
	}
	return r, nil
}

// next returns what a token adds to the text as far as no stop text can begin there, and the stop
// text that it completes, "" if it does none.
func (r *reader) next(id int) (text, stop string) {
	if r.stream == nil {
		return "", ""
	}
	r.held += r.stream.Next(id)
	first := len(r.held)
	for _, s := range r.stops {
		if i := strings.Index(r.held, s); i >= 0 && (i < first || i == first && len(s) > len(stop)) {
			first, stop = i, s
		}
	}
	if stop == "" {
		first -= r.begun()
	}
	text, r.held = r.held[:first], r.held[first:]
	return text, stop
}

// begun returns how many bytes at the end of what is held may be the beginning of a stop text.
func (r *reader) begun() int {
	longest := 0
	for _, s := range r.stops {
		for n := min(len(s)-1, len(r.held)); n > longest; n-- {
			if strings.HasSuffix(r.held, s[:n]) {
				longest = n
			}
		}
	}
	return longest
}

// rest returns what was held back, at the end of the text.
func (r *reader) rest() string {
	if r.stream == nil {
		return ""
	}
	text := r.held + r.stream.Rest()
	r.held = ""
	return text
}
