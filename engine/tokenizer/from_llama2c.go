package tokenizer

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"math"
)

// FromLlama2C reads the tokenizer.bin of llama2.c, little-endian:
//
//	u32 length of the longest piece, in bytes
//	then for each token: f32 score, u32 length of the piece, the piece
//
// The file does not say how many tokens it holds; vocabSize comes from the model. Ids 0, 1 and 2
// are the unknown token, BOS and EOS. Where ids 3 to 258 hold the pieces "<0x00>" to "<0xFF>" they
// are byte tokens. Pieces write a space as a space.
//
// Source: Karpathy 2023, llama2.c, tokenizer.py (export) and run.c (build_tokenizer).
func FromLlama2C(r io.Reader, vocabSize int) (*Tokenizer, error) {
	const minTokens, maxTokens = 3, 1 << 24 // unknown, BOS, EOS; far above any vocabulary
	if vocabSize < minTokens || vocabSize > maxTokens {
		return nil, fmt.Errorf("a vocabulary of %d tokens, want %d to %d", vocabSize, minTokens, maxTokens)
	}
	b := bufio.NewReader(r)
	longest, err := readLongest(b)
	if err != nil {
		return nil, err
	}
	t := newTokenizer(sentencePiece, nil, nil)
	t.space = " "
	t.prefix, t.stripsSpace = prefixEach, true
	t.unk, t.bos, t.eos, t.addsBOS = 0, 1, 2, true
	// The slices grow as the file delivers: a wrong vocabSize allocates nothing.
	for id := range vocabSize {
		piece, score, err := readPiece(b, id, vocabSize, longest)
		if err != nil {
			return nil, err
		}
		typ := normalToken
		if v, ok := parseByteToken(piece); ok && id == 3+int(v) {
			typ = byteToken
		}
		t.pieces = append(t.pieces, piece)
		t.scores = append(t.scores, score)
		t.types = append(t.types, typ)
	}
	switch _, err := b.ReadByte(); err {
	case io.EOF:
	case nil:
		return nil, fmt.Errorf("the file goes on after %d tokens, want its end there "+
			"(a vocabulary of another size?)", vocabSize)
	default:
		return nil, fmt.Errorf("reading past token %d: %w", vocabSize-1, err)
	}
	if err := checkScores(t.scores, len(t.pieces)); err != nil {
		return nil, err
	}
	if err := t.index(); err != nil {
		return nil, err
	}
	return t, nil
}

// readLongest reads the length of the longest piece, in bytes.
func readLongest(r io.Reader) (uint32, error) {
	const maxBytes = 1 << 16 // far above any piece
	var word [4]byte
	if _, err := io.ReadFull(r, word[:]); err != nil {
		return 0, fmt.Errorf("reading the longest length, the first 4 bytes: %w", err)
	}
	longest := binary.LittleEndian.Uint32(word[:])
	if longest == 0 || longest > maxBytes {
		return 0, fmt.Errorf("the longest piece has %d bytes, want 1 to %d "+
			"(not a tokenizer.bin?)", longest, maxBytes)
	}
	return longest, nil
}

// readPiece reads a token of up to longest bytes and its score.
func readPiece(r io.Reader, id, vocabSize int, longest uint32) (piece string, score float32, err error) {
	var word [8]byte
	if _, err := io.ReadFull(r, word[:]); err != nil {
		return "", 0, fmt.Errorf("reading token %d of %d: %w", id, vocabSize, err)
	}
	score = math.Float32frombits(binary.LittleEndian.Uint32(word[:4]))
	length := binary.LittleEndian.Uint32(word[4:])
	if length > longest {
		return "", 0, fmt.Errorf("token %d has %d bytes, want at most %d, "+
			"the longest by the file's header", id, length, longest)
	}
	b := make([]byte, length)
	if _, err := io.ReadFull(r, b); err != nil {
		return "", 0, fmt.Errorf("reading the %d bytes of token %d of %d: %w",
			length, id, vocabSize, err)
	}
	return string(b), score, nil
}
