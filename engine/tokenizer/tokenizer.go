// Package tokenizer turns text into token ids and back, for the two kinds of byte-pair encoding
// that Llama models use.
//
// A vocabulary is a list of pieces; the index of a piece is its id. Encoding cuts the text into
// symbols (characters or bytes) and keeps joining the two neighbours whose join is best until no
// join is a piece. The kinds differ in what a symbol is and what "best" means:
//
//	SentencePiece-style   a symbol is a character, a space is written "▁"; the best join is the
//	                      piece with the highest score. A character that is no piece becomes one
//	                      token per byte ("<0x0A>"), else the unknown token.
//	byte-level            the text is first cut into words by a pattern (split.go); a symbol is a
//	                      byte; the best join is the earliest line of a list of merges.
//
// Reading order: tokenizer.go (the vocabulary), ends.go (what ends a text), encode.go, special.go
// (tokens that are matched as a whole), merge.go (the joining itself), split.go, decode.go, then the
// file formats: from_gguf.go, from_llama2c.go, from_json.go, and from_folder.go for what lies beside
// a tokenizer.json.
//
// The rules are those of llama.cpp. Control tokens such as "<s>" are never read out of plain text,
// only out of a [Part] that says so.
package tokenizer

import (
	"fmt"

	"keyfold/engine/untrusted"
)

// kind says which of the two encodings a vocabulary is for.
type kind int

const (
	sentencePiece kind = iota
	byteLevel
)

// tokenType says what a piece is for. The numbers are those of tokenizer.ggml.token_type.
type tokenType int8

const (
	normalToken  tokenType = 1
	unknownToken tokenType = 2 // stands for text that is not in the vocabulary; prints nothing
	controlToken tokenType = 3 // BOS, EOS and the like: never matched in plain text; prints nothing
	userToken    tokenType = 4 // matched as a whole before anything else
	unusedToken  tokenType = 5 // treated as normal, as llama.cpp does
	byteToken    tokenType = 6 // "<0xHH>": one byte of text
)

// spaceMark is what SentencePiece writes for a space (U+2581).
const spaceMark = "▁"

// prefixMode says where encoding puts a space that is not in the text.
type prefixMode int

const (
	prefixNone  prefixMode = iota
	prefixFirst            // before the text
	prefixEach             // before the text and again after every user-defined token
)

// idPair is two neighbouring symbols; joined is the piece they join to and its place in the list
// of merges.
type (
	idPair struct{ left, right int32 }
	joined struct{ id, rank int32 }
)

// Tokenizer holds one vocabulary of either kind. It is not changed by encoding and decoding, so
// that several goroutines may use it.
type Tokenizer struct {
	kind   kind
	pieces []string
	types  []tokenType // one per piece

	// Exactly one of the two decides which join is best.
	scores []float32 // one per piece, highest first
	merges map[idPair]joined

	ids    map[string]int32 // pieces that text can become: normal, user-defined and unused ones
	byteID [256]int32       // the id that stands for a single byte, -1 where there is none
	wholes []int            // ids of pieces that are matched as a whole, longest first; see listWholes

	bos, eos, unk int          // -1 where absent
	ends          map[int]bool // ids that end a text; eos is one of them
	addsBOS       bool

	space             string     // how the pieces write a space: "▁", or " " in tokenizer.bin
	prefix            prefixMode //
	prefixUnlessSpace bool       // no prefix before text that begins with a space
	stripsSpace       bool       // decoding drops one space at the very beginning
	eachUnknown       bool       // one unknown token per character instead of one per run of them

	words      []splitter               // cuts text into words; see eachWord
	wholeWords bool                     // a word that is a piece is that piece, whatever the merges say
	normalize  func(text string) string // of text between user-defined tokens; nil: as it is
}

// newTokenizer returns a Tokenizer without special tokens; index must be called once it is filled.
func newTokenizer(k kind, pieces []string, types []tokenType) *Tokenizer {
	t := &Tokenizer{kind: k, pieces: pieces, types: types, bos: -1, eos: -1, unk: -1, ends: map[int]bool{}}
	if k == sentencePiece {
		t.space = spaceMark
	}
	return t
}

