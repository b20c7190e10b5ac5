package tokenizer

import (
	"math"
	"slices"
	"strings"
	"testing"
)

// TestFromGGUFRefuses: every check of the metadata, with its sentence.
func TestFromGGUFRefuses(t *testing.T) {
	spm, gpt2 := spmMeta, func() map[string]any { return byteMeta("gpt-2") }
	nan := make([]float32, 280)
	nan[9] = float32(math.NaN())
	for _, c := range []struct {
		name  string
		meta  func() map[string]any
		key   string
		value any // nil deletes the key
		want  string
	}{
		{"no model", spm, "model", nil, `tokenizer.ggml.model is "", want "llama" or "gpt2"`},
		{"other model", spm, "model", "bert",
			`tokenizer.ggml.model is "bert", want "llama" or "gpt2"`},
		{"model is a number", spm, "model", 3, `tokenizer.ggml.model is of type int, want a string`},
		{"no tokens", spm, "tokens", nil,
			`the file holds no tokenizer.ggml.tokens, want an array of strings`},
		{"tokens are numbers", spm, "tokens", []int32{1},
			`tokenizer.ggml.tokens is of type []int32, want an array of strings`},
		{"short types", spm, "token_type", []int32{1, 1},
			`tokenizer.ggml.token_type holds 2 entries for 280 tokens, want one each`},
		{"types are strings", spm, "token_type", []string{"a"},
			`tokenizer.ggml.token_type is of type []string, want an array of integers`},
		{"type 7", gpt2, "token_type", append([]int64{7}, make([]int64, 273)...),
			`token 0 has type 7, want 1 to 6`},
		{"no scores", spm, "scores", nil,
			`the file holds no tokenizer.ggml.scores, want an array of floats`},
		{"short scores", spm, "scores", []float32{1, 2}, `2 scores for 280 tokens, want one each`},
		{"NaN", spm, "scores", nan, `the score of token 9 is NaN, want a number`},
		{"BOS out of range", spm, "bos_token_id", uint32(280),
			`tokenizer.ggml.bos_token_id is 280, want 0 to 279`},
		{"EOS negative", spm, "eos_token_id", int32(-2),
			`tokenizer.ggml.eos_token_id is -2, want 0 to 279`},
		{"unknown is text", spm, "unknown_token_id", "0",
			`tokenizer.ggml.unknown_token_id is of type string, want an integer`},
		{"flag is a number", spm, "add_bos_token", 1,
			`tokenizer.ggml.add_bos_token is of type int, want a bool`},
		{"other pattern", gpt2, "pre", "gpt-4o",
			`tokenizer.ggml.pre is "gpt-4o", want one of ` + patternNames()},
		{"no merges", gpt2, "merges", nil,
			`the file holds no tokenizer.ggml.merges, want an array of strings`},
		{"merge of one", gpt2, "merges", []string{"h e", "ll"},
			`merge 1 is "ll", want two tokens with one space between`},
		{"merge of three", gpt2, "merges", []string{"h e l"},
			`merge 0 is "h e l", want two tokens with one space between`},
		{"merge of unknown", gpt2, "merges", []string{"h qq"},
			`merge 0 ("h" + "qq") needs token "qq", which the vocabulary lacks`},
		{"merge to unknown", gpt2, "merges", []string{"h q"},
			`merge 0 ("h" + "q") needs token "hq", which the vocabulary lacks`},
	} {
		meta := c.meta()
		meta["tokenizer.ggml."+c.key] = c.value
		if c.value == nil {
			delete(meta, "tokenizer.ggml."+c.key)
		}
		tok, err := FromGGUF(meta)
		checkError(t, c.name, err, c.want)
		if tok != nil {
			t.Errorf("%s: a tokenizer beside the error", c.name)
		}
	}
}

// TestVocabularyRefused: what is wrong inside the list of tokens.
func TestVocabularyRefused(t *testing.T) {
	for _, c := range []struct {
		name  string
		id    int
		piece string
		typ   int32
		want  string
	}{
		{"no byte", 262, "<0x0a>", 6, `byte token 262 is "<0x0a>", want the form "<0x0A>"`},
		{"long text", 262, strings.Repeat("y", 50), 6, `byte token 262 is "` +
			strings.Repeat("y", 40) + `"... (50 bytes), want the form "<0x0A>"`},
	} {
		meta := spmMeta()
		meta["tokenizer.ggml.tokens"].([]string)[c.id] = c.piece
		meta["tokenizer.ggml.token_type"].([]int32)[c.id] = c.typ
		_, err := FromGGUF(meta)
		checkError(t, c.name, err, c.want)
	}
	_, err := FromGGUF(map[string]any{
		"tokenizer.ggml.model": "llama", "tokenizer.ggml.tokens": []string{},
		"tokenizer.ggml.scores": []float32{},
	})
	checkError(t, "empty", err, "the vocabulary holds 0 tokens, want at least 1")
}

