//go:build !js

package tokenizer

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"

	"keyfold/engine/untrusted"
	"keyfold/internal/textfile"
)

// FromJSON reads Hugging Face's tokenizer.json with a BPE model of either kind. A component that
// would change the ids and is not known here is refused by name; padding and truncation, which
// serve batches, are ignored, and so is a template that adds EOS after the text.
//
// The file does not say which tokens are BOS and EOS. BOS is what the post-processor's template
// puts before the text, else a special token of one of the usual names; EOS is found by name.
// FromFolder asks the files that know. AddsBOS is true where the template adds one.
//
// Differs from Hugging Face: special tokens are not matched in the text (see the package comment).
func FromJSON(r io.Reader) (*Tokenizer, error) {
	file, err := decodeFile(r)
	if err != nil {
		return nil, err
	}
	if err := file.Model.check(); err != nil {
		return nil, err
	}
	pieces, types, err := file.vocabulary()
	if err != nil {
		return nil, err
	}
	// 1. The components say which kind it is, and how text is prepared.
	t := newTokenizer(sentencePiece, pieces, types)
	for _, step := range []func(*Tokenizer) error{
		file.preTokenizer, file.normalizer, file.decoder, file.postProcessor,
	} {
		if err := step(t); err != nil {
			return nil, err
		}
	}
	// 2. The vocabulary.
	if t.wholeWords = file.Model.IgnoreMerges; t.wholeWords && t.kind == sentencePiece {
		return nil, fmt.Errorf("model BPE with ignore_merges=true is not supported " +
			"without pre_tokenizer ByteLevel")
	}
	t.eachUnknown = !file.Model.FuseUnk
	if err := file.special(t); err != nil {
		return nil, err
	}
	for id, piece := range t.pieces {
		if _, ok := parseByteToken(piece); ok && file.Model.ByteFallback && types[id] == normalToken {
			t.types[id] = byteToken
		}
	}
	if err := t.index(); err != nil {
		return nil, err
	}
	// 3. The merges, best first.
	t.merges = make(map[idPair]joined, len(file.Model.Merges))
	for i, raw := range file.Model.Merges {
		left, right, err := readMerge(raw)
		if err != nil {
			return nil, fmt.Errorf("merge %d is %s, %w", i, quote(string(raw)), err)
		}
		if err := t.addMerge(i, left, right); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// decodeFile reads the text of a tokenizer.json.
func decodeFile(r io.Reader) (*tokenizerFile, error) {
	data, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	kind := untrusted.Kind(data[:min(len(data), untrusted.HeadBytes)])
	text, err := textfile.UTF8(data)
	file, dec := new(tokenizerFile), json.NewDecoder(bytes.NewReader(text))
	if err == nil {
		err = dec.Decode(file)
	}
	switch {
	case err != nil && kind != "" && kind != untrusted.JSON:
		return nil, fmt.Errorf("not a tokenizer.json: %s", kind)
	case err != nil:
		return nil, fmt.Errorf("not a tokenizer.json: %w", err)
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, fmt.Errorf("the file goes on after its object, want its end there")
	}
	return file, nil
}

// tokenizerFile is tokenizer.json, as far as it is read.
type tokenizerFile struct {
	AddedTokens   []addedToken `json:"added_tokens"`
	Normalizer    *component   `json:"normalizer"`
	PreTokenizer  *component   `json:"pre_tokenizer"`
	PostProcessor *component   `json:"post_processor"`
	Decoder       *component   `json:"decoder"`
	Model         bpeModel     `json:"model"`
}

// addedToken is a token outside the model: a control token if special, else matched as a whole.
type addedToken struct {
	ID         int    `json:"id"`
	Content    string `json:"content"`
	SingleWord bool   `json:"single_word"`
	LStrip     bool   `json:"lstrip"`
	RStrip     bool   `json:"rstrip"`
	Special    bool   `json:"special"`
}

type bpeModel struct {
	Type         string            `json:"type"`
	Dropout      *float64          `json:"dropout"`
	UnkToken     *string           `json:"unk_token"`
	SubPrefix    *string           `json:"continuing_subword_prefix"`
	WordSuffix   *string           `json:"end_of_word_suffix"`
	FuseUnk      bool              `json:"fuse_unk"`
	ByteFallback bool              `json:"byte_fallback"`
	IgnoreMerges bool              `json:"ignore_merges"`
	Vocab        json.RawMessage   `json:"vocab"` // read once the type is known
	Merges       []json.RawMessage `json:"merges"`
}

// check refuses models that would need another algorithm.
func (m *bpeModel) check() error {
	isSet := func(s *string) bool { return s != nil && *s != "" }
	switch {
	case m.Type != "BPE" && (m.Type != "" || m.Merges == nil): // old files leave the type out
		return fmt.Errorf("model %s is not supported, want \"BPE\"", quote(m.Type))
	case m.Vocab == nil:
		return fmt.Errorf("model BPE has no vocab")
	case m.Dropout != nil && *m.Dropout != 0:
		return fmt.Errorf("model BPE with dropout=%g is not supported, want 0", *m.Dropout)
	case isSet(m.SubPrefix):
		return fmt.Errorf("model BPE with continuing_subword_prefix=%s is not supported",
			quote(*m.SubPrefix))
	case isSet(m.WordSuffix):
		return fmt.Errorf("model BPE with end_of_word_suffix=%s is not supported",
			quote(*m.WordSuffix))
	}
	return nil
}

// vocabulary returns the pieces of the model and the added tokens in order of id.
func (f *tokenizerFile) vocabulary() ([]string, []tokenType, error) {
	var vocab map[string]int
	if err := json.Unmarshal(f.Model.Vocab, &vocab); err != nil {
		return nil, nil, fmt.Errorf("model.vocab: %w", err)
	}
	added := make(map[string]addedToken, len(f.AddedTokens))
	for _, a := range f.AddedTokens {
		if id, ok := vocab[a.Content]; ok && id != a.ID {
			return nil, nil, fmt.Errorf("added token %s has id %d, and %d in the vocabulary",
				quote(a.Content), a.ID, id)
		}
		if !a.Special && (a.SingleWord || a.LStrip || a.RStrip) {
			return nil, nil, fmt.Errorf("added token %s with single_word, lstrip or rstrip "+
				"is not supported", quote(a.Content))
		}
		if vocab == nil {
			vocab = map[string]int{}
		}
		vocab[a.Content] = a.ID
		added[a.Content] = a
	}
	const mostGaps = 1 << 16
	highest := len(vocab) - 1 + mostGaps
	size := 0
	for piece, id := range vocab {
		if id < 0 || id > highest {
			return nil, nil, fmt.Errorf("token %s has id %d, want 0 to %d in a vocabulary of %d", quote(piece), id, highest, len(vocab))
		}
		size = max(size, id+1)
	}
	pieces, types := make([]string, size), make([]tokenType, size) // "" where no token has the id
	for i := range types {
		types[i] = unusedToken
	}
	for _, piece := range slices.Sorted(maps.Keys(vocab)) {
		id := vocab[piece]
		if types[id] != unusedToken {
			return nil, nil, fmt.Errorf("tokens %s and %s both have id %d", quote(pieces[id]), quote(piece), id)
		}
		pieces[id], types[id] = piece, normalToken
		if a, ok := added[piece]; ok && a.Special {
			types[id] = controlToken
		} else if ok {
			types[id] = userToken
		}
	}
	return pieces, types, nil
}

// special finds the unknown token, BOS and EOS.
func (f *tokenizerFile) special(t *Tokenizer) error {
	find := func(name string) int {
		for id, piece := range t.pieces {
			if piece == name {
				return id
			}
		}
		return -1
	}
	if name := f.Model.UnkToken; name != nil {
		if t.unk = find(*name); t.unk < 0 {
			return fmt.Errorf("unk_token %s is not in the vocabulary", quote(*name))
		}
	}
	byName := func(names ...string) int {
		for _, name := range names {
			if id := find(name); id >= 0 && t.types[id] == controlToken {
				return id
			}
		}
		return -1
	}
	if t.bos < 0 {
		t.bos = byName("<s>", "<|begin_of_text|>", "<|endoftext|>")
	}
	t.eos = byName("</s>", "<|end_of_text|>", "<|endoftext|>")
	return nil
}

// readMerge reads "left right" or ["left", "right"].
func readMerge(raw json.RawMessage) (left, right string, err error) {
	var line string
	if json.Unmarshal(raw, &line) == nil {
		if left, right, ok := splitMerge(line); ok {
			return left, right, nil
		}
		return "", "", fmt.Errorf("want two tokens with one space between")
	}
	var pair []string
	if json.Unmarshal(raw, &pair) != nil || len(pair) != 2 || pair[0] == "" || pair[1] == "" {
		return "", "", fmt.Errorf("want a string or two strings")
	}
	return pair[0], pair[1], nil
}
