package engine

import (
	"fmt"

	"keyfold/engine/checkpoint"
	"keyfold/engine/tokenizer"
)

// FitVocabulary makes one number of what the model has rows for and the tokenizer has
// tokens for.
//
// Embeddings are padded to sizes that suit some hardware. The rows of padding are not
// read, so that sampling cannot choose one and probabilities are those of tokens. The
// other way round a tokenizer may know special tokens that the model has no row for;
// they go, unless a text could become one of them.
func FitVocabulary(f *checkpoint.File, tok *tokenizer.Tokenizer) error {
	rows, tokens := f.Config.VocabSize, tok.VocabSize()
	switch {
	case tokens < rows-mostPadding(rows):
		return fmt.Errorf("%s: the tokenizer has %d tokens, the model %d: it is of another model", f.Name, tokens, rows)
	case tokens < rows:
		f.UseVocab(tokens)
	case tokens > rows:
		if err := tok.Limit(rows); err != nil {
			return fmt.Errorf("%s: %w", f.Name, err)
		}
	}
	return nil
}

// mostPadding returns how many of a model's rows can be padding, generously: of
// 102,400 rows of one model 2,385 are.
func mostPadding(rows int) int { return 64 + rows/8 }
