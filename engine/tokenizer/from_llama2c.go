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
	const (
		leastTokens = 3       // unknown, BOS, EOS
		mostTokens  = 1 << 24 // far above any vocabulary
		mostBytes   = 1 << 16 // far above any piece
	)
	if vocabSize < leastTokens || vocabSize > mostTokens {
		return nil, fmt.Errorf("a vocabulary of %d tokens, want %d to %d",
			vocabSize, leastTokens, mostTokens)
	}
	b := bufio.NewReader(r)
	var word [8]byte
	if _, err := io.ReadFull(b, word[:4]); err != nil {
		return nil, fmt.Errorf("reading the longest length, the first 4 bytes: %w", err)
	}
	longest := binary.LittleEndian.Uint32(word[:4])
	if longest == 0 || longest > mostBytes {
		return nil, fmt.Errorf("the longest piece has %d bytes, want 1 to %d "+
			"(not a tokenizer.bin?)", longest, mostBytes)
	}
	t := newTokenizer(sentencePiece, nil, nil)
	t.space = " "
	t.prefix, t.stripsSpace = prefixEach, true
	t.unk, t.bos, t.eos, t.addsBOS = 0, 1, 2, true
	// The slices grow as the file delivers: a wrong vocabSize allocates nothing.
	for id := range vocabSize {
		if _, err := io.ReadFull(b, word[:]); err != nil {
			return nil, fmt.Errorf("reading token %d of %d: %w", id, vocabSize, err)
		}
		score := math.Float32frombits(binary.LittleEndian.Uint32(word[:4]))
		length := binary.LittleEndian.Uint32(word[4:])
		if length > longest {
			return nil, fmt.Errorf("token %d has %d bytes, want at most %d, "+
				"the longest by the file's header", id, length, longest)
		}
		piece := make([]byte, length)
		if _, err := io.ReadFull(b, piece); err != nil {
			return nil, fmt.Errorf("reading the %d bytes of token %d of %d: %w",
				length, id, vocabSize, err)
		}
		typ := normalToken
		if v, ok := parseByteToken(string(piece)); ok && id == 3+int(v) {
			typ = byteToken
		}
		t.pieces = append(t.pieces, string(piece))
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
