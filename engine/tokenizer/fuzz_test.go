package tokenizer

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"
)

// useFuzzed encodes and decodes with whatever vocabulary came out of fuzzed input: nothing may
// panic, and ids must stay in range.
func useFuzzed(t *testing.T, tok *Tokenizer, text string) {
	ids, err := tok.Encode(text, tok.AddsBOS())
	if err != nil {
		return
	}
	for _, id := range ids {
		if id < 0 || id >= tok.VocabSize() {
			t.Fatalf("%q: id %d of %d", text, id, tok.VocabSize())
		}
	}
	decoded, err := tok.Decode(ids)
	if err != nil {
		t.Fatal(err)
	}
	checkDecode(t, tok, ids, decoded)
}

func FuzzFromLlama2C(f *testing.F) {
	data, n := spmBin()
	f.Add(data, n, "abcd é\n")
	f.Add(bin(6, entry{0, "<unk>"}, entry{0, "<s>"}, entry{0, "</s>"}, entry{1, "a"}), 4, "aa b")
	f.Add([]byte{1, 0, 0, 0}, 3, "")
	f.Fuzz(func(t *testing.T, data []byte, n int, text string) {
		if tok, err := FromLlama2C(bytes.NewReader(data), n); err == nil {
			useFuzzed(t, tok, text)
		}
	})
}

// FuzzFromGGUFMeta builds metadata from fuzzed strings: tokens and merges one per line, a byte of
// types and of scores for each token.
func FuzzFromGGUFMeta(f *testing.F) {
	f.Add("llama", "default", "<unk>\n<s>\na\nb\nab\n<0x0A>", "\x02\x03\x01\x01\x01\x06", "000123",
		"", uint32(1), uint32(0), "abab\n")
	f.Add("gpt2", "gpt-2", "a\nb\nab\nĠ\nĠa\nx", "\x01\x01\x01\x01\x01\x04", "", "a b\nĠ a",
		uint32(5), uint32(1<<32-1), "ab aab")
	f.Add("gpt2", "llama-bpe", "1\n2\n12", "\x01\x01\x01", "", "1 2", uint32(2), uint32(2), "1221")
	f.Fuzz(func(t *testing.T, model, pre, tokens, types, scores, merges string, bos, unk uint32,
		text string) {
		meta := map[string]any{
			"tokenizer.ggml.model": model, "tokenizer.ggml.pre": pre,
			"tokenizer.ggml.tokens":       strings.Split(tokens, "\n"),
			"tokenizer.ggml.token_type":   []byte(types),
			"tokenizer.ggml.bos_token_id": bos, "tokenizer.ggml.unknown_token_id": unk,
		}
		var s []float32
		for _, c := range []byte(scores) {
			s = append(s, float32(c))
		}
		meta["tokenizer.ggml.scores"] = s
		if meta["tokenizer.ggml.merges"] = strings.Split(merges, "\n"); merges == "" {
			meta["tokenizer.ggml.merges"] = []string{}
		}
		if tok, err := FromGGUF(meta); err == nil {
			useFuzzed(t, tok, text)
		}
	})
}

// FuzzEncode encodes any text with the fixtures. Text that is valid UTF-8 comes back unchanged but
// for user-defined tokens, after which the SentencePiece style adds a space, and for the mark that
// it cannot tell from a space.
func FuzzEncode(f *testing.F) {
	for _, text := range []string{"", "hello the", " a<|x|>b", "don't 12345\n\n é😀\xff▁", "<s><|é|>"} {
		f.Add(text)
	}
	spm := spmFixture(f)
	toks := []*Tokenizer{spm}
	for _, pre := range []string{"gpt-2", "default", "llama-bpe", "smollm", "qwen2"} {
		toks = append(toks, byteFixture(f, pre))
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, tok := range toks {
			ids, err := tok.Encode(text, true)
			if err != nil {
				t.Fatal(err)
			}
			switch {
			case !utf8.ValidString(text),
				tok == spm && (strings.Contains(text, "<|x|>") || strings.Contains(text, spaceMark)):
				useFuzzed(t, tok, text)
			default:
				checkDecode(t, tok, ids, text)
			}
		}
	})
}
