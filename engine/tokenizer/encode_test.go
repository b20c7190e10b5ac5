package tokenizer

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// TestEncodeSentencePiece: ids worked out by hand from the scores of spmExtra.
func TestEncodeSentencePiece(t *testing.T) {
	checkEncode(t, spmFixture(t), []encodeCase{
		{"empty text has no prefix", "", nil},
		// ▁ a b c d: bc (-2) is best, then abc (-1). ▁abc, abcd are no pieces.
		{"best score first", "abcd", []int{259, 266, 263}},
		// ▁ a b a b: ab (-3) twice beats ▁a (-5).
		{"joins at both ends", "abab", []int{259, 264, 264}},
		{"a space begins a piece", "a a", []int{268, 268}},
		{"spaces are kept", " a  ", []int{259, 268, 259, 259}},
		// ▁ d a a a: both aa are equally good, and the left one is made.
		{"leftmost of equals", "daaa", []int{259, 263, 269, 260}},
		{"character of two bytes", "é", []int{259, 270}},
		// ü is C3 BC, a newline 0A: ids 3+195, 3+188, 3+10.
		{"byte fallback", "ü\n", []int{259, 198, 191, 13}},
		// An emoji is F0 9F 98 80.
		{"four bytes", "😀", []int{259, 243, 162, 155, 131}},
		{"bytes that are no UTF-8", "a\xff\xc3", []int{268, 258, 198}},
		{"byte token as text", "<0x0A>", []int{259, 271, 51, 123, 51, 68, 273}},
		// <s (-7) is made, but its join with > is a control token.
		{"control tokens are not read", "<s>", []int{259, 274, 273}},
		{"unused is normal", "dd", []int{259, 278}},
		// Matched before merging; the prefix comes again after it, as in llama.cpp.
		{"user-defined", "ab<|x|>cd", []int{259, 264, 275, 259, 267}},
		{"user-defined twice", "<|x|>a<|x|>", []int{275, 268, 275}},
		{"longest user-defined first", "<|x|><|x|><|x|>", []int{276, 275}},
		{"literal space mark", "▁", []int{259, 259}},
	})
}

// TestEncodeByteLevel: ids worked out by hand from byteMerges, for each pattern.
func TestEncodeByteLevel(t *testing.T) {
	cases := []struct {
		pre   string
		cases []encodeCase
	}{
		{"gpt-2", []encodeCase{
			{"empty", "", nil},
			// " the": he is line 0, Ġt line 2, then both join.
			{"words", "hello the", []int{260, 266}},
			// h e l l o: he, ll, hell, hello; then l and o are left.
			{"rest of a word", "hellolo", []int{260, 108, 111}},
			{"contraction", "don't", []int{100, 111, 110, 261}},
			{"contraction, capital", "don'T", []int{100, 111, 110, 39, 84}},
			{"digits", "12345", []int{264, 265, 53}},
			{"newlines before a word", "a\n\nb", []int{97, 10, 10, 98}},
			{"newlines at the end", "a\n\n", []int{97, 263}},
			{"three spaces", "a   b", []int{97, 267, 32, 98}},
			{"two bytes", "é", []int{262}},
			{"four bytes", "😀", []int{240, 159, 152, 128}},
			{"tab and letter", "\ta", []int{9, 97}},
			{"sign and newline", "!\nb", []int{33, 10, 98}},
			{"no UTF-8", "\xff\xc3", []int{255, 195}},
			{"out of reach of merges", " xyz", []int{32, 120, 121, 122}},
			{"control tokens are not read", "<|endoftext|>",
				[]int{60, 124, 101, 110, 100, 111, 102, 116, 101, 120, 116, 124, 62}},
			{"user-defined", "he<|é|>he", []int{256, 272, 256}},
		}},
		{"llama-bpe", []encodeCase{
			{"digits in threes", "12345", []int{264, 51, 52, 53}},
			{"contraction, capital", "don'T", []int{100, 111, 110, 270}},
			{"newlines stay together", "a\n\nb", []int{97, 263, 98}},
			{"sign and newline", "!\nb", []int{268, 98}},
			{"tab and letter", "\ta", []int{269}},
			{"a word that is a piece", " xyz", []int{273}},
		}},
		{"qwen2", []encodeCase{
			{"single digits", "12345", []int{49, 50, 51, 52, 53}},
			{"newlines stay together", "a\n\nb", []int{97, 263, 98}},
			{"out of reach of merges", " xyz", []int{32, 120, 121, 122}},
		}},
		{"smollm", []encodeCase{
			{"single digits", "12345", []int{49, 50, 51, 52, 53}},
			{"newlines apart", "a\n\nb", []int{97, 10, 10, 98}},
			{"spaces before a digit", "  1", []int{267, 49}},
		}},
		{"default", []encodeCase{
			{"digits in threes", "12345", []int{264, 51, 52, 53}},
			{"signs apart", "don't", []int{100, 111, 110, 39, 116}},
			{"space before a number apart", " 12", []int{32, 264}},
		}},
	}
	for _, c := range cases {
		t.Run(c.pre, func(t *testing.T) { checkEncode(t, byteFixture(t, c.pre), c.cases) })
	}
}

