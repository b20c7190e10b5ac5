//go:build !js

package tokenizer

import (
	"bytes"
	"cmp"
	"encoding/json"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
)

// TestHuggingFaceGolden compares with ids and texts that Hugging Face's tokenizers gave for every
// combination of components that is supported; testdata/huggingface.py made them.
func TestHuggingFaceGolden(t *testing.T) {
	data, err := os.ReadFile("testdata/huggingface.json")
	if err != nil {
		t.Fatal(err)
	}
	var golden struct {
		Models   map[string]json.RawMessage
		Texts    []string
		Variants []struct {
			Name, Model string
			File        map[string]json.RawMessage
			IDs         [][]int
			Decoded     []string
		}
	}
	if err := json.Unmarshal(data, &golden); err != nil {
		t.Fatal(err)
	}
	if len(golden.Variants) != 11 {
		t.Fatalf("%d variants, want 11", len(golden.Variants))
	}
	for _, v := range golden.Variants {
		t.Run(v.Name, func(t *testing.T) {
			v.File["model"] = golden.Models[v.Model]
			file, err := json.Marshal(v.File)
			if err != nil {
				t.Fatal(err)
			}
			tok, err := FromJSON(bytes.NewReader(file))
			if err != nil {
				t.Fatal(err)
			}
			for i, text := range golden.Texts {
				checkEncode(t, tok, []encodeCase{{v.Name, text, v.IDs[i]}})
				if got, err := tok.Decode(v.IDs[i]); err != nil || got != v.Decoded[i] {
					t.Errorf("decode %v: got %q, %v, want %q", v.IDs[i], got, err, v.Decoded[i])
				}
			}
		})
	}
}

// jsonOf writes the vocabulary of a fixture as tokenizer.json, with components that prepare text
// in the same way.
func jsonOf(t *testing.T, meta map[string]any) map[string]any {
	t.Helper()
	tok := fromGGUF(t, meta)
	vocab, added := map[string]int{}, []map[string]any{}
	for id, piece := range tok.pieces {
		switch typ := tok.types[id]; typ {
		case controlToken, unknownToken, userToken:
			added = append(added, map[string]any{
				"id": id, "content": piece, "special": typ != userToken,
			})
		default:
			vocab[piece] = id
		}
	}
	model := map[string]any{"type": "BPE", "vocab": vocab}
	file := map[string]any{"added_tokens": added, "model": model}
	if tok.kind == byteLevel {
		model["merges"] = byteMerges
		file["pre_tokenizer"] = map[string]any{"type": "ByteLevel", "add_prefix_space": false}
		return file
	}
	// Every way to make a piece of two others is a merge; the highest score comes first.
	type way struct {
		pair  [2]string
		score float32
	}
	var ways []way
	for joint, id := range tok.ids {
		for i := 1; i < len(joint); i++ {
			l, okL := tok.ids[joint[:i]]
			r, okR := tok.ids[joint[i:]]
			if okL && okR && tok.types[l] != userToken && tok.types[r] != userToken {
				ways = append(ways, way{[2]string{joint[:i], joint[i:]}, tok.scores[id]})
			}
		}
	}
	slices.SortFunc(ways, func(a, b way) int {
		return cmp.Or(cmp.Compare(b.score, a.score), cmp.Compare(a.pair[0], b.pair[0]))
	})
	merges := [][2]string{}
	for _, w := range ways {
		merges = append(merges, w.pair)
	}
	model["merges"], model["byte_fallback"] = merges, true
	model["unk_token"], model["fuse_unk"] = "<unk>", true
	file["normalizer"] = map[string]any{"type": "Sequence", "normalizers": []any{
		map[string]any{"type": "Prepend", "prepend": "▁"},
		map[string]any{"type": "Replace", "pattern": map[string]any{"String": " "}, "content": "▁"},
	}}
	file["post_processor"] = map[string]any{"type": "TemplateProcessing",
		"single":         []any{map[string]any{"SpecialToken": map[string]any{"id": "<s>"}}},
		"special_tokens": map[string]any{"<s>": map[string]any{"ids": []int{1}}},
	}
	return file
}

