package textfile

import (
	"encoding/binary"
	"strings"
	"testing"
	"unicode/utf16"
)

// A text is the same whatever system its file was written on.
func TestText(t *testing.T) {
	for _, tc := range []struct{ name, data, want string }{
		{"empty", "", ""},
		{"only a mark", "\xef\xbb\xbf", ""},
		{"a mark", "\xef\xbb\xbfTheo", "Theo"},
		{"one mark of two", "\xef\xbb\xbf\xef\xbb\xbfTheo", "\ufeffTheo"},
		{"a mark within", "Theo\ufeff", "Theo\ufeff"},
		{"Windows lines", "a\r\nb\r\n", "a\nb\n"},
		{"mixed lines", "a\r\nb\nc\rd", "a\nb\nc\rd"},
		{"a mark and Windows lines", "\xef\xbb\xbfa\r\n\r\nb", "a\n\nb"},
		{"many scripts", "é 猫 🙂 \u0000 \ufffd", "é 猫 🙂 \u0000 \ufffd"},
		{"a few zero bytes", "a\x00b, and so on", "a\x00b, and so on"},
	} {
		if got, err := Text([]byte(tc.data)); err != nil || got != tc.want {
			t.Errorf("%s: %q, %v; want %q", tc.name, got, err, tc.want)
		}
	}
}

// An order is that of the bytes of a unit.
type order interface {
	AppendUint16([]byte, uint16) []byte
	AppendUint32([]byte, uint32) []byte
}

// wideText writes a text in units of two or four bytes.
func wideText(text string, o order, units int) string {
	var out []byte
	if units == 2 {
		for _, u := range utf16.Encode([]rune(text)) {
			out = o.AppendUint16(out, u)
		}
		return string(out)
	}
	for _, r := range text {
		out = o.AppendUint32(out, uint32(r))
	}
	return string(out)
}

// Other encodings are refused by their names, with a mark and without one.
func TestOtherEncodings(t *testing.T) {
	const text = "Theo stood at the door.\nÉté.\n"
	for _, e := range []struct {
		name  string
		order order
		units int
	}{
		{"UTF-16LE", binary.LittleEndian, 2}, {"UTF-16BE", binary.BigEndian, 2},
		{"UTF-32LE", binary.LittleEndian, 4}, {"UTF-32BE", binary.BigEndian, 4},
	} {
		for _, mark := range []string{"", "\ufeff"} {
			for _, body := range []string{text, "hi", strings.Repeat(text, 1000)} {
				if _, err := Text([]byte(wideText(mark+body, e.order, e.units))); err == nil || !strings.Contains(err.Error(), e.name) {
					t.Errorf("%s, mark %q, %d letters: error %v", e.name, mark, len(body), err)
				}
			}
		}
		// A text of a script without zero bytes is known by its mark.
		if _, err := Text([]byte(wideText("\ufeff猫が好き", e.order, e.units))); err == nil || !strings.Contains(err.Error(), e.name) {
			t.Errorf("%s: error %v", e.name, err)
		}
	}
	for _, tc := range []struct{ name, data, want string }{
		{"Latin-1", "one\ntwo\nr\xe9sum\xe9 of Theo", "line 3 of the text has the byte 0xE9, which is not UTF-8 but looks like Latin-1"},
		{"Windows-1252", "\x93Theo\x94", "line 1 of the text has the byte 0x93"},
		{"a surrogate", "a\xed\xa0\x80b", "which is not UTF-8"},
		{"overlong", "a\xc0\xafb", "which is not UTF-8"},
		{"cut off", "caf\xc3", "ends within a character"},
		{"cut off in four bytes", "x\xf0\x9f\x99", "ends within a character"},
		{"compressed", "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\xcb\x48", "this is no text"},
		{"behind a mark", "\xef\xbb\xbfr\xe9sum\xe9", "looks like Latin-1"},
	} {
		if got, err := Text([]byte(tc.data)); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %q, %v; want an error with %q", tc.name, got, err, tc.want)
		}
	}
}

// Whatever the bytes are, what comes back is UTF-8 without a mark.
func FuzzText(f *testing.F) {
	f.Add([]byte("\xef\xbb\xbfa\r\n"))
	f.Add([]byte("\xff\xfea\x00"))
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := Text(data)
		if err == nil && (got != strings.ToValidUTF8(got, "") || strings.Contains(got, "\r\n") && !strings.Contains(string(data), "\r\r\n")) {
			t.Errorf("%q becomes %q", data, got)
		}
	})
}
