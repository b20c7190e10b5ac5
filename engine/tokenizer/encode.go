package tokenizer

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Encode returns the ids of text, beginning with BOS if bos is set. Bytes that are not valid UTF-8
// are encoded one by one. It fails where bos is asked of a vocabulary without BOS, and where the
// text holds a character for which there is neither a piece, nor byte tokens, nor an unknown token.
func (t *Tokenizer) Encode(text string, bos bool) ([]int, error) {
	return t.EncodeParts([]Part{{Text: text}}, bos)
}

// EncodeParts is Encode for the text that the parts make together. They are no borders to the words
// of the text; but the name of a control token stands for this token if it lies within one Control
// part.
func (t *Tokenizer) EncodeParts(parts []Part, bos bool) ([]int, error) {
	var ids []int
	if bos {
		if t.bos < 0 {
			return nil, fmt.Errorf("BOS was asked for, and this vocabulary has none")
		}
		ids = append(ids, t.bos)
	}
	text, control := join(parts)
	e := encoder{t: t, text: text, ids: ids}
	for _, f := range t.fragments(text, control) {
		if f.id >= 0 {
			e.ids = append(e.ids, f.id)
			continue
		}
		if err := e.fragment(f.start, f.end); err != nil {
			return nil, err
		}
	}
	return e.ids, nil
}

// encoder is the state of one Encode: the result so far and space that is used again for each word.
type encoder struct {
	t      *Tokenizer
	text   string
	ids    []int
	merger merger
	piece  []byte
}

// fragment appends the ids of text[start:end], which holds no token that is matched as a whole.
func (e *encoder) fragment(start, end int) error {
	t := e.t
	seg := e.text[start:end]
	if t.normalize != nil {
		seg = t.normalize(seg)
	}
	if t.kind == byteLevel {
		return eachWord(t.words, seg, start, e.byteWord)
	}
	// 1. Spaces become what the pieces write for them, and the prefix is put before.
	marked := strings.ReplaceAll(seg, " ", t.space)
	prefix := t.prefix == prefixEach || t.prefix == prefixFirst && start == 0
	if prefix && t.prefixUnlessSpace && strings.HasPrefix(marked, t.space) {
		prefix = false
	}
	if prefix {
		marked = t.space + marked
	}
	// 2. Each word is merged by itself; most vocabularies take the whole text as one word.
	return eachWord(t.words, marked, 0, func(word string, offset int) error {
		syms := e.merger.symbols[:0]
		for i := 0; i < len(word); {
			_, size := utf8.DecodeRuneInString(word[i:])
			id, ok := t.ids[word[i:i+size]]
			if !ok {
				id = -1
			}
			syms = append(syms, symbol{start: i, end: i + size, id: id})
			i += size
		}
		e.merger.symbols = syms
		e.merger.run(t, word)
		return e.emit(word, func(i int) int {
			return start + unmark(seg, t.space, prefix, offset+i)
		})
	})
}

// byteWord appends the ids of one word of a byte-level vocabulary, which begins at offset of the
// text.
func (e *encoder) byteWord(word string, offset int) error {
	t := e.t
	if t.wholeWords {
		e.piece = e.piece[:0]
		for i := range len(word) {
			e.piece = utf8.AppendRune(e.piece, byteToRune(word[i]))
		}
		if id, ok := t.ids[string(e.piece)]; ok {
			e.ids = append(e.ids, int(id))
			return nil
		}
	}
	syms := e.merger.symbols[:0]
	for i := range len(word) {
		syms = append(syms, symbol{start: i, end: i + 1, id: t.byteID[word[i]]})
	}
	e.merger.symbols = syms
	e.merger.run(t, word)
	return e.emit(word, func(i int) int { return offset + i })
}

// emit appends the ids of the merged symbols of word. A symbol that is no piece becomes its bytes,
// else the unknown token. textOffset gives the place in the text of a place in word.
func (e *encoder) emit(word string, textOffset func(int) int) error {
	t := e.t
	afterUnknown := false
	for i := 0; i >= 0 && i < len(e.merger.symbols); i = e.merger.symbols[i].next {
		s := e.merger.symbols[i]
		if s.id >= 0 {
			e.ids = append(e.ids, int(s.id))
			afterUnknown = false
			continue
		}
		char := word[s.start:s.end]
		switch {
		case t.kind == sentencePiece && t.hasBytes(char):
			for j := range len(char) {
				e.ids = append(e.ids, int(t.byteID[char[j]]))
			}
			afterUnknown = false
		case t.unk >= 0 && t.types[t.unk] != controlToken: // some vocabularies name EOS as their unknown token
			if !afterUnknown || t.eachUnknown {
				e.ids = append(e.ids, t.unk)
			}
			afterUnknown = true
		default:
			return t.noToken(char, textOffset(s.start))
		}
	}
	return nil
}

// hasBytes reports whether there is a byte token for every byte of s.
func (t *Tokenizer) hasBytes(s string) bool {
	for i := range len(s) {
		if t.byteID[s[i]] < 0 {
			return false
		}
	}
	return true
}

// noToken is the error for a character of the text, or a byte of a byte-level one, that cannot be
// encoded. A marked space, which may be the prefix, is reported as a space.
func (t *Tokenizer) noToken(char string, offset int) error {
	if char == t.space {
		char = " "
	}
	r, size := utf8.DecodeRuneInString(char)
	name := fmt.Sprintf("%q (U+%04X)", r, r)
	if r == utf8.RuneError && size == 1 {
		name = fmt.Sprintf("0x%02X", char[0])
	}
	return fmt.Errorf("no token for %s at byte %d of the text; "+
		"the vocabulary has no byte tokens and no unknown token", name, offset)
}

// unmark gives the place in seg of a place in the marked form of seg, in which each space is
// written as mark and one mark may have been put before. Only error messages need it.
func unmark(seg, mark string, prefixed bool, place int) int {
	if prefixed {
		place -= len(mark)
	}
	for i := range len(seg) {
		if place <= 0 {
			return i
		}
		if seg[i] == ' ' {
			place -= len(mark)
		} else {
			place--
		}
	}
	return len(seg)
}