// TestFirstOfDuplicates: of several tokens with one text, and of several lines of merges, the first
// counts; the others only decode.
func TestFirstOfDuplicates(t *testing.T) {
	meta := spmMeta()
	meta["tokenizer.ggml.tokens"].([]string)[262] = "a"      // was c; 260 is a
	meta["tokenizer.ggml.tokens"].([]string)[263] = "<0x0A>" // was d; 13 is this byte
	meta["tokenizer.ggml.token_type"].([]int32)[263] = 6
	tok := fromGGUF(t, meta)
	checkEncode(t, tok, []encodeCase{{"text", "éa\n", []int{259, 270, 260, 13}}})
	if text, err := tok.Decode([]int{270, 262, 263}); err != nil || text != "éa\n" {
		t.Errorf("decoded %q, %v", text, err)
	}
	once, twice := byteMeta("gpt-2"), byteMeta("gpt-2")
	twice["tokenizer.ggml.merges"] = append(slices.Clone(byteMerges[:2]), byteMerges...)
	for _, text := range []string{"hello hello", "the 1234 é\n\n", "  'T"} {
		ids, err := fromGGUF(t, once).Encode(text, false)
		if err != nil {
			t.Fatal(err)
		}
		checkEncode(t, fromGGUF(t, twice), []encodeCase{{"merges twice", text, ids}})
	}
}

// TestLimit: tokens without rows go where no text needs them.
func TestLimit(t *testing.T) {
	for _, c := range []struct {
		n    int
		want string
	}{
		{280, ""},
		{279, ""}, // <pad>, a control token
		{278, ""}, // dd, unused
		{277, ""}, // a gap
		{276, `the model has rows for 276 tokens, and token 276 of its tokenizer is "<|x|><|x|>"`},
		{200, `the model has rows for 200 tokens, and token 200 of its tokenizer is "<0xC5>"`},
	} {
		tok := spmFixture(t)
		err := tok.Limit(c.n)
		if c.want != "" {
			checkError(t, "rows", err, c.want)
			continue
		}
		if err != nil || tok.VocabSize() != c.n {
			t.Errorf("%d rows: %v, %d tokens", c.n, err, tok.VocabSize())
		}
		ids, err := tok.Encode("ddd abc <|x|> é<s>\xff", true)
		if err != nil || slices.Max(ids) >= c.n {
			t.Errorf("%d rows: ids %v, %v", c.n, ids, err)
		}
	}
	// Special tokens without rows end nothing and stand for nothing.
	meta := byteMeta("gpt-2")
	meta["tokenizer.ggml.tokens"].([]string)[273] = "<pad>" // the last piece, a text
	meta["tokenizer.ggml.token_type"].([]int32)[273] = 3
	meta["tokenizer.ggml.eos_token_id"] = uint32(273)
	tok := fromGGUF(t, meta)
	if err := tok.Limit(273); err != nil || tok.EOS() != -1 || tok.BOS() != 271 || !slices.Equal(tok.Ends(), []int{271}) {
		t.Errorf("%v, EOS %d BOS %d ends %v", err, tok.EOS(), tok.BOS(), tok.Ends())
	}
	meta["tokenizer.ggml.bos_token_id"], meta["tokenizer.ggml.add_bos_token"] = uint32(273), true
	checkError(t, "BOS", fromGGUF(t, meta).Limit(273), "the model has rows for 273 tokens, and token 273 begins every text")
}

// TestMetadataWithoutTypes: all pieces are normal but those that are named, and bytes.
func TestMetadataWithoutTypes(t *testing.T) {
	meta := spmMeta()
	delete(meta, "tokenizer.ggml.token_type")
	checkEncode(t, fromGGUF(t, meta), []encodeCase{
		{"bytes", "ab\n", []int{259, 264, 13}},
		{"BOS", "<s>", []int{259, 274, 273}},
	})
}

// TestMetadataInOtherTypes: writers of GGUF choose among integer types.
func TestMetadataInOtherTypes(t *testing.T) {
	meta := spmMeta()
	var types []uint32
	for _, x := range meta["tokenizer.ggml.token_type"].([]int32) {
		types = append(types, uint32(x))
	}
	var scores []float64
	for _, x := range meta["tokenizer.ggml.scores"].([]float32) {
		scores = append(scores, float64(x))
	}
	meta["tokenizer.ggml.token_type"], meta["tokenizer.ggml.scores"] = types, scores
	meta["tokenizer.ggml.bos_token_id"] = int64(1)
	tok := fromGGUF(t, meta)
	checkEncode(t, tok, []encodeCase{{"ids", "abcd\n", []int{259, 266, 263, 13}}})
	if tok.BOS() != 1 {
		t.Errorf("BOS %d, want 1", tok.BOS())
	}
}
