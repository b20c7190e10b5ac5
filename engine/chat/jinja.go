//go:build !js

package chat

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/ardanlabs/jinja"

	"keyfold/engine/tokenizer"
)

// program is a template run as what it is. Its writer puts a mark into every name of a
// control token in a message, after the first character, and cuts the prompt at the marks. So these
// names are in no part as a whole, and the template may do with messages what it likes: take white
// space off, leave reasoning out. A prompt is refused if it has other control tokens than that of a
// conversation of plain words.
type program struct {
	source   string
	template *jinja.Template
	texts    map[string]string // what the template prints as it is, by variable
	tok      *tokenizer.Tokenizer
}

const (
	maxTemplate = 1 << 17 // bytes; long ones of real models have 30,000
	maxTime     = 5 * time.Second
)

// readProgram compiles a template.
func readProgram(source string, tok *tokenizer.Tokenizer) (*program, error) {
	if len(source) > maxTemplate {
		return nil, fmt.Errorf("the chat template has %d bytes, at most %d are read", len(source), maxTemplate)
	}
	if name := endlessMacro(source); name != "" {
		return nil, fmt.Errorf("the chat template's macro %s calls itself, which is not supported", name)
	}
	p := &program{source: source, tok: tok}
	tags, texts, err := bare(source)
	p.texts = texts
	if err == nil {
		err = limited(maxTime, func() (err error) {
			p.template, err = jinja.Compile(tags)
			return err
		})
	}
	if err != nil {
		return nil, fmt.Errorf("the chat template cannot be read: %w", err)
	}
	return p, nil
}

// write is a writer.
func (p *program) write(messages []Message) ([]tokenizer.Part, error) {
	mark := string(unusedRune(append(messages[:len(messages):len(messages)], Message{Content: p.source})))
	marked, plain := slices.Clone(messages), slices.Clone(messages)
	for i, m := range messages {
		marked[i].Content = p.mark(m.Content, mark)
		if strings.TrimFunc(m.Content, isSpace) != "" { // templates may leave empty messages out
			plain[i].Content = "x"
		}
	}
	prompt, err := p.run(marked)
	if err != nil {
		return nil, err
	}
	var parts []tokenizer.Part
	for stretch := range strings.SplitSeq(prompt, mark) {
		parts = append(parts, tokenizer.Part{Text: stretch, Control: true})
	}
	words, err := p.run(plain)
	if err != nil {
		return nil, err
	}
	got, err := p.controls(parts)
	if err != nil {
		return nil, err
	}
	want, err := p.controls([]tokenizer.Part{{Text: words, Control: true}})
	if err != nil {
		return nil, err
	}
	if !slices.Equal(got, want) {
		return nil, errors.New("the chat template writes other control tokens around these messages than around plain words, " +
			"so that a message could speak for somebody else")
	}
	return parts, nil
}

// mark puts a mark into every name of a control token.
func (p *program) mark(content, mark string) string {
	for _, id := range p.tok.Special() {
		name := p.tok.SpecialText(id)
		if _, first := utf8.DecodeRuneInString(name); first < len(name) {
			content = strings.ReplaceAll(content, name, name[:first]+mark+name[first:])
		}
	}
	return content
}

// controls returns the control tokens of a prompt.
func (p *program) controls(parts []tokenizer.Part) ([]int, error) {
	ids, err := p.tok.EncodeParts(parts, false)
	special := map[int]bool{}
	for _, id := range p.tok.Special() {
		special[id] = true
	}
	return slices.DeleteFunc(ids, func(id int) bool { return !special[id] }), err
}

// run renders a conversation, with what transformers tells a template.
func (p *program) run(messages []Message) (prompt string, err error) {
	list := make([]jinja.Value, len(messages))
	for i, m := range messages {
		turn := jinja.NewDict()
		turn.AsDict().Set("role", jinja.NewString(m.Role))
		turn.AsDict().Set("content", jinja.NewString(m.Content))
		list[i] = turn
	}
	data := map[string]jinja.Value{
		"messages": jinja.NewList(list), "add_generation_prompt": jinja.NewBool(true),
		"tools": jinja.None(), "documents": jinja.None(),
	}
	for name, text := range p.texts {
		data[name] = jinja.NewString(text)
	}
	for name, id := range map[string]int{"bos_token": p.tok.BOS(), "eos_token": p.tok.EOS()} {
		if special := p.tok.SpecialText(id); special != "" {
			data[name] = jinja.NewString(special)
		}
	}
	if strings.Contains(p.source, "strftime_now is ") { // it has a date of its own for programs without a clock
		data["strftime_now"] = jinja.Undefined()
	}
	err = limited(maxTime, func() (err error) {
		prompt, err = p.template.RenderValues(data)
		return err
	})
	if err != nil {
		return "", fmt.Errorf("the chat template says: %w", err)
	}
	return prompt, nil
}

// limited calls do, which may panic or go on for ever.
func limited(most time.Duration, do func() error) error {
	done := make(chan error, 1)
	go func() {
		defer func() {
			if broken := recover(); broken != nil {
				done <- fmt.Errorf("it cannot be run: %v", broken)
			}
		}()
		done <- do()
	}()
	select {
	case err := <-done:
		return err
	case <-time.After(most):
		return fmt.Errorf("it takes longer than %v", most)
	}
}

var (
	macro  = regexp.MustCompile(`(?s)\{%-?\s*macro\s+(\w+)\s*\(.*?\{%-?\s*endmacro`)
	called = regexp.MustCompile(`(\w+)\s*\(`)
)

// endlessMacro returns a macro that calls itself, by way of others or not, "" if there is none: no
// stack is deep enough for one that does so for ever.
func endlessMacro(source string) string {
	calls := map[string][]string{}
	for _, m := range macro.FindAllStringSubmatch(source, -1) {
		body := m[0][strings.Index(m[0], "(")+1:]
		for _, c := range called.FindAllStringSubmatch(body, -1) {
			calls[m[1]] = append(calls[m[1]], c[1])
		}
	}
	for name := range calls {
		seen, next := map[string]bool{}, calls[name]
		for ; len(next) > 0; next = next[1:] {
			switch {
			case next[0] == name:
				return name
			case !seen[next[0]]:
				seen[next[0]] = true
				next = append(next, calls[next[0]]...)
			}
		}
	}
	return ""
}

// probes are conversations that tell templates of a family apart.
var probes = [][]Message{
	{{User, " a\n"}},
	{{System, " s\n"}, {User, "a"}},
	{{User, " a "}, {Assistant, " <think>\nx\n</think>\n\nb "}, {User, "c"}},
	{{System, "s"}, {User, "a"}, {Assistant, "b"}, {User, "c"}},
	{{User, "a"}, {User, "b"}},
}

// agrees reports whether the code of a family writes what the program does. If the program writes
// nothing at all, there is only the code.
func (p *program) agrees(code writer) bool {
	runs, differs := false, false
	for _, messages := range probes {
		want, failed := p.run(messages)
		parts, err := code(messages)
		runs = runs || failed == nil
		differs = differs || (failed == nil) != (err == nil) || failed == nil && text(parts) != want
	}
	return !runs || !differs
}

// choose returns the template that is known from its family if it is the program, else what runs the
// program. Without a family known is nil.
func choose(source string, tok *tokenizer.Tokenizer, known *Template) (*Template, error) {
	p, err := readProgram(source, tok)
	switch {
	case known != nil && (err != nil || p.agrees(known.write)):
		return known, nil
	case err != nil:
		return nil, err
	}
	return &Template{tok: tok, family: "Jinja", write: p.write}, nil
}
