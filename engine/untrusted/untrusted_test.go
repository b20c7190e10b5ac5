package untrusted

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestVisible(t *testing.T) {
	for _, c := range []struct{ s, name, text string }{
		{"", "", ""},
		{"SmolLM2 135M", "SmolLM2 135M", "SmolLM2 135M"},
		{"Ünïcödé 世界 😀 e\u0301 \u200f\u05d0", "Ünïcödé 世界 😀 e\u0301 \u200f\u05d0", "Ünïcödé 世界 😀 e\u0301 \u200f\u05d0"},
		{"a\nb\tc\r\n", `a\x0ab\x09c\x0d\x0a`, "a\nb\tc\\x0d\n"},
		{"\x1b[31mred\x1b[0m\a", `\x1b[31mred\x1b[0m\x07`, `\x1b[31mred\x1b[0m\x07`},
		{"\x1b]0;title\x1b\\\x7f\x00", `\x1b]0;title\x1b\\x7f\x00`, `\x1b]0;title\x1b\\x7f\x00`},
		{"\u009b31m\u0085", `\u009b31m\u0085`, `\u009b31m\u0085`},
		{"txt.\u202efdp\u2066x\u2069", `txt.\u202efdp\u2066x\u2069`, `txt.\u202efdp\u2066x\u2069`},
		{"\xff\xc3", `\xff\xc3`, `\xff\xc3`},
		{"\ufffd", "\ufffd", "\ufffd"}, // the character itself is shown
		{"\U000e0041\u2028", `\U000e0041\u2028`, `\U000e0041\u2028`},
	} {
		if got := Name(c.s); got != c.name {
			t.Errorf("Name(%q) = %q, want %q", c.s, got, c.name)
		}
		if got := Text(c.s); got != c.text {
			t.Errorf("Text(%q) = %q, want %q", c.s, got, c.text)
		}
	}
	if got, want := Name(strings.Repeat("é", 5000)), strings.Repeat("é", 100)+"... (10000 bytes)"; got != want {
		t.Errorf("a long name is %q", got)
	}
	if got := Name("a" + strings.Repeat("é", 5000)); !utf8.ValidString(got) || strings.Contains(got, `\x`) {
		t.Errorf("a long name is cut inside a character: %q", got)
	}
}

// Nothing that Unicode calls a control character comes through, and no other byte that is not UTF-8.
func TestNothingActsAfterwards(t *testing.T) {
	for r := rune(0); r <= unicode.MaxRune; r++ {
		for _, shown := range Name(string(r)) {
			if unicode.Is(unicode.Cc, shown) || unicode.Is(unicode.Bidi_Control, shown) && shown != 0x200E && shown != 0x200F && shown != 0x061C {
				t.Fatalf("U+%04X becomes %q", r, shown)
			}
		}
	}
	for b := range 256 {
		if got := Text(string([]byte{byte(b), byte(b)})); !utf8.ValidString(got) {
			t.Errorf("byte %02x twice becomes %q", b, got)
		}
	}
}

// However a text is cut into writes, the terminal gets what Text says.
func TestWriter(t *testing.T) {
	text := "a\x1b[2J é 世界 😀\xff\xe4\xb8 x\u202e\n\xf0\x9f\x98"
	for size := 1; size <= len(text); size++ {
		var out bytes.Buffer
		w := NewWriter(&out)
		for at := 0; at < len(text); at += size {
			part := text[at:min(len(text), at+size)]
			if n, err := fmt.Fprint(w, part); n != len(part) || err != nil {
				t.Fatalf("writing %q: %d, %v", part, n, err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if out.String() != Text(text) {
			t.Fatalf("in writes of %d: %q, want %q", size, out.String(), Text(text))
		}
	}
	if _, err := NewWriter(full{}).Write([]byte("x")); err == nil {
		t.Error("a failed write is not reported")
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("disk full") }

func TestKind(t *testing.T) {
	for _, c := range []struct{ head, want string }{
		{"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n", "Git LFS pointer"},
		{"<!DOCTYPE html><title>x</title>", "HTML"},
		{"\xef\xbb\xbf\r\n  <HTML lang=en>", "HTML"},
		{"<?xml version='1.0'?><Error>", "XML"},
		{"\x1f\x8b\x08\x00", "gzip"},
		{"\x28\xb5\x2f\xfd\x00", "zstd"},
		{"PK\x03\x04\x14", "PyTorch"},
		{"\x80\x02}q", "PyTorch"},
		{"tjgg\x03\x00", "GGJT"},
		{`{"metadata": {}, "weight_map": {"a": "b"}}`, "index"},
		{`{"architectures": []}`, "JSON"},
		{"\x40\x00\x00\x00\x00\x00\x00\x00{\"__metadata__\"", "safetensors"},
		{"", "empty"},
		{"\x00\x00\x00\x00\x00", "zeros"},
		{"GGUF\x03", "GGUF"},
	} {
		if got := Kind([]byte(c.head)); !strings.Contains(got, c.want) {
			t.Errorf("%q is %q, want %s", c.head, got, c.want)
		}
	}
	for _, head := range []string{"hello", "\x20\x01\x00\x00\x00\x03\x00\x00", "\x80\x02\x00\x00\x00\x03\x00\x00", "<s>", "version 2"} {
		if got := Kind([]byte(head)); got != "" {
			t.Errorf("%q is %q, want nothing", head, got)
		}
	}
}
