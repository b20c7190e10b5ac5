package tokenizer

import (
	"fmt"
	"maps"
	"slices"
)

// endNames are the pieces that end a turn or a text wherever they are special tokens. Chat models
// keep the EOS of the model that they were trained from and end their turns with another token,
// which not every file names.
var endNames = []string{
	"</s>", "<|endoftext|>", "<|end_of_text|>",
	"<|im_end|>", "<|eot_id|>", "<|eom_id|>", "<|end|>", "<|end_of_turn|>", "<end_of_turn>",
	"<end_of_utterance>", "<EOT>", "_<EOT>", "[EOT]", "<|return|>", "<｜end▁of▁sentence｜>",
}

// turnNames are the pieces that begin a turn or say whose it is.
var turnNames = []string{
	"<|im_start|>", "<|start_header_id|>", "<|end_header_id|>", "<|begin_of_text|>", "<start_of_turn>", "<bos>",
	"[INST]", "[/INST]", "[SYSTEM_PROMPT]", "[/SYSTEM_PROMPT]", "<|user|>", "<|assistant|>", "<|system|>",
	"<|start_of_role|>", "<|end_of_role|>", "<｜User｜>", "<｜Assistant｜>", "<｜begin▁of▁sentence｜>",
}

// Ends returns the ids that end a text, in ascending order: EOS, what the files name beside it, and
// special tokens of known names. BOS is not among them.
func (t *Tokenizer) Ends() []int { return slices.Sorted(maps.Keys(t.ends)) }

// IsEnd reports whether id is one of Ends.
func (t *Tokenizer) IsEnd(id int) bool { return t.ends[id] }

// AddEnds adds ids that end a text, as another file of the same model names them. From then on they
// are control tokens: never matched in text, printed as nothing.
func (t *Tokenizer) AddEnds(ids ...int) error {
	for _, id := range ids {
		if id < 0 || id >= len(t.pieces) {
			return fmt.Errorf("the end of a text is token %d, want 0 to %d", id, len(t.pieces)-1)
		}
	}
	for _, id := range ids {
		t.ends[id] = true
		t.makeControl(id)
	}
	t.listWholes()
	return nil
}

// SetBOSEOS replaces the BOS and EOS ids by those of another file of the same model. -1 leaves one
// as it is. From then on they are control tokens. An EOS that was only guessed from its name still
// ends a text.
func (t *Tokenizer) SetBOSEOS(bos, eos int) error {
	for _, s := range []struct {
		name string
		id   int
	}{{"BOS", bos}, {"EOS", eos}} {
		if s.id < -1 || s.id >= len(t.pieces) {
			return fmt.Errorf("%s is %d, want 0 to %d, or -1 to leave it",
				s.name, s.id, len(t.pieces)-1)
		}
	}
	if bos >= 0 {
		t.bos = bos
		t.makeControl(bos)
		t.listWholes()
	}
	if eos >= 0 {
		t.eos = eos
		return t.AddEnds(eos)
	}
	return nil
}

// markEnds finds the tokens that end a text, EOS and those with known names, and makes control
// tokens of them and of those that begin a turn. Some converters call them user-defined. Matched in
// plain text they would end the text that quotes them, or let it speak for somebody else.
func (t *Tokenizer) markEnds() {
	if t.eos >= 0 {
		t.ends[t.eos] = true
	}
	for id, piece := range t.pieces {
		switch t.types[id] {
		case controlToken, userToken, unknownToken:
			if slices.Contains(endNames, piece) {
				t.ends[id] = true
			}
			if slices.Contains(turnNames, piece) && t.types[id] == userToken {
				t.types[id] = controlToken
			}
		}
	}
	for id := range t.ends {
		t.types[id] = controlToken
	}
}

// Limit takes away the tokens from id n on, for which the model has no rows. It fails where one of
// them is the text of something: that text could not be read.
func (t *Tokenizer) Limit(n int) error {
	for id := n; id < len(t.pieces); id++ {
		piece := t.pieces[id]
		switch t.types[id] {
		case normalToken, userToken, byteToken:
			if piece != "" {
				return fmt.Errorf("the model has rows for %d tokens, and token %d of its tokenizer is %s", n, id, quote(piece))
			}
		case unusedToken:
			if found, ok := t.ids[piece]; ok && int(found) == id {
				delete(t.ids, piece)
			}
		}
		delete(t.ends, id)
	}
	if t.bos >= n && t.addsBOS {
		return fmt.Errorf("the model has rows for %d tokens, and token %d begins every text", n, t.bos)
	}
	for _, id := range []*int{&t.bos, &t.eos, &t.unk} {
		if *id >= n {
			*id = -1
		}
	}
	maps.DeleteFunc(t.merges, func(_ idPair, j joined) bool { return int(j.id) >= n })
	t.pieces, t.types = t.pieces[:n], t.types[:n]
	t.listWholes()
	return nil
}

// makeControl takes a token out of what text can become.
func (t *Tokenizer) makeControl(id int) {
	piece := t.pieces[id]
	if found, ok := t.ids[piece]; ok && int(found) == id {
		delete(t.ids, piece)
	}
	t.types[id] = controlToken
	maps.DeleteFunc(t.merges, func(_ idPair, j joined) bool { return int(j.id) == id })
	for b, found := range t.byteID {
		if int(found) == id {
			t.byteID[b] = -1
		}
	}
}
