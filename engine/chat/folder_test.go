//go:build !js

package chat

import (
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

// TestSources: where the template is found, and what is said of one that cannot be read.
func TestSources(t *testing.T) {
	const config, file = "tokenizer_config.json", "chat_template.jinja"
	for name, c := range map[string]struct {
		files      map[string]string
		want, says string
	}{
		"nothing":              {nil, "", ""},
		"no template":          {map[string]string{config: `{"eos_token": "</s>"}`}, "", ""},
		"null":                 {map[string]string{config: `{"chat_template": null}`}, "", ""},
		"a text":               {map[string]string{config: `{"chat_template": "{{ a }}\n"}`}, "{{ a }}\n", ""},
		"a file":               {map[string]string{file: "\xef\xbb\xbf{{ b }}"}, "{{ b }}", ""},
		"a file first":         {map[string]string{file: "{{ b }}", config: `{"chat_template": "{{ a }}"}`}, "{{ b }}", ""},
		"named ones":           {map[string]string{config: `{"chat_template": [{"name": "rag", "template": "r"}, {"name": "default", "template": "d"}]}`}, "d", ""},
		"none named default":   {map[string]string{config: `{"chat_template": [{"name": "rag", "template": "r"}]}`}, "", "none of the chat templates is named default"},
		"a number":             {map[string]string{config: `{"chat_template": 1}`}, "", "chat_template is neither a text nor a list of named ones"},
		"no JSON":              {map[string]string{config: `{`}, "", "tokenizer_config.json: unexpected end of JSON input"},
		"a file in Latin-1":    {map[string]string{file: "caf\xe9"}, "", "chat_template.jinja: "},
		"a config in UTF-16":   {map[string]string{config: "\xff\xfe{\x00}\x00"}, "", "tokenizer_config.json: "},
		"a config that is XML": {map[string]string{config: "<x>"}, "", "tokenizer_config.json: "},
	} {
		folder := fstest.MapFS{}
		for path, data := range c.files {
			folder[path] = &fstest.MapFile{Data: []byte(data)}
		}
		got, err := FolderSource(folder)
		if got != c.want || (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %q, %v, want %q, %q", name, got, err, c.want, c.says)
		}
	}
	for _, meta := range []map[string]any{nil, {"tokenizer.chat_template": 1}} {
		if got := Source(meta); got != "" {
			t.Errorf("%v holds %q", meta, got)
		}
	}
	if got := Source(map[string]any{"tokenizer.chat_template": "a"}); got != "a" {
		t.Errorf("%q, want a", got)
	}
}

func TestParseMessages(t *testing.T) {
	got, err := ParseMessages([]byte("\xef\xbb\xbf[{\"role\": \"user\", \"content\": \"a\", \"name\": \"b\"}]"))
	if err != nil || !slices.Equal(got, []Message{{User, "a"}}) {
		t.Errorf("%v, %v", got, err)
	}
	for _, bad := range []string{"", "{}", `["a"]`, `[{"role": "user", "content": [{"type": "text"}]}]`, "[\xff]"} {
		if got, err := ParseMessages([]byte(bad)); err == nil {
			t.Errorf("%q is read as %v", bad, got)
		}
	}
}