func fromJSON(file map[string]any) (*Tokenizer, error) {
	data, err := json.Marshal(file)
	if err != nil {
		return nil, err
	}
	return FromJSON(bytes.NewReader(data))
}

// TestFromJSONAgreesWithGGUF: the same vocabulary in both forms gives the same ids and texts.
func TestFromJSONAgreesWithGGUF(t *testing.T) {
	for name, meta := range map[string]map[string]any{
		"SentencePiece": spmMeta(), "byte-level": byteMeta("gpt-2"),
	} {
		want := fromGGUF(t, meta)
		got, err := fromJSON(jsonOf(t, meta))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got.Kind() != want.Kind() || got.BOS() != want.BOS() || got.EOS() != want.EOS() ||
			got.AddsBOS() != want.AddsBOS() || !slices.Equal(got.pieces, want.pieces) {
			t.Errorf("%s: %s BOS %d EOS %d adds %t, want %s %d %d %t", name, got.Kind(), got.BOS(),
				got.EOS(), got.AddsBOS(), want.Kind(), want.BOS(), want.EOS(), want.AddsBOS())
		}
		rng := rand.New(rand.NewPCG(7, 8))
		for i := range 1000 {
			text := randomText(rng) + []string{"<|x|>", "<s>", "daaa", "abcd", ""}[i%5]
			ids, err := want.Encode(text, false)
			if err != nil {
				t.Fatal(err)
			}
			checkEncode(t, got, []encodeCase{{name, text, ids}})
			text, _ = want.Decode(ids)
			checkDecode(t, got, ids, text)
		}
	}
}