// TestSpecialTokensFollowMetadata: BOS, EOS and whether BOS is added, present and absent.
func TestSpecialTokensFollowMetadata(t *testing.T) {
	without := func(meta map[string]any, keys ...string) map[string]any {
		for _, k := range keys {
			delete(meta, "tokenizer.ggml."+k)
		}
		return meta
	}
	with := func(meta map[string]any, key string, v any) map[string]any {
		meta["tokenizer.ggml."+key] = v
		return meta
	}
	for _, c := range []struct {
		name     string
		meta     map[string]any
		bos, eos int
		addsBOS  bool
	}{
		{"SentencePiece style", spmMeta(), 1, 2, true},
		{"says no", with(spmMeta(), "add_bos_token", false), 1, 2, false},
		{"no BOS", without(spmMeta(), "bos_token_id"), -1, 2, false},
		{"all bits set is absent", with(spmMeta(), "eos_token_id", uint32(1<<32-1)), 1, -1, true},
		{"signed", with(spmMeta(), "eos_token_id", int32(-1)), 1, -1, true},
		{"gpt-2", byteMeta("gpt-2"), 271, 271, false},
		{"gpt-2 says yes", with(byteMeta("gpt-2"), "add_bos_token", true), 271, 271, true},
		{"Llama 3 adds it by itself", byteMeta("llama-bpe"), 271, 271, true},
	} {
		tok := fromGGUF(t, c.meta)
		if tok.BOS() != c.bos || tok.EOS() != c.eos || tok.AddsBOS() != c.addsBOS {
			t.Errorf("%s: BOS %d EOS %d adds %t, want %d %d %t", c.name,
				tok.BOS(), tok.EOS(), tok.AddsBOS(), c.bos, c.eos, c.addsBOS)
		}
	}
	got, err := spmFixture(t).Encode("ab", true)
	if want := []int{1, 259, 264}; err != nil || !slices.Equal(got, want) {
		t.Errorf("with BOS: %v, %v, want %v", got, err, want)
	}
	_, err = fromGGUF(t, without(spmMeta(), "bos_token_id")).Encode("ab", true)
	checkError(t, "no BOS", err, "BOS was asked for, and this vocabulary has none")
}

// TestSetBOSEOS: the tokens named are no longer read from text, and print nothing.
func TestSetBOSEOS(t *testing.T) {
	tok := spmFixture(t)
	if err := tok.SetBOSEOS(-1, 266); err != nil { // "abc"
		t.Fatal(err)
	}
	if tok.BOS() != 1 || tok.EOS() != 266 {
		t.Errorf("BOS %d EOS %d, want 1 and 266", tok.BOS(), tok.EOS())
	}
	checkEncode(t, tok, []encodeCase{{"no longer text", "abc", []int{268, 265}}})
	if text, err := tok.Decode([]int{261, 266, 261}); err != nil || text != "bb" {
		t.Errorf("decoded %q, %v, want \"bb\"", text, err)
	}
	checkError(t, "too large", tok.SetBOSEOS(280, -1),
		"BOS is 280, want 0 to 279, or -1 to leave it")
	checkError(t, "too small", tok.SetBOSEOS(-1, -2),
		"EOS is -2, want 0 to 279, or -1 to leave it")
}

