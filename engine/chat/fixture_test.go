package chat

import (
	"encoding/json"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"keyfold/engine/tokenizer"
)

// names are the control tokens of the tests' vocabulary, in the order of their ids.
var names = []string{
	"<s>", "</s>", "<|im_start|>", "<|im_end|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>",
	"<start_of_turn>", "<end_of_turn>", "[INST]", "[/INST]", "<|end|>", "<|start_of_role|>", "<|end_of_role|>", "<|end_of_text|>",
}

// control is the id of the first of them. Before them come the bytes, in the order of their names.
const control = 256

// vocabulary returns a byte-level tokenizer without merges, a token a byte, and these names.
func vocabulary(t testing.TB, addsBOS bool) *tokenizer.Tokenizer {
	t.Helper()
	var pieces []string
	var types []int32
	for b := range 256 {
		pieces, types = append(pieces, byteName(byte(b))), append(types, 1)
	}
	for _, name := range names {
		pieces, types = append(pieces, name), append(types, 3)
	}
	pieces, types = append(pieces, "</think>"), append(types, 4)
	tok, err := tokenizer.FromGGUF(map[string]any{
		"tokenizer.ggml.model": "gpt2", "tokenizer.ggml.pre": "smollm", "tokenizer.ggml.tokens": pieces,
		"tokenizer.ggml.token_type": types, "tokenizer.ggml.merges": []string{},
		"tokenizer.ggml.bos_token_id": uint32(control), "tokenizer.ggml.eos_token_id": uint32(control + 1),
		"tokenizer.ggml.add_bos_token": addsBOS,
	})
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

// byteName is how byte-level vocabularies write a byte.
func byteName(b byte) string {
	switch {
	case b <= ' ':
		return string(rune(b) + 0x100)
	case 0x7f <= b && b <= 0xa0:
		return string(rune(b) - 0x7f + 0x121)
	case b == 0xad:
		return "\u0143"
	}
	return string(rune(b))
}

// spell writes ids with the names of control tokens, which Decode leaves out.
func spell(tok *tokenizer.Tokenizer, ids []int) string {
	var b strings.Builder
	s := tok.Stream()
	for _, id := range ids {
		b.WriteString(tok.SpecialText(id) + s.Next(id))
	}
	return b.String() + s.Rest()
}

// controls returns the control tokens among ids.
func controls(tok *tokenizer.Tokenizer, ids []int) []int {
	special := tok.Special()
	return slices.DeleteFunc(slices.Clone(ids), func(id int) bool { return !slices.Contains(special, id) })
}

// source returns the text of a template of testdata.
func source(t testing.TB, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata/templates", name+".jinja"))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// template returns a template of testdata as it would be in a file.
func template(t testing.TB, name string, tok *tokenizer.Tokenizer) *Template {
	t.Helper()
	tmpl, err := New(source(t, name), tok)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return tmpl
}

// usable returns the templates of testdata that can be used here, by their names.
func usable(t testing.TB, tok *tokenizer.Tokenizer) map[string]*Template {
	t.Helper()
	list := map[string]*Template{}
	for name := range readRendered(t).Rendered {
		if inCode[name] != "" || runtime.GOOS != "js" {
			list[name] = template(t, name, tok)
		}
	}
	return list
}

// rendered is testdata/rendered.json: what Python's jinja2 makes of conversations.
type rendered struct {
	Conversations map[string][]Message          `json:"conversations"`
	Rendered      map[string]map[string]*string `json:"rendered"` // nil: the template raises an exception
	Spaces        map[string]string             `json:"spaces"`   // of templates about white space
}

func readRendered(t testing.TB) (r rendered) {
	t.Helper()
	data, err := os.ReadFile("testdata/rendered.json")
	if err == nil {
		err = json.Unmarshal(data, &r)
	}
	if err != nil {
		t.Fatal(err)
	}
	return r
}
