package tokenizer

import (
	"slices"
	"strings"
	"testing"
)

// TestPatternNames: what every name of tokenizer.ggml.pre stands for, by a text that the patterns
// cut differently, and the two settings that come with it.
func TestPatternNames(t *testing.T) {
	const text = "don'T 1234"
	llama3 := []string{"don", "'T", " ", "123", "4"}
	qwen2 := []string{"don", "'T", " ", "1", "2", "3", "4"}
	gpt2 := []string{"don", "'", "T", " 1234"}
	smollm := []string{"don", "'", "T", " ", "1", "2", "3", "4"}
	other := []string{"don", "'", "T", " ", "123", "4"}
	for _, c := range []struct {
		names     string
		words     []string
		beginning bool // BOS before the text, and whole words
	}{
		{"llama-bpe llama3 llama-v3 falcon3 falcon-h1 pixtral midm-2.0 lfm2 jina-v5-nano", llama3, true},
		{"tekken", qwen2, true},
		{"dbrx smaug-bpe glm4 chatglm-bpe", llama3, false},
		{"qwen2 deepseek-r1-qwen kormo f2llmv2 megrez stablelm2 hunyuan solar-open grok-2", qwen2, false},
		{"gpt-2 phi-2 jina-es jina-de gigachat jina-v2-es jina-v2-de a.x-4.0 mellum modern-bert jina-v1-en " +
			"jina-v2-code roberta-bpe exaone4 mpt olmo jais trillion granite-docling", gpt2, false},
		{"smollm starcoder refact command-r codeshell exaone minerva-7b", smollm, false},
		{"default", other, false},
	} {
		for _, name := range strings.Fields(c.names) {
			tok, err := FromGGUF(byteMeta(name))
			if err != nil {
				t.Error(err)
				continue
			}
			var got []string
			eachWord(tok.words, text, 0, func(word string, _ int) error {
				got = append(got, word)
				return nil
			})
			if !slices.Equal(got, c.words) || tok.AddsBOS() != c.beginning || tok.wholeWords != c.beginning {
				t.Errorf("%s: %q, BOS %t, whole words %t, want %q, %t", name, got, tok.AddsBOS(), tok.wholeWords, c.words, c.beginning)
			}
		}
		for _, name := range strings.Fields(c.names) {
			if !strings.Contains(", "+patternNames()+",", ", "+name+",") {
				t.Errorf("%s is not in the list of names: %s", name, patternNames())
			}
		}
	}
	seen := map[string]bool{}
	for _, p := range patterns {
		for _, name := range p.names {
			if seen[name] {
				t.Errorf("%q is two patterns", name)
			}
			seen[name] = true
		}
	}
	// Patterns that are not here, and names that only look like those that are.
	for _, name := range []string{"gpt-4o", "llama4", "deepseek-llm", "deepseek-v3", "falcon", "bloom", "viking",
		"jais-2", "qwen35", "SmolLM", "gpt2", "llama-bpe "} {
		if _, err := FromGGUF(byteMeta(name)); err == nil {
			t.Errorf("%q is read, and its pattern is another or not known", name)
		}
	}
}
