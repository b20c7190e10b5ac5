package tokenizer

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// The two vocabularies that most tests use, made by hand so that ids can be worked out by hand.
// Only the GGUF form is written out; tests of other forms derive theirs from it.

// spmExtra are the pieces of the SentencePiece-style fixture from id 259 on. Before them come
// <unk> 0, <s> 1, </s> 2 and the byte tokens: byte b is id 3+b.
var spmExtra = []struct {
	piece string
	score float32
	typ   tokenType
}{
	{"▁", -10, normalToken},      // 259
	{"a", -11, normalToken},      // 260
	{"b", -12, normalToken},      // 261
	{"c", -13, normalToken},      // 262
	{"d", -14, normalToken},      // 263
	{"ab", -3, normalToken},      // 264
	{"bc", -2, normalToken},      // 265
	{"abc", -1, normalToken},     // 266
	{"cd", -4, normalToken},      // 267
	{"▁a", -5, normalToken},      // 268
	{"aa", -6, normalToken},      // 269
	{"é", -15, normalToken},      // 270
	{"<", -16, normalToken},      // 271
	{"s", -17, normalToken},      // 272
	{">", -18, normalToken},      // 273
	{"<s", -7, normalToken},      // 274: with ">" it spells the control token "<s>"
	{"<|x|>", 0, userToken},      // 275
	{"<|x|><|x|>", 0, userToken}, // 276
	{"", -19, normalToken},       // 277: a gap in the vocabulary
	{"dd", -8, unusedToken},      // 278
	{"<pad>", 0, controlToken},   // 279
}

// spmMeta returns the metadata of the SentencePiece-style fixture.
func spmMeta() map[string]any {
	tokens := []string{"<unk>", "<s>", "</s>"}
	scores := []float32{0, 0, 0}
	types := []int32{2, 3, 3}
	for b := range 256 {
		tokens = append(tokens, fmt.Sprintf("<0x%02X>", b))
		scores, types = append(scores, 0), append(types, 6)
	}
	for _, e := range spmExtra {
		tokens = append(tokens, e.piece)
		scores, types = append(scores, e.score), append(types, int32(e.typ))
	}
	return map[string]any{
		"tokenizer.ggml.model":            "llama",
		"tokenizer.ggml.tokens":           tokens,
		"tokenizer.ggml.scores":           scores,
		"tokenizer.ggml.token_type":       types,
		"tokenizer.ggml.bos_token_id":     uint32(1),
		"tokenizer.ggml.eos_token_id":     uint32(2),
		"tokenizer.ggml.unknown_token_id": uint32(0),
		"tokenizer.ggml.padding_token_id": uint32(279), // not read
	}
}

// byteMerges are the merges of the byte-level fixture. Line i gives id 256+i; ids 0 to 255 are the
// bytes, byte b being id b.
var byteMerges = []string{
	"h e",    // 256 he
	"l l",    // 257 ll
	"Ġ t",    // 258 a space and t
	"he ll",  // 259 hell
	"hell o", // 260 hello
	"' t",    // 261 't
	"Ã ©",    // 262 é, bytes C3 A9
	"Ċ Ċ",    // 263 two newlines
	"1 2",    // 264 12
	"3 4",    // 265 34
	"Ġt he",  // 266 a space and the
	"Ġ Ġ",    // 267 two spaces
	"! Ċ",    // 268 ! and a newline
	"ĉ a",    // 269 a tab and a
	"' T",    // 270 'T
}

// byteExtra are the pieces after those of the merges.
var byteExtra = []struct {
	piece string
	typ   tokenType
}{
	{"<|endoftext|>", controlToken}, // 271
	{"<|é|>", userToken},            // 272: plain text, unlike the others
	{"Ġxyz", normalToken},           // 273: no merges lead to it
}

// byteMeta returns the metadata of the byte-level fixture with the pattern pre.
func byteMeta(pre string) map[string]any {
	var tokens []string
	var types []int32
	for b := range 256 {
		tokens = append(tokens, string(byteToRune(byte(b))))
		types = append(types, 1)
	}
	for _, m := range byteMerges {
		tokens, types = append(tokens, strings.Replace(m, " ", "", 1)), append(types, 1)
	}
	for _, e := range byteExtra {
		tokens, types = append(tokens, e.piece), append(types, int32(e.typ))
	}
	return map[string]any{
		"tokenizer.ggml.model":        "gpt2",
		"tokenizer.ggml.pre":          pre,
		"tokenizer.ggml.tokens":       tokens,
		"tokenizer.ggml.token_type":   types,
		"tokenizer.ggml.merges":       slices.Clone(byteMerges),
		"tokenizer.ggml.bos_token_id": uint32(271),
		"tokenizer.ggml.eos_token_id": uint32(271),
	}
}

func fromGGUF(t testing.TB, meta map[string]any) *Tokenizer {
	t.Helper()
	tok, err := FromGGUF(meta)
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

func spmFixture(t testing.TB) *Tokenizer              { return fromGGUF(t, spmMeta()) }
func byteFixture(t testing.TB, pre string) *Tokenizer { return fromGGUF(t, byteMeta(pre)) }

// encodeCase is a text and the ids it must give, without BOS.
type encodeCase struct {
	name, text string
	want       []int
}

func checkEncode(t *testing.T, tok *Tokenizer, cases []encodeCase) {
	t.Helper()
	for _, c := range cases {
		got, err := tok.Encode(c.text, false)
		if err != nil {
			t.Errorf("%s: %q: %v", c.name, c.text, err)
		} else if !slices.Equal(got, c.want) {
			t.Errorf("%s: %q:\n got %v\nwant %v", c.name, c.text, got, c.want)
		}
	}
}

// checkError demands an error that is exactly want.
func checkError(t *testing.T, name string, err error, want string) {
	t.Helper()
	if err == nil || err.Error() != want {
		t.Errorf("%s:\n got %v\nwant %s", name, err, want)
	}
}
