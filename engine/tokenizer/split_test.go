package tokenizer

import (
	"slices"
	"strings"
	"testing"
)

// TestSplit: the words of each pattern. "¦" separates the words expected, so that they read as a
// picture of the cuts; no text holds one. The patterns were compared once with Python's regex
// module on 40,000 random texts each (2026-11); TestHuggingFaceGolden keeps a part of that.
func TestSplit(t *testing.T) {
	for _, c := range []struct{ pre, words string }{
		{"gpt-2", "Hello¦,¦ world¦!¦  ¦ next"},
		{"gpt-2", "I¦'m¦ we¦'ll¦ they¦'re¦ it¦'s¦ I¦'ve¦ he¦'d¦ don¦'t¦ I¦'¦M"},
		{"gpt-2", "a¦'¦ b¦'¦"},
		{"gpt-2", "x¦1234567¦ 89¦ ½²"},
		{"gpt-2", "a¦\n¦\n¦b¦\r\n¦"},
		{"gpt-2", "a¦\u00a0¦\u00a0¦b¦ \n"},
		{"gpt-2", "\t¦a"},
		{"gpt-2", " ...!¦é¦ 世界¦😀"},
		{"gpt-2", "\xff¦a¦\xc3"},

		{"llama-bpe", "Hello¦,¦ world¦!¦  ¦ next"},
		{"llama-bpe", "I¦'m¦ we¦'LL¦x¦ they¦'Re¦ it¦'S¦ I¦'m"},
		{"llama-bpe", "''¦ '¦x¦'s"},
		{"llama-bpe", "x¦123¦456¦7¦ ¦ ¦123"},
		{"llama-bpe", "a¦\n\n¦b¦ \r\n¦  ¦ c"},
		{"llama-bpe", "!!\n\n¦a¦\ta¦(b¦\n¦c"},
		{"llama-bpe", "1¦a¦²¦b"},
		{"llama-bpe", "_a¦\xffa¦ -¦1"},
		{"llama-bpe", "a¦  \n¦   "},

		{"qwen2", "x¦1¦2¦3¦ ¦4"},
		{"qwen2", "a¦\n\n¦b"},

		{"tekken", "Hello¦World¦ HELLOWorld¦ HELLO¦ hello"},
		{"tekken", "I¦'m¦ don¦'T¦ it¦'s"},
		{"tekken", "x¦1¦2¦3¦4¦ ¦½¦a"},
		{"tekken", "path¦/to¦//¦file¦.go¦\n¦/x"},
		{"tekken", "a¦\n\n¦ b¦ \r\n¦ ¦ c"},
		{"tekken", "Ünïcode¦ ÉÉcole¦ école"},
		{"tekken", "世界Hello¦ カナab"},
		{"tekken", "a\u0301¦B\u0301c¦ \u0301d"},
		{"tekken", "ǅa¦ Ǆb¦ ʰ¦C"},
		{"tekken", " ...!/\n/¦é"},
		{"tekken", "_Ab¦-Cd"},
		{"tekken", "ABC¦1¦ab¦C"},

		{"smollm", "x¦1¦2¦ ¦3¦ a¦'t¦²"},
		{"smollm", "a¦  ¦1"},

		{"default", "it¦'¦s¦,¦ a¦ ¦123¦456¦7½"},
		{"default", "a¦$+<=>..¦ b¦ ¦^~"},
		{"default", "a¦|~|¦b¦ ¦12"},
		{"default", "12¦x¦123¦4"},
	} {
		want := slices.DeleteFunc(strings.Split(c.words, "¦"), func(w string) bool { return w == "" })
		text := strings.Join(want, "")
		var got []string
		p, ok := patternByName(c.pre)
		if !ok {
			t.Fatalf("no pattern %q", c.pre)
		}
		eachWord(p.words, text, 7, func(word string, offset int) error {
			if at := offset - 7; text[at:at+len(word)] != word {
				t.Errorf("%s: %q: offset %d of %q is wrong", c.pre, text, at, word)
			}
			got = append(got, word)
			return nil
		})
		if !slices.Equal(got, want) {
			t.Errorf("%s: %q:\n got %q\nwant %q", c.pre, text, got, want)
		}
	}
}