// index checks the vocabulary and builds the tables that encoding uses. BOS, EOS and unknown get
// their types here, whatever the file called them.
func (t *Tokenizer) index() error {
	if len(t.pieces) == 0 {
		return fmt.Errorf("the vocabulary holds 0 tokens, want at least 1")
	}
	for _, s := range []struct {
		id  int
		typ tokenType
	}{{t.unk, unknownToken}, {t.bos, controlToken}, {t.eos, controlToken}} {
		if s.id >= 0 {
			t.types[s.id] = s.typ
		}
	}
	t.markEnds()
	for i := range t.byteID {
		t.byteID[i] = -1
	}
	t.ids = make(map[string]int32, len(t.pieces))
	for id, piece := range t.pieces {
		var err error
		switch typ := t.types[id]; typ {
		case unknownToken, controlToken:
		case normalToken, userToken, unusedToken:
			t.indexText(id, piece)
		case byteToken:
			err = t.indexByte(id, piece)
		default:
			err = fmt.Errorf("token %d has type %d, want 1 to 6", id, typ)
		}
		if err != nil {
			return err
		}
	}
	t.listWholes()
	if t.kind == byteLevel {
		for b := range 256 {
			if id, ok := t.ids[string(byteToRune(byte(b)))]; ok {
				t.byteID[b] = id
			}
		}
	}
	return nil
}

// indexText files a piece that text can become. An empty piece is a gap in the vocabulary.
func (t *Tokenizer) indexText(id int, piece string) {
	if piece == "" {
		return
	}
	if _, ok := t.ids[piece]; ok {
		return // text becomes the first of several
	}
	t.ids[piece] = int32(id)
}

// indexByte files a byte token.
func (t *Tokenizer) indexByte(id int, piece string) error {
	b, ok := parseByteToken(piece)
	if !ok {
		return fmt.Errorf("byte token %d is %s, want the form \"<0x0A>\"",
			id, quote(piece))
	}
	if t.byteID[b] < 0 {
		t.byteID[b] = int32(id) // as with texts, the first of several
	}
	return nil
}

// addMerge adds a line of the list of merges; index must have been called.
func (t *Tokenizer) addMerge(rank int, left, right string) error {
	a, okA := t.ids[left]
	b, okB := t.ids[right]
	c, okC := t.ids[left+right]
	for i, name := range []string{left, right, left + right} {
		if ok := [...]bool{okA, okB, okC}[i]; !ok {
			return fmt.Errorf("merge %d (%s + %s) needs token %s, which the vocabulary lacks",
				rank, quote(left), quote(right), quote(name))
		}
	}
	p := idPair{a, b}
	if _, ok := t.merges[p]; !ok { // the first of several is the best
		t.merges[p] = joined{id: c, rank: int32(rank)}
	}
	return nil
}

// checkScores refuses a list of scores that does not fit the vocabulary.
func checkScores(scores []float32, nTokens int) error {
	if len(scores) != nTokens {
		return fmt.Errorf("%d scores for %d tokens, want one each", len(scores), nTokens)
	}
	for id, s := range scores {
		if s != s {
			return fmt.Errorf("the score of token %d is NaN, want a number", id)
		}
	}
	return nil
}

// quote renders a piece for an error message, cut to a readable length.
func quote(piece string) string {
	const limit = 40
	if len(piece) > limit {
		return fmt.Sprintf("%q... (%d bytes)", piece[:limit], len(piece))
	}
	return fmt.Sprintf("%q", piece)
}

// VocabSize returns the number of tokens; ids are 0 to VocabSize()-1.
func (t *Tokenizer) VocabSize() int { return len(t.pieces) }

// BOS returns the id of the token that begins a text, -1 where there is none.
func (t *Tokenizer) BOS() int { return t.bos }

// EOS returns the first of the ids that end a text, -1 where the file names none; see Ends.
func (t *Tokenizer) EOS() int { return t.eos }

// Unknown returns the id that Encode gives text the vocabulary lacks, -1 where there is none.
func (t *Tokenizer) Unknown() int { return t.unk }

// AddsBOS reports whether the model expects BOS before a text: what its file says, else true for
// SentencePiece style and for Llama 3, false for other byte-level vocabularies.
func (t *Tokenizer) AddsBOS() bool { return t.addsBOS && t.bos >= 0 }

// Kind names the encoding, for people to read.
func (t *Tokenizer) Kind() string {
	if t.kind == byteLevel {
		return "byte-level BPE"
	}
	return "SentencePiece-style BPE"
}

// Piece returns the vocabulary entry of id ("▁the", "<0x0A>") for display, "" where id is out of
// range. Decode gives text.
func (t *Tokenizer) Piece(id int) string {
	if id < 0 || id >= len(t.pieces) {
		return ""
	}
	return untrusted.Name(t.pieces[id])
}
