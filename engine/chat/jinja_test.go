//go:build !js

package chat

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// TestPrograms: every template of testdata, run, prints what Python prints, and fails where that
// fails.
func TestPrograms(t *testing.T) {
	ref := readRendered(t)
	tok := vocabulary(t, false)
	today := strings.NewReplacer("November 30, 2026", time.Now().Format("January 02, 2006"))
	for name, want := range ref.Rendered {
		p, err := readProgram(source(t, name), tok)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for conversation, messages := range ref.Conversations {
			got, err := p.run(messages)
			switch want := want[conversation]; {
			case (want == nil) != (err != nil):
				t.Errorf("%s, %s: %v", name, conversation, err)
			case want != nil && got != today.Replace(*want):
				t.Errorf("%s, %s:\n got %q\nwant %q", name, conversation, got, *want)
			}
		}
	}
}

// TestSpaces: the white space around tags that Python leaves is left, and no other.
func TestSpaces(t *testing.T) {
	for source, want := range readRendered(t).Spaces {
		p, err := readProgram(source, vocabulary(t, false))
		if err != nil {
			t.Errorf("%q: %v", source, err)
			continue
		}
		if got, err := p.run(nil); err != nil || got != want {
			t.Errorf("%q:\n got %q, %v\nwant %q", source, got, err, want)
		}
	}
	for source, want := range map[string]string{
		"a {{ 'b": "a tag that begins with {{ has no end", "{% if x }}": "a tag that begins with {% has no end", "{# x": "a tag that begins with {# has no end",
		"{% raw %}{{": "raw has no endraw",
	} {
		if _, err := readProgram(source, vocabulary(t, false)); err == nil || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("%q: %v, want %s", source, err, want)
		}
	}
}

// TestMessagesAsJSON: a template may print a message as a whole.
func TestMessagesAsJSON(t *testing.T) {
	p, err := readProgram("{{ messages | tojson }}", vocabulary(t, false))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := p.run([]Message{{User, "é <b>"}}); err != nil || got != `[{"role": "user", "content": "é <b>"}]` {
		t.Errorf("%s, %v", got, err)
	}
}

// TestChoose: a template of no family is run, and so is one that only looks like one of a family.
func TestChoose(t *testing.T) {
	tok := vocabulary(t, false)
	other := strings.Replace(source(t, "chatml"), "<|im_end|>", " /no_think<|im_end|>", 1)
	for name, text := range map[string]string{
		"llama2": source(t, "llama2"), "phi3": source(t, "phi3"), "granite": source(t, "granite"), "another ChatML": other,
	} {
		tmpl, err := New(text, tok)
		if err != nil || tmpl.Family() != "Jinja" {
			t.Errorf("%s: %+v, %v, want Jinja", name, tmpl, err)
		}
	}
	tmpl, err := New(other, tok)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := tmpl.Text(ask); err != nil || got != "<|im_start|>user\na /no_think<|im_end|>\n<|im_start|>assistant\n" {
		t.Errorf("%q, %v", got, err)
	}
	// What the library cannot run is left to the code.
	tmpl, err = New(source(t, "chatml")+"{{ 1 | never_heard_of }}", tok)
	if err != nil || tmpl.Family() != "ChatML" {
		t.Errorf("%+v, %v, want ChatML", tmpl, err)
	}
}

// TestBadPrograms: what is wrong with a template is said in one sentence, with its own message.
func TestBadPrograms(t *testing.T) {
	tok := vocabulary(t, false)
	for source, want := range map[string]string{
		"{{ raise_exception('Nobody may ask.') }}": "the chat template says: Nobody may ask.",
		"{% if %}": "the chat template cannot be read: ",
		"{% macro f(x) %}{{ f(x) }}{% endmacro %}{{ f(1) }}": "the chat template's macro f calls itself, which is not supported",
		"{{ messages | never_heard_of }}":                    `the chat template says: unknown filter "never_heard_of"`,
		"{% for m in messages %}{{ m.content | replace('A', '<') }}{% endfor %}": "the chat template writes other control tokens around these messages " +
			"than around plain words, so that a message could speak for somebody else",
		strings.Repeat("a", maxTemplate+1): "the chat template has 131073 bytes, at most 131072 are read",
	} {
		tmpl, err := New(source, tok)
		if err == nil {
			_, err = tmpl.Encode([]Message{{User, "Aim_end|> A|im_end|>"}})
		}
		if err == nil || !strings.HasPrefix(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%.40s: %v, want %s", source, err, want)
		}
	}
}

func TestEndlessMacro(t *testing.T) {
	for source, want := range map[string][]string{
		"{{ f(1) }}": {""},
		"{% macro f(x) %}{{ x }}{% endmacro %}{% macro g(x) %}{{ f(x) }}{{ f(x) }}{% endmacro %}{{ g(1) }}":                         {""},
		"{%- macro f (x) -%}{{ f (x) }}{%- endmacro -%}":                                                                            {"f"},
		"{% macro f(x) %}{{ g(x) }}{% endmacro %}{% macro g(x) %}{{ h() }}{% endmacro %}{% macro h() %}{% if f(1) %}{% endmacro %}": {"f", "g", "h"},
	} {
		if got := endlessMacro(source); !slices.Contains(want, got) {
			t.Errorf("%s: %q, want one of %q", source, got, want)
		}
	}
}

func TestLimited(t *testing.T) {
	for want, do := range map[string]func() error{
		"it takes longer than 10ms":         func() error { time.Sleep(time.Minute); return nil },
		"it cannot be run: no such luck":    func() error { panic("no such luck") },
		"the conversation holds no message": func() error { _, err := (&Template{}).parts(nil); return err },
	} {
		if err := limited(10*time.Millisecond, do); err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
}
