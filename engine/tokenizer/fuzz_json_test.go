//go:build !js

package tokenizer

import (
	"bytes"
	"testing"
)

func FuzzFromJSON(f *testing.F) {
	f.Add([]byte(`{"added_tokens": [{"id": 0, "content": "<s>", "special": true}],
		"normalizer": {"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": "▁"},
			{"type": "Replace", "pattern": {"String": " "}, "content": "▁"}]},
		"model": {"type": "BPE", "byte_fallback": true, "merges": ["▁ a"],
			"vocab": {"▁": 1, "a": 2, "▁a": 3, "<0x0A>": 4}}}`), "a a\n")
	f.Add([]byte(`{"pre_tokenizer": {"type": "Sequence", "pretokenizers": [
			{"type": "Digits", "individual_digits": true},
			{"type": "ByteLevel", "add_prefix_space": false}]},
		"decoder": {"type": "ByteLevel"},
		"model": {"vocab": {"a": 0, "b": 1, "ab": 2, "Ġ": 3}, "merges": [["a", "b"]]}}`), "ab ab")
	f.Add([]byte(`{"pre_tokenizer": {"type": "Metaspace", "replacement": "▁",
			"prepend_scheme": "first"},
		"model": {"type": "BPE", "unk_token": "u", "vocab": {"▁": 0, "a": 1, "u": 2},
			"merges": []}}`), "aba")
	f.Fuzz(func(t *testing.T, data []byte, text string) {
		if tok, err := FromJSON(bytes.NewReader(data)); err == nil {
			useFuzzed(t, tok, text)
		}
	})
}
