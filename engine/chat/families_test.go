package chat

import "testing"

// inCode says of which family each template of testdata is.
var inCode = map[string]string{
	"smollm2": "ChatML", "chatml": "ChatML", "qwen2.5": "ChatML", "qwen3": "ChatML", "llama3": "Llama 3", "llama3.2": "Llama 3",
	"gemma": "Gemma", "gemma3": "Gemma", "tinyllama": "Zephyr",
	"mistral-v0.1": "Mistral", "mistral-v0.2": "Mistral", "mistral-nemo": "Mistral",
}

// TestFamilies: the code writes what Python makes of the template, and refuses what the template
// refuses.
func TestFamilies(t *testing.T) {
	ref := readRendered(t)
	tok := vocabulary(t, false)
	for name, family := range inCode {
		tmpl := template(t, name, tok)
		if tmpl.Family() != family {
			t.Errorf("%s is %s, want %s", name, tmpl.Family(), family)
		}
		for conversation, messages := range ref.Conversations {
			want := ref.Rendered[name][conversation]
			got, err := tmpl.Text(messages)
			switch {
			case want == nil && err == nil:
				t.Errorf("%s, %s: no error, the template raises one", name, conversation)
			case want != nil && err != nil:
				t.Errorf("%s, %s: %v", name, conversation, err)
			case want != nil && got != *want:
				t.Errorf("%s, %s:\n got %q\nwant %q", name, conversation, got, *want)
			}
		}
	}
}

// TestOtherFamilies: what only looks like a template of a family is none of it.
func TestOtherFamilies(t *testing.T) {
	for _, name := range []string{"llama2", "phi3", "granite"} {
		for _, f := range families {
			if f.is(source(t, name)) {
				t.Errorf("%s is taken for %s", name, f.name)
			}
		}
	}
}
