package tokenizer

import (
	"slices"
	"testing"
)

// TestEndsOfGGUF: every key that names an end counts, and every special token with a known name,
// whatever the keys say.
func TestEndsOfGGUF(t *testing.T) {
	const added = 280 // the first token that extend adds
	extend := func(typ int32, pieces ...string) map[string]any {
		meta := spmMeta()
		for _, piece := range pieces {
			meta["tokenizer.ggml.tokens"] = append(meta["tokenizer.ggml.tokens"].([]string), piece)
			meta["tokenizer.ggml.scores"] = append(meta["tokenizer.ggml.scores"].([]float32), -90)
			meta["tokenizer.ggml.token_type"] = append(meta["tokenizer.ggml.token_type"].([]int32), typ)
		}
		return meta
	}
	with := func(meta map[string]any, key string, value any) map[string]any {
		meta["tokenizer.ggml."+key] = value
		return meta
	}
	const none = uint32(1<<32 - 1)
	for name, c := range map[string]struct {
		meta map[string]any
		want []int
	}{
		"EOS":                    {spmMeta(), []int{2}},
		"eot key":                {with(extend(3, "<turn>"), "eot_token_id", uint32(added)), []int{2, added}},
		"eom key":                {with(extend(3, "<more>"), "eom_token_id", int32(added)), []int{2, added}},
		"eot is nothing":         {with(extend(3, "<turn>"), "eot_token_id", none), []int{2}},
		"control tokens":         {extend(3, "<|im_end|>", "<|im_start|>", "<|eot_id|>"), []int{2, added, added + 2}},
		"user-defined":           {extend(4, "<end_of_turn>", "<start_of_turn>"), []int{2, added}},
		"normal text":            {extend(1, "<|end|>"), []int{2}},
		"no EOS but a name":      {with(spmMeta(), "eos_token_id", none), []int{2}}, // </s>
		"unknown token by name":  {with(extend(2, "<|endoftext|>"), "unknown_token_id", uint32(added)), []int{2, added}},
		"EOS is a turn's end":    {with(extend(3, "<|im_end|>"), "eos_token_id", uint32(added)), []int{2, added}},
		"byte-level, EOS is BOS": {byteMeta("gpt-2"), []int{271}},
	} {
		tok := fromGGUF(t, c.meta)
		if got := tok.Ends(); !slices.Equal(got, c.want) {
			t.Errorf("%s: ends %v, want %v", name, got, c.want)
		}
		for id := range tok.VocabSize() {
			if tok.IsEnd(id) != slices.Contains(c.want, id) {
				t.Errorf("%s: IsEnd(%d) is %t", name, id, tok.IsEnd(id))
			}
			if text, _ := tok.Decode([]int{id}); tok.IsEnd(id) && text != "" {
				t.Errorf("%s: %d ends a text and prints %q", name, id, text)
			}
		}
	}
	meta := with(spmMeta(), "eot_token_id", uint32(280))
	_, err := FromGGUF(meta)
	checkError(t, "out of range", err, "tokenizer.ggml.eot_token_id is 280, want 0 to 279")
}

// TestEndIsNotReadFromText: a text that quotes the end of a turn does not end there.
func TestEndIsNotReadFromText(t *testing.T) {
	for _, typ := range []int32{3, 4} {
		meta := byteMeta("gpt-2")
		meta["tokenizer.ggml.tokens"] = append(meta["tokenizer.ggml.tokens"].([]string), "<|im_end|>")
		meta["tokenizer.ggml.token_type"] = append(meta["tokenizer.ggml.token_type"].([]int32), typ)
		ids, err := fromGGUF(t, meta).Encode("a<|im_end|>b", false)
		if err != nil || slices.Contains(ids, 274) || len(ids) != len("a<|im_end|>b") {
			t.Errorf("type %d: %v, %v, want a token for each byte", typ, ids, err)
		}
	}
}

// TestUnknownIsNoControlToken: some vocabularies call their EOS the unknown token. Text that they
// lack is refused; it does not end the text.
func TestUnknownIsNoControlToken(t *testing.T) {
	meta := byteMeta("gpt-2")
	meta["tokenizer.ggml.unknown_token_id"] = uint32(271) // <|endoftext|>, EOS and BOS
	meta["tokenizer.ggml.tokens"].([]string)[0xE4] = "[gone]"
	ids, err := fromGGUF(t, meta).Encode("äa", false) // bytes C3 A4 61
	if err != nil || !slices.Equal(ids, []int{0xC3, 0xA4, 0x61}) {
		t.Errorf("got %v, %v, want the bytes", ids, err)
	}
	ids, err = fromGGUF(t, meta).Encode("a\xe4", false)
	checkError(t, "a byte without a token", err, "no token for 0xE4 at byte 1 of the text; "+
		"the vocabulary has no byte tokens and no unknown token")
	if ids != nil {
		t.Errorf("got %v beside the error", ids)
	}
}