// TestFromJSONRefuses: every component and setting that is not supported, by name.
func TestFromJSONRefuses(t *testing.T) {
	spm, gpt2 := spmMeta(), byteMeta("gpt-2")
	obj := func(text string) map[string]any {
		var m map[string]any
		if err := json.Unmarshal([]byte(text), &m); err != nil {
			t.Fatal(err)
		}
		return m
	}
	for _, c := range []struct {
		name  string
		meta  map[string]any
		patch string // fields that replace those of the file, "model.x" those of the model
		want  string
	}{
		{"unigram", spm, `{"model": {"type": "Unigram", "vocab": [["a", 0.5]]}}`,
			`model "Unigram" is not supported, want "BPE"`},
		{"no model", spm, `{"model": null}`, `model "" is not supported, want "BPE"`},
		{"no vocab", spm, `{"model": {"type": "BPE"}}`, `model BPE has no vocab`},
		{"dropout", spm, `{"model.dropout": 0.1}`,
			`model BPE with dropout=0.1 is not supported, want 0`},
		{"suffix", spm, `{"model.end_of_word_suffix": "</w>"}`,
			`model BPE with end_of_word_suffix="</w>" is not supported`},
		{"subword prefix", spm, `{"model.continuing_subword_prefix": "##"}`,
			`model BPE with continuing_subword_prefix="##" is not supported`},
		{"whole words", spm, `{"model.ignore_merges": true}`,
			`model BPE with ignore_merges=true is not supported without pre_tokenizer ByteLevel`},
		{"unknown unk", spm, `{"model.unk_token": "<what>"}`,
			`unk_token "<what>" is not in the vocabulary`},
		{"id too high", gpt2, `{"added_tokens": [{"id": 70000, "content": "x1"}]}`,
			`token "x1" has id 70000, want 0 to 65808 in a vocabulary of 273`},
		{"id below 0", gpt2, `{"added_tokens": [{"id": -1, "content": "x1"}]}`,
			`token "x1" has id -1, want 0 to 65808 in a vocabulary of 273`},
		{"id twice", gpt2, `{"added_tokens": [{"id": 5, "content": "x1"}]}`,
			`tokens "x1" and "ą" both have id 5`},
		{"two ids", gpt2, `{"added_tokens": [{"id": 5, "content": "he"}]}`,
			`added token "he" has id 5, and 256 in the vocabulary`},
		{"stripping", gpt2, `{"added_tokens": [{"id": 271, "content": "x1", "lstrip": true}]}`,
			`added token "x1" with single_word, lstrip or rstrip is not supported`},
		{"merge", gpt2, `{"model.merges": ["h e", ["l"]]}`,
			`merge 1 is "[\"l\"]", want a string or two strings`},
		{"merge line", gpt2, `{"model.merges": ["he"]}`,
			`merge 0 is "\"he\"", want two tokens with one space between`},
		{"normalizer", spm, `{"normalizer": {"type": "Lowercase"}}`,
			`normalizer "Lowercase" is not supported`},
		{"replace", spm, `{"normalizer": {"type": "Replace", "pattern": {"String": "a"}}}`,
			`normalizer "Replace" with pattern="a" content="" is not supported`},
		{"no marks", spm, `{"normalizer": null}`, `tokenizer.json has neither pre_tokenizer ` +
			`ByteLevel nor Metaspace, nor normalizer Replace of " " by "▁", want one of them`},
		{"normalizer of bytes", gpt2, `{"normalizer": {"type": "Prepend", "prepend": "▁"}}`,
			`normalizer "Prepend" is not supported`},
		{"prefix space", gpt2, `{"pre_tokenizer": {"type": "ByteLevel"}}`,
			`pre_tokenizer "ByteLevel" with add_prefix_space=true is not supported`},
		{"pre-tokenizer", gpt2, `{"pre_tokenizer": {"type": "Whitespace"}}`,
			`pre_tokenizer "Whitespace" is not supported`},
		{"regex", gpt2, `{"pre_tokenizer": {"type": "Split", "behavior": "Isolated",
			"pattern": {"Regex": "x+"}}}`,
			`pre_tokenizer "Split" with regex "x+" is not supported`},
		{"behavior", gpt2, `{"pre_tokenizer": {"type": "Split", "behavior": "Removed"}}`,
			`pre_tokenizer "Split" with behavior="Removed" invert=false is not supported`},
		{"after bytes", gpt2, `{"pre_tokenizer": {"type": "Sequence", "pretokenizers": [
			{"type": "ByteLevel", "add_prefix_space": false}, {"type": "Digits"}]}}`,
			`pre_tokenizer "ByteLevel" with another one after it is not supported`},
		{"scheme", spm, `{"pre_tokenizer": {"type": "Metaspace", "replacement": "▁",
			"prepend_scheme": "last"}}`,
			`pre_tokenizer "Metaspace" with prepend_scheme "last" is not supported`},
		{"replacement", spm, `{"pre_tokenizer": {"type": "Metaspace", "replacement": "_"}}`,
			`pre_tokenizer "Metaspace" with replacement="_" is not supported`},
		{"nested", spm, `{"pre_tokenizer": {"type": "Sequence", "pretokenizers": [
			{"type": "Sequence"}]}}`, `pre_tokenizer "Sequence" is not supported`},
		{"decoder", spm, `{"decoder": {"type": "WordPiece"}}`,
			`decoder "WordPiece" is not supported`},
		{"strip", spm, `{"decoder": {"type": "Strip", "content": " ", "start": 2}}`,
			`decoder "Strip" with content=" " start=2 stop=0 is not supported`},
		{"decoder of bytes", gpt2, `{"decoder": {"type": "Fuse"}}`,
			`decoder "Fuse" is not supported`},
		{"post-processor", spm, `{"post_processor": {"type": "BertProcessing"}}`,
			`post_processor "BertProcessing" is not supported`},
		{"template", spm, `{"post_processor": {"type": "TemplateProcessing",
			"single": [{"SpecialToken": {"id": "<q>"}}]}}`,
			`post_processor's token "<q>" has ids [], want one of 0 to 279`},
	} {
		file := jsonOf(t, c.meta)
		for key, v := range obj(c.patch) {
			if field, ok := strings.CutPrefix(key, "model."); ok {
				file["model"].(map[string]any)[field] = v
			} else {
				file[key] = v
			}
		}
		tok, err := fromJSON(file)
		checkError(t, c.name, err, c.want)
		if tok != nil {
			t.Errorf("%s: a tokenizer beside the error", c.name)
		}
	}
	for data, want := range map[string]string{
		"": "not a tokenizer.json: an empty file",
		"version https://git-lfs.github.com/spec/v1": "not a tokenizer.json: a Git LFS pointer",
		"<!doctype html>": "not a tokenizer.json: an HTML page",
		"\xef\xbb\xbf{}":  "model \"\" is not supported",
		"[]":              "not a tokenizer.json: json: cannot unmarshal array",
		`{} {}`:           "the file goes on after its object, want its end there",
		`{"mod`:           "not a tokenizer.json: unexpected EOF",
		"\x00GG":          "not a tokenizer.json: invalid character",
	} {
		_, err := FromJSON(strings.NewReader(data))
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: got %v, want %s", data, err, want)
		}
	}
}

