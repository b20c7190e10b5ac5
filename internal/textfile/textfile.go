// Package textfile turns the bytes of a text file into text: UTF-8 without a byte
// order mark, as editors of all systems write it.
package textfile

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// Text returns the text of a file, whose lines end in \n also where the file has
// \r\n. It fails as [UTF8] does.
func Text(data []byte) (string, error) {
	data, err := UTF8(data)
	if err != nil {
		return "", err
	}
	return strings.ReplaceAll(string(data), "\r\n", "\n"), nil
}

// UTF8 returns data behind the byte order mark, if there is one. It fails for
// another encoding, with its name as far as bytes can tell.
func UTF8(data []byte) ([]byte, error) {
	if name := wide(data); name != "" {
		return nil, fmt.Errorf("the text is %s, want UTF-8 (iconv -f %s -t UTF-8)", name, name)
	}
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	at := firstInvalid(data)
	if at < 0 {
		return data, nil
	}
	line := 1 + bytes.Count(data[:at], []byte("\n"))
	switch {
	case bytes.ContainsFunc(data[:min(len(data), 1<<16)], neverInText):
		return nil, errors.New("this is no text: it has bytes that no text has")
	case len(data)-at < utf8.UTFMax && !utf8.FullRune(data[at:]):
		return nil, errors.New("the text ends within a character: the file is cut off")
	}
	return nil, fmt.Errorf("line %d of the text has the byte 0x%02X, which is not UTF-8 but looks like Latin-1 or Windows-1252 (iconv -f WINDOWS-1252 -t UTF-8)",
		line, data[at])
}

// marks are the beginnings of texts in encodings of wider units, the longer first.
var marks = []struct{ mark, name string }{
	{"\xff\xfe\x00\x00", "UTF-32LE"}, {"\x00\x00\xfe\xff", "UTF-32BE"}, {"\xff\xfe", "UTF-16LE"}, {"\xfe\xff", "UTF-16BE"},
}

// wide returns the name of an encoding in units of two or four bytes, or "". Without
// a mark it is known by its zero bytes: in such a text most characters of Western
// languages have one in every unit, on the same side.
func wide(data []byte) string {
	for _, m := range marks {
		if bytes.HasPrefix(data, []byte(m.mark)) {
			return m.name
		}
	}
	data = data[:min(len(data), 1<<12)]
	if len(data) < 4 {
		return ""
	}
	var zeros [4]int // by the place in a unit of four
	for i, b := range data {
		if b == 0 {
			zeros[i%4]++
		}
	}
	most := len(data) / 8 // half of the units of four
	even, odd := zeros[0]+zeros[2], zeros[1]+zeros[3]
	switch {
	case zeros[1] > most && zeros[2] > most && zeros[3] > most && zeros[0] == 0:
		return "UTF-32LE"
	case zeros[0] > most && zeros[1] > most && zeros[2] > most && zeros[3] == 0:
		return "UTF-32BE"
	case odd > 2*most && even == 0:
		return "UTF-16LE"
	case even > 2*most && odd == 0:
		return "UTF-16BE"
	}
	return ""
}

// firstInvalid returns where the first byte is that is not UTF-8, or -1.
func firstInvalid(data []byte) int {
	for i := 0; i < len(data); {
		if data[i] < utf8.RuneSelf {
			i++
			continue
		}
		r, size := utf8.DecodeRune(data[i:])
		if r == utf8.RuneError && size == 1 {
			return i
		}
		i += size
	}
	return -1
}

// neverInText reports whether a character is a control character that no text file
// has. Form feeds, and escapes of coloured logs, occur.
func neverInText(r rune) bool {
	return r < ' ' && !strings.ContainsRune("\t\n\v\f\r\b\a\x1b", r)
}
