package tokenizer

import "fmt"

// FromGGUF builds the tokenizer that the metadata of a GGUF file describes. meta holds the keys
// that begin with "tokenizer.ggml." (others are ignored): scalars as Go numbers, bool and string,
// arrays as slices of one type.
//
// "model" is "llama" (SentencePiece style, with "scores") or "gpt2" (byte-level, with "merges" and
// the pattern named by "pre"). Anything else is refused by name.
func FromGGUF(meta map[string]any) (*Tokenizer, error) {
	m := metadata{meta: meta}
	var k kind
	switch model := m.text("model", ""); {
	case m.err != nil:
		return nil, m.err
	case model == "llama":
		k = sentencePiece
	case model == "gpt2":
		k = byteLevel
	default:
		return nil, fmt.Errorf("tokenizer.ggml.model is %s, want \"llama\" or \"gpt2\"",
			quote(model))
	}
	pieces := m.texts("tokens")
	t := newTokenizer(k, pieces, m.types(len(pieces)))
	t.bos = m.id("bos_token_id", len(pieces))
	t.eos = m.id("eos_token_id", len(pieces))
	t.unk = m.id("unknown_token_id", len(pieces))
	for _, key := range []string{"eot_token_id", "eom_token_id"} {
		if id := m.id(key, len(pieces)); id >= 0 {
			t.ends[id] = true
		}
	}
	if m.err != nil {
		return nil, m.err
	}
	fill := t.fillSentencePiece
	if k == byteLevel {
		fill = t.fillByteLevel
	}
	if err := fill(&m); err != nil {
		return nil, err
	}
	return t, nil
}

// fillSentencePiece reads what only model "llama" has.
func (t *Tokenizer) fillSentencePiece(m *metadata) error {
	t.scores = m.floats("scores")
	t.addsBOS = m.flag("add_bos_token", true)
	if m.flag("add_space_prefix", true) {
		t.prefix, t.stripsSpace = prefixEach, true
	}
	if m.err != nil {
		return m.err
	}
	if err := checkScores(t.scores, len(t.pieces)); err != nil {
		return err
	}
	for id, piece := range t.pieces {
		// Some converters call byte tokens normal. No text is meant by "<0x0A>".
		if _, ok := parseByteToken(piece); ok && t.types[id] == normalToken {
			t.types[id] = byteToken
		}
	}
	return t.index()
}

// fillByteLevel reads what only model "gpt2" has.
func (t *Tokenizer) fillByteLevel(m *metadata) error {
	pre := m.text("pre", "")
	merges := m.texts("merges")
	p, known := patternByName(pre)
	if m.err == nil && !known {
		return fmt.Errorf("tokenizer.ggml.pre is %s, want one of %s", quote(pre), patternNames())
	}
	t.words, t.wholeWords = p.words, p.wholeWords
	t.addsBOS = m.flag("add_bos_token", p.addsBOS)
	if m.err != nil {
		return m.err
	}
	if err := t.index(); err != nil {
		return err
	}
	t.merges = make(map[idPair]joined, len(merges))
	for i, line := range merges {
		left, right, ok := splitMerge(line)
		if !ok {
			return fmt.Errorf("merge %d is %s, want two tokens with one space between",
				i, quote(line))
		}
		if err := t.addMerge(i, left, right); err != nil {
			return err
		}
	}
	return nil
}

// splitMerge cuts a line of the list of merges at its one space.
func splitMerge(line string) (left, right string, ok bool) {
	at := -1
	for i := range len(line) {
		if line[i] == ' ' {
			if at >= 0 {
				return "", "", false
			}
			at = i
		}
	}
	if at <= 0 || at == len(line)-1 {
		return "", "", false
	}
	return line[:at], line[at+1:], true
}
