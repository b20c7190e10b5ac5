package tokenizer

import (
	"slices"
	"testing"
)

// TestControlParts: the name of a control token is the token where it lies within one Control part,
// and text elsewhere.
func TestControlParts(t *testing.T) {
	control := func(text string) Part { return Part{Text: text, Control: true} }
	plain := func(text string) Part { return Part{Text: text} }
	tok := spmFixture(t)
	const a, s, less, slash, more = 268, 272, 271, 3 + '/', 273
	for name, c := range map[string]struct {
		parts []Part
		want  []int
	}{
		"in a control part":             {[]Part{control("<s>a</s>")}, []int{1, a, 2}},
		"in plain text":                 {[]Part{plain("<s>")}, []int{259, 274, more}},
		"plain between control":         {[]Part{control("<s>"), plain("a</s>"), control("</s>")}, []int{1, a, less, slash, s, more, 2}},
		"over two parts":                {[]Part{control("<"), control("s>")}, []int{259, 274, more}},
		"begun by a message":            {[]Part{plain("<"), control("s>")}, []int{259, 274, more}},
		"ended by a message":            {[]Part{control("<"), plain("s>")}, []int{259, 274, more}},
		"user-defined anywhere":         {[]Part{control("<|x|>"), plain("<|x|>a")}, []int{276, a}},
		"user-defined over two parts":   {[]Part{control("<|"), plain("x|>")}, []int{275}},
		"the unknown token":             {[]Part{control("<unk>"), plain("<unk>")}, []int{0, 259, less, 3 + 'u', 3 + 'n', 3 + 'k', more}},
		"words go over parts":           {[]Part{control("<s>a"), plain("b")}, []int{1, 259, 264}},
		"second place within a stretch": {[]Part{plain("<s>"), control("<s>")}, []int{259, 274, more, 1}},
		"nothing":                       {nil, nil},
		"no text":                       {[]Part{control(""), plain("")}, nil},
	} {
		got, err := tok.EncodeParts(c.parts, false)
		if err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, %v, want %v", name, got, err, c.want)
		}
	}
	got, err := tok.EncodeParts([]Part{control("</s>")}, true)
	if err != nil || !slices.Equal(got, []int{1, 2}) {
		t.Errorf("with BOS: %v, %v, want 1 and 2", got, err)
	}
}

// TestSpecial: which ids are special, and what stands for them.
func TestSpecial(t *testing.T) {
	tok := spmFixture(t)
	if got, want := tok.Special(), []int{0, 1, 2, 279}; !slices.Equal(got, want) {
		t.Errorf("special %v, want %v", got, want)
	}
	for id, want := range map[int]string{-1: "", 0: "<unk>", 1: "<s>", 260: "", 275: "", 279: "<pad>", 280: ""} {
		if got := tok.SpecialText(id); got != want {
			t.Errorf("%d is %q, want %q", id, got, want)
		}
	}
	if err := tok.AddEnds(260); err != nil {
		t.Fatal(err)
	}
	if ids, err := tok.EncodeParts([]Part{{Text: "a<s>", Control: true}}, false); err != nil || !slices.Equal(ids, []int{260, 1}) {
		t.Errorf("%v, %v, want a, which is the end of a text now, as a control token", ids, err)
	}
}

// TestTurnsAreControl: what begins a turn is no text, though converters call it user-defined.
func TestTurnsAreControl(t *testing.T) {
	meta := byteMeta("gpt-2")
	meta["tokenizer.ggml.tokens"] = append(meta["tokenizer.ggml.tokens"].([]string), "<|im_start|>", "<think>")
	meta["tokenizer.ggml.token_type"] = append(meta["tokenizer.ggml.token_type"].([]int32), 4, 4)
	tok := fromGGUF(t, meta)
	for _, control := range []bool{false, true} {
		ids, err := tok.EncodeParts([]Part{{Text: "<|im_start|><think>", Control: control}}, false)
		if err != nil || slices.Contains(ids, 274) != control || !slices.Contains(ids, 275) {
			t.Errorf("control %t: %v, %v", control, ids, err)
		}
	}
	if slices.Contains(tok.Ends(), 274) {
		t.Error("the beginning of a turn ends a text")
	}
}
