package tokenizer

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Decode returns the text of ids. BOS, EOS and other control tokens and the unknown token print
// nothing, and the one space that encoding put before the text is dropped. Each byte that is not
// part of valid UTF-8 becomes U+FFFD.
func (t *Tokenizer) Decode(ids []int) (string, error) {
	var b strings.Builder
	s := t.Stream()
	for i, id := range ids {
		if id < 0 || id >= len(t.pieces) {
			return "", fmt.Errorf("token id %d at place %d of %d, want 0 to %d",
				id, i, len(ids), len(t.pieces)-1)
		}
		b.WriteString(s.Next(id))
	}
	b.WriteString(s.Rest())
	return b.String(), nil
}

// Stream decodes ids one by one, as they are generated. All that Next and Rest return, joined, is
// what Decode returns for the same ids.
//
// To print only a continuation, give Next the ids of the prompt too and drop what it returns for
// them: the first printing token of a Stream loses its leading space.
type Stream struct {
	t     *Tokenizer
	held  []byte // the beginning of a character whose rest has not come yet
	strip bool   // the next text loses one leading space
}

// Stream returns a decoder at the beginning of a text.
func (t *Tokenizer) Stream() *Stream {
	return &Stream{t: t, strip: t.stripsSpace}
}

// Next returns the text that id completes; it may be empty, where id is a byte in the middle of a
// character, or prints nothing. An id out of range prints nothing.
func (s *Stream) Next(id int) string {
	text := s.t.tokenText(id)
	if s.strip && text != "" {
		s.strip = false
		text = strings.TrimPrefix(text, " ")
	}
	if len(s.held) == 0 && utf8.ValidString(text) {
		return text
	}
	s.held = append(s.held, text...)
	var out []byte
	for len(s.held) > 0 && utf8.FullRune(s.held) {
		r, size := utf8.DecodeRune(s.held) // U+FFFD and 1 for a byte that cannot be completed
		out = utf8.AppendRune(out, r)
		s.held = s.held[size:]
	}
	return string(out)
}

// Rest returns what Next held back, at the end of the ids: U+FFFD for each byte of an incomplete
// character.
func (s *Stream) Rest() string {
	n := len(s.held)
	s.held = nil
	return strings.Repeat(string(utf8.RuneError), n)
}

// tokenText returns the bytes that id prints.
func (t *Tokenizer) tokenText(id int) string {
	if id < 0 || id >= len(t.pieces) {
		return ""
	}
	piece := t.pieces[id]
	switch t.types[id] {
	case controlToken, unknownToken:
		return ""
	case byteToken:
		b, _ := parseByteToken(piece)
		return string([]byte{b})
	case userToken:
		if t.kind == byteLevel {
			return piece // user-defined pieces are written as plain text
		}
	}
	if t.kind == byteLevel {
		return runesToBytes(piece)
	}
	return strings.ReplaceAll(piece, t.space, " ")
}

// parseByteToken reads "<0xHH>".
func parseByteToken(piece string) (b byte, ok bool) {
	if len(piece) != 6 || piece[:3] != "<0x" || piece[5] != '>' {
		return 0, false
	}
	for _, c := range []byte(piece[3:5]) {
		switch {
		case '0' <= c && c <= '9':
			b = b<<4 | (c - '0')
		case 'A' <= c && c <= 'F':
			b = b<<4 | (c - 'A' + 10)
		default:
			return 0, false
		}
	}
	return b, true
}

// byteToRune gives the character that stands for b in the pieces of a byte-level vocabulary.
// Printable bytes stand for themselves; the others, in order, are U+0100 and up, so that no piece
// holds a space or a control character ("Ġ" is a space, "Ċ" a newline).
//
// Source: Radford et al. 2019, GPT-2, bytes_to_unicode in encoder.py.
func byteToRune(b byte) rune {
	switch {
	case b <= ' ': // 0x00-0x20 become U+0100-U+0120
		return 0x100 + rune(b)
	case 0x7F <= b && b <= 0xA0: // the next 34 become U+0121-U+0142
		return 0x121 + rune(b-0x7F)
	case b == 0xAD: // and the soft hyphen U+0143
		return 0x143
	}
	return rune(b)
}

// runesToBytes undoes byteToRune. A piece with a character that stands for no byte is plain text.
func runesToBytes(piece string) string {
	out := make([]byte, 0, len(piece))
	for _, r := range piece {
		switch {
		case 0x100 <= r && r <= 0x120:
			r -= 0x100
		case 0x121 <= r && r <= 0x142:
			r = r - 0x121 + 0x7F
		case r == 0x143:
			r = 0xAD
		case r > 0xFF || r != byteToRune(byte(r)):
			return piece
		}
		out = append(out, byte(r))
	}
	return string(out)
}
