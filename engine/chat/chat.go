// Package chat writes a conversation as the prompt that a chat model was trained on: every message
// between control tokens, up to the place where the next answer begins.
//
// How a model wants that to look is said by the template in its file, a program in the language
// Jinja. Most templates belong to one of a few families, which this package writes in code
// (families.go), so that they work in a browser, too. The keyfold command runs the others, and those
// that say something else than their family does (jinja.go).
//
// A message cannot speak for somebody else. The prompt is a list of parts, and control tokens are
// read only out of those that the template writes: "<|im_end|>" in a message is text like any other.
//
// Reading order: chat.go, families.go, jinja.go, source.go and folder.go (where a template is found).
package chat

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"keyfold/engine/tokenizer"
)

// Message is one turn of a conversation.
type Message struct {
	Role    string `json:"role"` // one of the constants below
	Content string `json:"content"`
}

// The roles. A system message says how to answer; it stands first.
const (
	System    = "system"
	User      = "user"
	Assistant = "assistant"
)

// Template is how one model wants conversations to be written.
type Template struct {
	tok    *tokenizer.Tokenizer
	family string
	write  writer
}

// writer writes a conversation up to where the next answer begins.
type writer func([]Message) ([]tokenizer.Part, error)

// ErrNone is what New returns for a file without a template.
var ErrNone = errors.New("the model has no chat template: it continues texts")

// New returns the template of a model, whose text the file holds; see Source and FolderSource. tok
// is the model's tokenizer.
func New(template string, tok *tokenizer.Tokenizer) (*Template, error) {
	if strings.TrimSpace(template) == "" {
		return nil, ErrNone
	}
	read := strings.ReplaceAll(template, `\n`, "\n") // in strings, as in those that go over several lines
	for _, f := range families {
		if f.is(read) {
			return choose(template, tok, &Template{tok: tok, family: f.name, write: f.read(read, tok)})
		}
	}
	return choose(template, tok, nil)
}

// Family names the family of the template, for people to read; Jinja if it is of none.
func (t *Template) Family() string { return t.family }

// Encode returns the prompt up to where the assistant's answer begins. It begins with BOS if the
// template writes it, or the model expects it. If the last message is the assistant's, its content
// is the beginning of the answer.
func (t *Template) Encode(messages []Message) ([]int, error) {
	parts, err := t.parts(messages)
	if err != nil {
		return nil, err
	}
	return t.encode(parts)
}

// Text returns the prompt that Encode encodes, with control tokens by their names, for people to read.
func (t *Template) Text(messages []Message) (string, error) {
	parts, err := t.parts(messages)
	return text(parts), err
}

// EncodeParts is Encode in two pieces: the ids before and behind byte cut of the last user message.
// Together they are those of Encode, unless one token reaches over the cut. Then the text behind it
// is encoded by itself.
func (t *Template) EncodeParts(messages []Message, cut int) (before, after []int, err error) {
	last := -1
	for i, m := range messages {
		if m.Role == User {
			last = i
		}
	}
	if last < 0 {
		return nil, nil, errors.New("the conversation holds no message of the user")
	}
	if n := len(messages[last].Content); cut < 0 || cut > n {
		return nil, nil, fmt.Errorf("the cut is at byte %d of the user's last message, want 0 to %d", cut, n)
	}
	head, tail, err := t.cut(messages, last, cut)
	if err != nil {
		return nil, nil, err
	}
	if before, err = t.encode(head); err != nil {
		return nil, nil, err
	}
	whole, err := t.encode(slices.Concat(head, tail))
	if err != nil {
		return nil, nil, err
	}
	if len(whole) >= len(before) && slices.Equal(whole[:len(before)], before) {
		return before, whole[len(before):], nil
	}
	after, err = t.tok.EncodeParts(tail, false)
	return before, after, err
}

// Continue returns what stands between an answer that the model wrote itself, the last message of
// history, and the answer to next: the end of the one turn, which is not in the model's cache, the
// next message and the beginning of the next answer. So a cache that holds the history goes on
// without being read again. What the template does to messages of the past, as taking their
// reasoning away, is not done to what the cache holds.
func (t *Template) Continue(history []Message, next Message) ([]int, error) {
	last := len(history) - 1
	if last < 0 || history[last].Role != Assistant {
		return nil, errors.New("the history does not end with an answer of the assistant's")
	}
	if next.Role == Assistant {
		return nil, errors.New("an answer of the assistant's does not follow one of its own")
	}
	_, tail, err := t.cut(append(slices.Clone(history), next), last, len(history[last].Content))
	if err != nil {
		return nil, err
	}
	return t.tok.EncodeParts(tail, false)
}

// parts writes a conversation.
func (t *Template) parts(messages []Message) ([]tokenizer.Part, error) {
	if len(messages) == 0 {
		return nil, errors.New("the conversation holds no message")
	}
	for i, m := range messages {
		switch {
		case m.Role != System && m.Role != User && m.Role != Assistant:
			return nil, fmt.Errorf("message %d has the role %q, want system, user or assistant", i, m.Role)
		case m.Role == System && i > 0:
			return nil, fmt.Errorf("message %d is the system's, which may only be the first one", i)
		}
	}
	last := len(messages) - 1
	if last == 0 || messages[last].Role != Assistant {
		return t.write(messages)
	}
	parts, err := t.write(messages[:last])
	return append(parts, tokenizer.Part{Text: messages[last].Content}), err
}

// encode returns the ids of a prompt from its beginning on.
func (t *Template) encode(parts []tokenizer.Part) ([]int, error) {
	bos := t.tok.AddsBOS()
	if written := t.tok.SpecialText(t.tok.BOS()); bos && len(parts) > 0 {
		bos = !(parts[0].Control && strings.HasPrefix(parts[0].Text, written))
	}
	return t.tok.EncodeParts(parts, bos)
}

// cut writes a conversation and cuts it at a byte of one message. It puts a mark there, writes the
// conversation and looks for the mark.
func (t *Template) cut(messages []Message, message, at int) (head, tail []tokenizer.Part, err error) {
	mark := string(unusedRune(messages))
	messages = slices.Clone(messages)
	content := messages[message].Content
	messages[message].Content = content[:at] + mark + content[at:]
	parts, err := t.parts(messages)
	if err != nil {
		return nil, nil, err
	}
	for i, p := range parts {
		before, after, ok := strings.Cut(p.Text, mark)
		if !ok {
			continue
		}
		head = append(slices.Clone(parts[:i]), tokenizer.Part{Text: before, Control: p.Control})
		tail = append([]tokenizer.Part{{Text: after, Control: p.Control}}, parts[i+1:]...)
		if slices.ContainsFunc(tail, func(p tokenizer.Part) bool { return strings.Contains(p.Text, mark) }) {
			return nil, nil, fmt.Errorf("the template writes message %d more than once", message)
		}
		return head, tail, nil
	}
	return nil, nil, fmt.Errorf("the template does not write message %d", message)
}

// text returns what the parts make together.
func text(parts []tokenizer.Part) string {
	var b strings.Builder
	for _, p := range parts {
		b.WriteString(p.Text)
	}
	return b.String()
}

// unusedRune returns a character for private use that no message holds.
func unusedRune(messages []Message) rune {
	r := rune(0xE000)
	for slices.ContainsFunc(messages, func(m Message) bool { return strings.ContainsRune(m.Content, r) }) {
		r++
	}
	return r
}
