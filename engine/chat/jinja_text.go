//go:build !js

package chat

import (
	"fmt"
	"strings"
	"unicode"
)

// bare returns a template whose texts are variables, and these: "a {%- if b %} c" becomes
// "{{ text_0 }}{% if b %}{{ text_1 }}", with "a" and " c". Which white space between tags counts is
// decided here as Python's jinja2 does with trim_blocks and lstrip_blocks, as transformers sets
// them, because the library looks for it beyond the next tag.
func bare(source string) (tags string, texts map[string]string, err error) {
	source = strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(source)
	source = strings.TrimSuffix(source, "\n")
	name := "text_"
	for strings.Contains(source, name) {
		name += "_"
	}
	texts = map[string]string{}
	var b strings.Builder
	s := scanner{rest: source, lineBegins: true}
	for {
		text, tag, err := s.next()
		if err != nil {
			return "", nil, err
		}
		if text != "" {
			variable := fmt.Sprint(name, len(texts))
			texts[variable] = text
			fmt.Fprintf(&b, "{{ %s }}", variable)
		}
		if tag == "" && s.rest == "" {
			return b.String(), texts, nil
		}
		b.WriteString(tag)
	}
}

// scanner cuts a template into texts and tags.
type scanner struct {
	rest       string
	lineBegins bool // the last tag, with what it takes away, ended a line
}

// next returns the text up to the next tag, less the white space that does not count, and the tag,
// "" if it is a comment or the template ends.
func (s *scanner) next() (text, tag string, err error) {
	at := strings.Index(s.rest, "{")
	for at >= 0 && (at+1 == len(s.rest) || !strings.ContainsRune("{%#", rune(s.rest[at+1]))) {
		next := strings.Index(s.rest[at+1:], "{")
		if next < 0 {
			at = -1
		} else {
			at += 1 + next
		}
	}
	if at < 0 {
		text, s.rest = s.rest, ""
		return text, "", nil
	}
	text, open := s.rest[:at], s.rest[at+1]
	body, ok := cutTag(s.rest[at+2:], open)
	if !ok {
		return "", "", fmt.Errorf("a tag that begins with {%c has no end", open)
	}
	s.rest = s.rest[at+2+len(body)+2:]
	inside, left, right := signs(body)
	switch {
	case left == '-':
		text = strings.TrimRightFunc(text, unicode.IsSpace)
	case open != '{' && left != '+':
		text = s.withoutIndent(text)
	}
	s.lineBegins = false
	s.skip(open, right)
	switch {
	case open == '#':
		return text, "", nil
	case open == '%' && strings.TrimSpace(inside) == "raw":
		raw, err := s.raw()
		return text + raw, "", err
	case open == '{':
		return text, "{{ " + apart(inside) + " }}", nil
	}
	return text, "{% " + apart(inside) + " %}", nil
}

// signs takes the signs for white space off the body of a tag.
func signs(body string) (inside string, left, right byte) {
	if body != "" && (body[0] == '-' || body[0] == '+') {
		left, body = body[0], body[1:]
	}
	if n := len(body) - 1; n >= 0 && (body[n] == '-' || body[n] == '+') {
		right, body = body[n], body[:n]
	}
	return body, left, right
}

// withoutIndent takes white space off the last line of a text that holds nothing else.
func (s *scanner) withoutIndent(text string) string {
	line := strings.LastIndexByte(text, '\n') + 1
	if (line > 0 || s.lineBegins) && strings.TrimFunc(text[line:], unicode.IsSpace) == "" {
		return text[:line]
	}
	return text
}

// skip takes away the white space behind a tag that does not count.
func (s *scanner) skip(open, right byte) {
	rest := s.rest
	switch {
	case right == '-':
		rest = strings.TrimLeftFunc(rest, unicode.IsSpace)
	case open != '{' && right != '+':
		rest = strings.TrimPrefix(rest, "\n")
	}
	skipped := s.rest[:len(s.rest)-len(rest)]
	s.rest, s.lineBegins = rest, strings.HasSuffix(skipped, "\n")
}

// raw returns the text up to endraw, which may look like tags.
func (s *scanner) raw() (string, error) {
	for at := 0; ; {
		i := strings.Index(s.rest[at:], "{%")
		if i < 0 {
			return "", fmt.Errorf("raw has no endraw")
		}
		at += i
		body, ok := cutTag(s.rest[at+2:], '%')
		inside, left, right := signs(body)
		if !ok || strings.TrimSpace(inside) != "endraw" {
			at += 2
			continue
		}
		text := s.rest[:at]
		switch {
		case left == '-':
			text = strings.TrimRightFunc(text, unicode.IsSpace)
		case left != '+':
			text = s.withoutIndent(text)
		}
		s.rest = s.rest[at+2+len(body)+2:]
		s.skip('%', right)
		return text, nil
	}
}

// cutTag returns what lies before the end of a tag: outside of quotes and braces, unless the tag is
// a comment.
func cutTag(s string, open byte) (body string, ok bool) {
	end := map[byte]string{'{': "}}", '%': "%}", '#': "#}"}[open]
	if open == '#' {
		body, _, ok = strings.Cut(s, end)
		return body, ok
	}
	depth, quote := 0, byte(0)
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case quote != 0 && c == '\\':
			i++
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '\'' || c == '"':
			quote = c
		case depth == 0 && strings.HasPrefix(s[i:], end):
			return s[:i], true
		case c == '{':
			depth++
		case c == '}':
			depth--
		}
	}
	return "", false
}

// apart puts a space between braces that follow each other outside of quotes, so that the library
// does not take them for the end of the tag.
func apart(inside string) string {
	var b strings.Builder
	quote := byte(0)
	for i := range len(inside) {
		c := inside[i]
		switch {
		case quote != 0:
			if c == quote && !escaped(inside[:i]) {
				quote = 0
			}
		case c == '\'' || c == '"':
			quote = c
		case i > 0 && c == '}' && (inside[i-1] == '}' || inside[i-1] == '%'):
			b.WriteByte(' ')
		}
		b.WriteByte(c)
	}
	return strings.TrimSpace(b.String())
}

// escaped reports whether what follows s is escaped.
func escaped(s string) bool {
	return (len(s)-len(strings.TrimRight(s, `\`)))%2 == 1
}
