package corpus

import (
	"fmt"
	"strings"
	"unicode"
)

// A frame is a sentence with slots: "{name} put the {thing} {place}." A slot
// written with a capital, "{Thing}", begins with a capital letter, and
// "{a thing}" gets its article: "a lantern", "an apple".
type frame string

// A frameList is frames of one kind. The held-out ones are used in evaluation
// only.
type frameList struct{ train, held []frame }

func (l *frameList) add(f frame, held bool) {
	if held {
		l.held = append(l.held, f)
	} else {
		l.train = append(l.train, f)
	}
}

// check returns an error if a slot of the frame is not closed or empty.
func (f frame) check() error {
	rest := string(f)
	for {
		before, after, ok := strings.Cut(rest, "{")
		if strings.Contains(before, "}") {
			return fmt.Errorf("a slot ends before it begins: %q", f)
		}
		if !ok {
			return nil
		}
		slot, after, ok := strings.Cut(after, "}")
		if !ok || slot == "" || strings.Contains(slot, "{") {
			return fmt.Errorf("a slot does not end: %q", f)
		}
		rest = after
	}
}

// fill puts words into the slots of a frame. It panics on a slot without a
// word: frames are a part of the program, and the tests fill every one.
func (f frame) fill(words map[string]string) string {
	var b strings.Builder
	rest := string(f)
	for {
		open := strings.IndexByte(rest, '{')
		if open < 0 {
			b.WriteString(rest)
			return b.String()
		}
		end := open + strings.IndexByte(rest[open:], '}')
		b.WriteString(rest[:open])
		slot := rest[open+1 : end]
		rest = rest[end+1:]
		key, article := strings.CutPrefix(slot, "a ")
		if !article {
			key, article = strings.CutPrefix(slot, "A ")
		}
		word, ok := words[strings.ToLower(key)]
		if !ok {
			panic("BUG: no word for {" + slot + "} of " + string(f))
		}
		if article {
			word = withArticle(word)
		}
		if unicode.IsUpper(rune(slot[0])) {
			word = capital(word)
		}
		b.WriteString(word)
	}
}

// withArticle puts a or an before a noun, by its first letter.
func withArticle(noun string) string {
	if strings.ContainsRune("aeiou", rune(noun[0])) && !strings.HasPrefix(noun, "uni") {
		return "an " + noun
	}
	return "a " + noun
}

// capital returns a text with its first letter in upper case.
func capital(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

// and joins words the way English does: "a", "a and b", "a, b and c".
func and(words []string) string {
	switch n := len(words); n {
	case 0:
		return ""
	case 1:
		return words[0]
	default:
		return strings.Join(words[:n-1], ", ") + " and " + words[n-1]
	}
}
