package tokenizer

import (
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf8"
)

// TestDecode: what prints, what does not, and the one space that is dropped.
func TestDecode(t *testing.T) {
	spm, bytes := spmFixture(t), byteFixture(t, "gpt-2")
	for _, c := range []struct {
		name string
		tok  *Tokenizer
		ids  []int
		want string
	}{
		{"nothing", spm, nil, ""},
		{"leading space dropped", spm, []int{268, 264}, "aab"},
		{"also after BOS", spm, []int{1, 268}, "a"},
		{"only one", spm, []int{259, 259, 260}, " a"},
		{"only at the beginning", spm, []int{260, 268, 1, 268}, "a a a"},
		{"control and unknown print nothing", spm, []int{1, 260, 0, 279, 261, 2}, "ab"},
		{"bytes of one character", spm, []int{198, 191}, "ü"},
		{"half a character", spm, []int{198, 260}, "\ufffda"},
		{"half at the end", spm, []int{260, 243, 162, 155}, "a\ufffd\ufffd\ufffd"},
		{"user-defined", spm, []int{275}, "<|x|>"},
		{"unused", spm, []int{278}, "dd"},
		{"byte-level keeps the space", bytes, []int{266, 260}, " thehello"},
		{"byte-level bytes", bytes, []int{195, 169, 262, 271, 10, 0, 127, 173}, "éé\n\x00\x7f\ufffd"},
		{"byte-level user-defined", bytes, []int{272}, "<|é|>"},
	} {
		if got, err := c.tok.Decode(c.ids); err != nil || got != c.want {
			t.Errorf("%s: %v: got %q, %v, want %q", c.name, c.ids, got, err, c.want)
		}
	}
	_, err := spm.Decode([]int{260, 280})
	checkError(t, "too large", err, "token id 280 at place 1 of 2, want 0 to 279")
	_, err = spm.Decode([]int{-1})
	checkError(t, "negative", err, "token id -1 at place 0 of 1, want 0 to 279")
}

// TestStreamHoldsBackIncompleteCharacters follows Next id by id.
func TestStreamHoldsBackIncompleteCharacters(t *testing.T) {
	s := spmFixture(t).Stream()
	for i, step := range []struct {
		id   int
		want string
	}{
		{1, ""}, {268, "a"}, // BOS, then " a" without its space
		{243, ""}, {162, ""}, {155, ""}, {131, "😀"}, // F0 9F 98 80
		{198, ""}, {2, ""}, {191, "ü"}, // C3, EOS, BC
		{198, ""}, {260, "\ufffda"}, // C3 that cannot be completed
		{268, " a"}, {-1, ""}, {280, ""},
		{243, ""}, {162, ""},
	} {
		if got := s.Next(step.id); got != step.want {
			t.Errorf("step %d, id %d: got %q, want %q", i, step.id, got, step.want)
		}
	}
	if got := s.Rest(); got != "\ufffd\ufffd" {
		t.Errorf("rest %q, want two U+FFFD", got)
	}
	if got := s.Rest(); got != "" {
		t.Errorf("rest again %q, want nothing", got)
	}
}

// randomText returns up to 30 characters from ranges of different length in UTF-8, with many of
// those that the fixtures have joins for.
func randomText(rng *rand.Rand) string {
	var b strings.Builder
	for range rng.IntN(30) {
		switch rng.IntN(6) {
		case 0:
			b.WriteRune(rune(rng.IntN(0x80)))
		case 1:
			b.WriteRune(rune(0x80 + rng.IntN(0x780)))
		case 2:
			b.WriteRune(rune(0x3000 + rng.IntN(0xA000))) // CJK, Hangul
		case 3:
			b.WriteRune(rune(0x1F300 + rng.IntN(0x400))) // emoji
		default:
			b.WriteString([]string{"hello", " the", " ", "\n", "ab", "é", "12", "'t"}[rng.IntN(8)])
		}
	}
	return strings.ReplaceAll(b.String(), spaceMark, "")
}

// TestRoundTrip: Decode undoes Encode, for any text that is valid UTF-8, and so does Stream.
func TestRoundTrip(t *testing.T) {
	toks := map[string]*Tokenizer{"SentencePiece": spmFixture(t)}
	for _, pre := range []string{"gpt-2", "default", "llama-bpe", "smollm", "qwen2"} {
		toks[pre] = byteFixture(t, pre)
	}
	rng := rand.New(rand.NewPCG(3, 4))
	for range 1500 {
		text := randomText(rng)
		for name, tok := range toks {
			ids, err := tok.Encode(text, rng.IntN(2) == 0)
			if err != nil {
				t.Fatalf("%s: %q: %v", name, text, err)
			}
			checkDecode(t, tok, ids, text)
		}
	}
}

// TestStreamEqualsDecode: for random ids, which give bytes in any order.
func TestStreamEqualsDecode(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	for _, tok := range []*Tokenizer{spmFixture(t), byteFixture(t, "gpt-2")} {
		for range 2000 {
			ids := make([]int, rng.IntN(20))
			for i := range ids {
				ids[i] = rng.IntN(tok.VocabSize())
			}
			text, err := tok.Decode(ids)
			if err != nil {
				t.Fatal(err)
			}
			checkDecode(t, tok, ids, text)
		}
	}
}

// checkDecode demands that Decode and Stream give text, and that whatever Stream returns is whole
// characters.
func checkDecode(t *testing.T, tok *Tokenizer, ids []int, text string) {
	t.Helper()
	if got, err := tok.Decode(ids); err != nil || got != text {
		t.Errorf("decode %v: got %q, %v, want %q", ids, got, err, text)
	}
	var b strings.Builder
	s := tok.Stream()
	for _, id := range ids {
		part := s.Next(id)
		if !utf8.ValidString(part) {
			t.Errorf("stream %v: %q is not valid UTF-8", ids, part)
		}
		b.WriteString(part)
	}
	b.WriteString(s.Rest())
	if b.String() != text {
		t.Errorf("stream %v: got %q, want %q", ids, b.String(), text)
	}
}

// TestByteRunesAreThoseOfGPT2: the table by its definition: printable bytes in order, then the
// others in order from U+0100.
func TestByteRunesAreThoseOfGPT2(t *testing.T) {
	next := rune(0x100)
	for b := range 256 {
		want := rune(b)
		printable := '!' <= b && b <= '~' || 0xA1 <= b && b <= 0xAC || 0xAE <= b
		if !printable {
			want = next
			next++
		}
		if got := byteToRune(byte(b)); got != want {
			t.Errorf("byte 0x%02X: got %U, want %U", b, got, want)
		}
		if got := runesToBytes(string(want)); got != string([]byte{byte(b)}) {
			t.Errorf("%U: got %q, want byte 0x%02X", want, got, b)
		}
	}
	if got := runesToBytes("a b"); got != "a b" {
		t.Errorf("a piece that stands for no bytes: got %q, want it unchanged", got)
	}
}
