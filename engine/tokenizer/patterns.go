package tokenizer

import (
	"slices"
	"strings"
)

// pattern is how byte-level vocabularies cut text into words, and what its models have in common.
type pattern struct {
	words []splitter
	names []string // values of tokenizer.ggml.pre

	wholeWords bool // a word that is a piece is that piece, whatever the merges say
	addsBOS    bool // unless the file says otherwise
}

// patterns are those that this package knows, with every name that llama.cpp has for them. A name
// that llama.cpp gives another pattern is not here, and a file with it is refused: gpt-4o,
// deepseek-llm, falcon, bloom and others.
//
// Source: llama.cpp, src/llama-vocab.cpp, llama_vocab::impl::load and llm_tokenizer_bpe.
var patterns = []pattern{{
	words:      []splitter{splitLlama3},
	names:      []string{"llama-bpe", "llama3", "llama-v3", "falcon3", "falcon-h1", "pixtral", "midm-2.0", "lfm2", "jina-v5-nano"},
	wholeWords: true, addsBOS: true,
}, {
	words:      []splitter{splitTekken},
	names:      []string{"tekken"},
	wholeWords: true, addsBOS: true,
}, {
	words: []splitter{splitLlama3},
	names: []string{"dbrx", "smaug-bpe", "glm4", "chatglm-bpe"},
}, {
	words: []splitter{splitQwen2},
	names: []string{"qwen2", "deepseek-r1-qwen", "kormo", "f2llmv2", "megrez", "stablelm2", "hunyuan", "solar-open", "grok-2"},
}, {
	words: []splitter{splitGPT2},
	names: []string{"gpt-2", "phi-2", "jina-es", "jina-de", "gigachat", "jina-v2-es", "jina-v2-de", "a.x-4.0", "mellum",
		"modern-bert", "jina-v1-en", "jina-v2-code", "roberta-bpe", "exaone4", "mpt", "olmo", "jais", "trillion", "granite-docling"},
}, {
	words: []splitter{splitDigits, splitGPT2},
	names: []string{"smollm", "starcoder", "refact", "command-r", "codeshell", "exaone", "minerva-7b"},
}, {
	words: []splitter{splitPunctuation, splitGPT2, splitNumbers, splitThreeDigits},
	names: []string{"default", ""}, // llama.cpp's choice where a file does not say
}}

// patternByName returns the pattern for a value of tokenizer.ggml.pre.
func patternByName(pre string) (pattern, bool) {
	i := slices.IndexFunc(patterns, func(p pattern) bool { return slices.Contains(p.names, pre) })
	if i < 0 {
		return pattern{}, false
	}
	return patterns[i], true
}

// patternNames lists the names of all patterns for a message.
func patternNames() string {
	var names []string
	for _, p := range patterns {
		names = append(names, p.names...)
	}
	names = slices.DeleteFunc(names, func(name string) bool { return name == "" })
	return strings.Join(names, ", ")
}
