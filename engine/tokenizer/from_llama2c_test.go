package tokenizer

import (
	"bytes"
	"encoding/binary"
	"math"
	"strings"
	"testing"
)

// entry is one token of a tokenizer.bin.
type entry struct {
	score float32
	piece string
}

// bin writes a tokenizer.bin.
func bin(longest uint32, entries ...entry) []byte {
	b := binary.LittleEndian.AppendUint32(nil, longest)
	for _, e := range entries {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(e.score))
		b = binary.LittleEndian.AppendUint32(b, uint32(len(e.piece)))
		b = append(b, e.piece...)
	}
	return b
}

// spmBin is the SentencePiece-style fixture as llama2.c's exporter writes it: spaces for marks, and
// BOS and EOS between newlines. User-defined pieces are left out, as there are no types.
func spmBin() (data []byte, vocabSize int) {
	meta := spmMeta()
	scores := meta["tokenizer.ggml.scores"].([]float32)
	var entries []entry
	for id, piece := range meta["tokenizer.ggml.tokens"].([]string) {
		switch {
		case id == 1 || id == 2:
			piece = "\n" + piece + "\n"
		case id >= 275 && id != 278:
			piece = ""
		}
		entries = append(entries, entry{scores[id], strings.ReplaceAll(piece, spaceMark, " ")})
	}
	return bin(6, entries...), len(entries)
}

// TestFromLlama2CAgreesWithGGUF: the same vocabulary in both forms gives the same ids and texts.
func TestFromLlama2CAgreesWithGGUF(t *testing.T) {
	data, n := spmBin()
	tok, err := FromLlama2C(bytes.NewReader(data), n)
	if err != nil {
		t.Fatal(err)
	}
	want := spmFixture(t)
	for _, text := range []string{"", "abcd", "a a", " a  ", "daaa", "ü\n", "a\xff", "<s>", "\n<s>\n"} {
		ids, err := want.Encode(text, true)
		if err != nil {
			t.Fatal(err)
		}
		got, err := tok.Encode(text, true)
		checkEncode(t, tok, []encodeCase{{"ids", text, ids[1:]}})
		if err != nil || got[0] != 1 {
			t.Errorf("%q with BOS: %v, %v, want 1 first", text, got, err)
		}
		checkDecode(t, tok, ids, strings.ToValidUTF8(text, "\ufffd"))
	}
	if tok.BOS() != 1 || tok.EOS() != 2 || !tok.AddsBOS() || tok.Piece(268) != " a" {
		t.Errorf("BOS %d EOS %d adds %t piece %q, want 1, 2, true, \" a\"",
			tok.BOS(), tok.EOS(), tok.AddsBOS(), tok.Piece(268))
	}
}

// TestFromLlama2CRefuses: every check of the file, with its sentence.
func TestFromLlama2CRefuses(t *testing.T) {
	abc := []entry{{0, "<unk>"}, {0, "\n<s>\n"}, {0, "\n</s>\n"}, {-1, "a"}}
	good := bin(6, abc...)
	huge := bin(6, abc[:3]...)
	huge = append(huge, 0, 0, 0, 0, 0, 0, 0, 0x80) // score 0, length 2^31
	hugeHeader := append(bin(1<<31, abc[:3]...), 0, 0, 0, 0, 0, 0, 0, 0x80)
	for _, c := range []struct {
		name string
		data []byte
		n    int
		want string
	}{
		{"no size", good, 0, "a vocabulary of 0 tokens, want 3 to 16777216"},
		{"negative size", good, -4, "a vocabulary of -4 tokens, want 3 to 16777216"},
		{"absurd size", good, math.MaxInt32,
			"a vocabulary of 2147483647 tokens, want 3 to 16777216"},
		{"empty", nil, 4, "reading the longest length, the first 4 bytes: EOF"},
		{"zero header", bin(0), 4,
			"the longest piece has 0 bytes, want 1 to 65536 (not a tokenizer.bin?)"},
		{"absurd header", hugeHeader, 4,
			"the longest piece has 2147483648 bytes, want 1 to 65536 (not a tokenizer.bin?)"},
		{"absurd length", huge, 4,
			"token 3 has 2147483648 bytes, want at most 6, the longest by the file's header"},
		{"cut in a head", good[:len(good)-5], 4, "reading token 3 of 4: unexpected EOF"},
		{"cut in a piece", good[:len(good)-1], 4, "reading the 1 bytes of token 3 of 4: EOF"},
		{"fewer tokens", good, 5, "reading token 4 of 5: EOF"},
		{"more tokens", good, 3,
			"the file goes on after 3 tokens, want its end there (a vocabulary of another size?)"},
		{"NaN", bin(6, abc[0], abc[1], abc[2], entry{float32(math.NaN()), "a"}), 4,
			"the score of token 3 is NaN, want a number"},
	} {
		tok, err := FromLlama2C(bytes.NewReader(c.data), c.n)
		checkError(t, c.name, err, c.want)
		if tok != nil {
			t.Errorf("%s: a tokenizer beside the error", c.name)
		}
	}
	if _, err := FromLlama2C(bytes.NewReader(good), 4); err != nil {
		t.Errorf("the file all others are made from: %v", err)
	}
}
