// Package untrusted is for what comes out of other people's files: names that have to be shown, and
// files that are not what their names say.
//
// A terminal obeys escape sequences, and a page or a terminal turns a line around at a bidirectional
// override. A name in a model file can hold either, so nothing from a file is printed before Name or
// Text has made such characters visible. Text that a model writes goes to a pipe or a file byte for
// byte, because programs read it there; where standard output is a terminal, it goes through Writer.
package untrusted

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// Name returns s on one line, with all that is not to be obeyed made visible, and cut to a readable
// length.
func Name(s string) string {
	const limit = 200 // bytes
	cut := ""
	if len(s) > limit {
		end := limit
		for end > limit-utf8.UTFMax && !utf8.RuneStart(s[end]) {
			end-- // no half character at the end
		}
		s, cut = s[:end], fmt.Sprintf("... (%d bytes)", len(s))
	}
	return Line(s) + cut
}

// Line returns s on one line, with all that is not to be obeyed made visible.
func Line(s string) string { return visible(s, "") }

// Text returns s with all that is not to be obeyed made visible, but for line breaks and tabs.
func Text(s string) string { return visible(s, "\n\t") }

// visible writes as Go does, \x1b, \u202e, \xff, what shows nothing and has an effect, but for the
// characters in keep.
func visible(s, keep string) string {
	if strings.IndexFunc(s, func(r rune) bool { return r == utf8.RuneError || acts(r) }) < 0 {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case !acts(r) || strings.ContainsRune(keep, r):
			b.WriteString(s[i : i+size])
		case r < utf8.RuneSelf:
			fmt.Fprintf(&b, `\x%02x`, r)
		case r < 0x10000:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			fmt.Fprintf(&b, `\U%08x`, r)
		}
		i += size
	}
	return b.String()
}

// acts reports whether a character does something to what is around it instead of being shown.
func acts(r rune) bool {
	switch {
	case r < ' ', 0x7F <= r && r <= 0x9F: // control characters, with the beginnings of escape sequences
		return true
	case 0x2028 <= r && r <= 0x202E: // line and paragraph separators, bidirectional embeddings and overrides
		return true
	case 0x2066 <= r && r <= 0x2069: // bidirectional isolates
		return true
	case 0xFFF9 <= r && r <= 0xFFFB: // interlinear annotation
		return true
	case 0xE0000 <= r && r <= 0xE007F: // tags: text that nobody sees
		return true
	}
	return false
}

// Writer passes text on to a terminal as Text shows it. A character may come in two writes; Close
// passes on the beginning of one whose rest never came.
type Writer struct {
	w    io.Writer
	held []byte // the beginning of a character
}

// NewWriter returns a Writer that writes to w.
func NewWriter(w io.Writer) *Writer { return &Writer{w: w} }

// Under returns what the Writer writes to, for who draws on a terminal with sequences of their own.
func (v *Writer) Under() io.Writer { return v.w }

// Write passes text on. It reports all of it as written where w took what it became.
func (v *Writer) Write(p []byte) (int, error) {
	text := append(v.held, p...)
	end := len(text)
	for i := max(0, len(text)-utf8.UTFMax+1); i < len(text); i++ {
		if utf8.RuneStart(text[i]) && !utf8.FullRune(text[i:]) {
			end = i
			break
		}
	}
	v.held = append([]byte(nil), text[end:]...)
	if _, err := io.WriteString(v.w, Text(string(text[:end]))); err != nil {
		return 0, err
	}
	return len(p), nil
}

// Close passes on what is held back. It does not close w.
func (v *Writer) Close() error {
	held := string(v.held)
	v.held = nil
	_, err := io.WriteString(v.w, Text(held))
	return err
}