// TestNoSpacePrefix: a model that adds no space strips none.
func TestNoSpacePrefix(t *testing.T) {
	meta := spmMeta()
	meta["tokenizer.ggml.add_space_prefix"] = false
	tok := fromGGUF(t, meta)
	checkEncode(t, tok, []encodeCase{{"no prefix", "ab a", []int{264, 268}}})
	if text, err := tok.Decode([]int{268}); err != nil || text != " a" {
		t.Errorf("decoded %q, %v, want \" a\"", text, err)
	}
}

// noBytes is the SentencePiece-style fixture without byte tokens, which turn into control tokens.
func noBytes(unk bool) map[string]any {
	meta := spmMeta()
	tokens := meta["tokenizer.ggml.tokens"].([]string)
	types := meta["tokenizer.ggml.token_type"].([]int32)
	for id := 3; id < 259; id++ {
		tokens[id], types[id] = "(byte)"+tokens[id], int32(controlToken)
	}
	if !unk {
		delete(meta, "tokenizer.ggml.unknown_token_id")
	}
	return meta
}

// TestUnencodable: a run of unknown characters is one unknown token; without one, an error names
// the character and where it is in the text, not in the text with marked spaces.
func TestUnencodable(t *testing.T) {
	checkEncode(t, fromGGUF(t, noBytes(true)), []encodeCase{
		{"fused", "aüöb", []int{268, 0, 261}},
		{"apart", "aübö", []int{268, 0, 261, 0}},
	})
	const end = "; the vocabulary has no byte tokens and no unknown token"
	tok := fromGGUF(t, noBytes(false))
	for text, want := range map[string]string{
		"ü":            "'ü' (U+00FC) at byte 0",
		"a b\n":        "'\\n' (U+000A) at byte 3",
		"é ▁ ab\xff":   "0xFF at byte 9",
		"a a<|x|> a ö": "'ö' (U+00F6) at byte 11",
		"  \ufffd":     "'�' (U+FFFD) at byte 2",
	} {
		_, err := tok.Encode(text, false)
		checkError(t, text, err, "no token for "+want+" of the text"+end)
	}
	meta := noBytes(false)
	meta["tokenizer.ggml.tokens"].([]string)[259] = "z" // no "▁"
	_, err := fromGGUF(t, meta).Encode("ba c", false)
	checkError(t, "prefix", err, "no token for ' ' (U+0020) at byte 0 of the text"+end)

	meta = byteMeta("gpt-2")
	meta["tokenizer.ggml.tokens"].([]string)[0xA9] = "" // half of é, and its merge
	meta["tokenizer.ggml.merges"] = []string{"h e"}
	_, err = fromGGUF(t, meta).Encode("he hé", false)
	checkError(t, "byte-level", err, "no token for 0xA9 at byte 5 of the text"+end)
}

// slowMerge is the definition of merging by scores: again and again the best of all pairs, leftmost
// where equal.
func slowMerge(tok *Tokenizer, text string) []string {
	parts := strings.Split(text, "")
	for {
		best := -1
		var bestScore float32
		for i := range len(parts) - 1 {
			id, ok := tok.ids[parts[i]+parts[i+1]]
			if ok && (best < 0 || tok.scores[id] > bestScore) {
				best, bestScore = i, tok.scores[id]
			}
		}
		if best < 0 {
			return parts
		}
		parts = slices.Replace(parts, best, best+2, parts[best]+parts[best+1])
	}
}

// TestMergeEqualsDefinition compares the heap with slowMerge on random texts, rich in joins.
func TestMergeEqualsDefinition(t *testing.T) {
	tok := spmFixture(t)
	rng := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		var b strings.Builder
		for range rng.IntN(40) + 1 {
			b.WriteString([]string{"a", "b", "c", "d", " ", "<", "s"}[rng.IntN(7)])
		}
		text := b.String()
		var want []int
		for _, p := range slowMerge(tok, strings.ReplaceAll(" "+text, " ", spaceMark)) {
			want = append(want, int(tok.ids[p]))
		}
		checkEncode(t, tok, []encodeCase{{"random", text, want}})
	}
}

// TestEncodeLongText: 400,000 characters that are one word. Work that grows with the square of the
// length would run into the time limit of go test.
func TestEncodeLongText(t *testing.T) {
	text := strings.Repeat("hell", 100_000)
	for name, tok := range map[string]*Tokenizer{
		"SentencePiece": spmFixture(t), "byte-level": byteFixture(t, "gpt-2"),
	} {
		ids, err := tok.Encode(text, false)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		checkDecode(t, tok, ids, text)
	}
}