// TestGapsInIDs: ids that no token has are rows without text.
func TestGapsInIDs(t *testing.T) {
	file := jsonOf(t, byteMeta("gpt-2"))
	file["added_tokens"] = []any{map[string]any{"id": 400, "content": "<|x|>"}, map[string]any{"id": 402, "content": "<e>", "special": true}}
	tok, err := fromJSON(file)
	if err != nil {
		t.Fatal(err)
	}
	if tok.VocabSize() != 403 {
		t.Errorf("%d tokens, want 403", tok.VocabSize())
	}
	checkEncode(t, tok, []encodeCase{{"behind a gap", "he<|x|>he", []int{256, 400, 256}}})
	checkDecode(t, tok, []int{256, 300, 401, 402, 400}, "he<|x|>")
}

// TestNFC: a normalizer NFC composes text before it is cut into words, and nothing else.
func TestNFC(t *testing.T) {
	file := jsonOf(t, byteMeta("gpt-2"))
	plain, err := fromJSON(file)
	if err != nil {
		t.Fatal(err)
	}
	file["normalizer"] = map[string]any{"type": "NFC"}
	tok, err := fromJSON(file)
	if err != nil {
		t.Fatal(err)
	}
	for text, composed := range map[string]string{
		"naïve 世界 мир 한국 ❤️ \xff": "naïve 世界 мир 한국 ❤️ \xff",
		"ab e\u0301":                   "ab \u00e9",
		"K\u212A":                      "KK",
		"\u1100\u1161\u11a8":           "\uac01",
		"\U0002F800":                   "\u4e3d",
		"\ufb01":                       "\ufb01", // a ligature is form KC's
		"q\u0307\u0323":                "q\u0323\u0307",
		"\u0958":                       "\u0915\u093c", // composes to nothing
		"\xffe\u0301\xc3":              "\xff\u00e9\xc3",
		"a\u0301\r\n\u0301":            "\u00e1\r\n\u0301",
		"<|é|>":                        "<|é|>",
		strings.Repeat("e\u0301", 999): strings.Repeat("\u00e9", 999),
	} {
		want, err := plain.Encode(composed, false)
		if err != nil {
			t.Fatal(err)
		}
		checkEncode(t, tok, []encodeCase{{"NFC", text, want}})
	}
	// A user-defined token is found in the text as it is, and does not grow into what follows it:
	// ">" and U+0338 compose to U+226F, and an é in two parts is not in the token's text.
	checkEncode(t, tok, []encodeCase{
		{"mark behind a token", "<|é|>\u0338", []int{272, 0xcc, 0xb8}},
		{"token in two parts", "<|e\u0301|>", []int{'<', '|', 262, '|', '>'}},
	})
}
