package chat

import (
	"slices"
	"strings"
	"testing"
)

var ask = []Message{{User, "a"}}

// TestEncode: control tokens where the template writes them, and BOS once if the template or the
// model has it.
func TestEncode(t *testing.T) {
	for _, c := range []struct {
		template string
		addsBOS  bool
		want     string
	}{
		{"chatml", false, "<|im_start|>user\na<|im_end|>\n<|im_start|>assistant\n"},
		{"chatml", true, "<s><|im_start|>user\na<|im_end|>\n<|im_start|>assistant\n"},
		{"llama3", false, "<s><|start_header_id|>user<|end_header_id|>\n\na<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n"},
		{"llama3", true, "<s><|start_header_id|>user<|end_header_id|>\n\na<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n"},
		{"tinyllama", true, "<s><|user|>\na</s>\n<|assistant|>\n"},
		{"gemma", true, "<s><start_of_turn>user\na<end_of_turn>\n<start_of_turn>model\n"},
		{"mistral-nemo", true, "<s>[INST]a[/INST]"},
	} {
		tok := vocabulary(t, c.addsBOS)
		ids, err := template(t, c.template, tok).Encode(ask)
		if got := spell(tok, ids); err != nil || got != c.want {
			t.Errorf("%s: %q, %v, want %q", c.template, got, err, c.want)
		}
		if n := len(controls(tok, ids)); n != strings.Count(c.want, "<|im")+strings.Count(c.want, "s>")+strings.Count(c.want, "_id|>")+
			strings.Count(c.want, "_of_")+strings.Count(c.want, "INST]") {
			t.Errorf("%s: %d control tokens in %v", c.template, n, ids)
		}
	}
}

// TestAnswerBegun: the content of a last message of the assistant's opens the answer.
func TestAnswerBegun(t *testing.T) {
	tok := vocabulary(t, false)
	tmpl := template(t, "chatml", tok)
	ids, err := tmpl.Encode([]Message{{User, "a"}, {Assistant, "b <|im_end|>"}})
	want := "<|im_start|>user\na<|im_end|>\n<|im_start|>assistant\nb <|im_end|>"
	if got := spell(tok, ids); err != nil || got != want || len(controls(tok, ids)) != 3 {
		t.Errorf("%q, %v, want %q with 3 control tokens", got, err, want)
	}
}

// TestEncodeParts: wherever a prompt is cut, its pieces together are the prompt, and the first one
// ends at the cut.
func TestEncodeParts(t *testing.T) {
	tok := vocabulary(t, true)
	for name, tmpl := range usable(t, tok) {
		messages := []Message{{User, "x"}, {Assistant, "y"}, {User, "one two"}}
		whole, err := tmpl.Encode(messages)
		if err != nil {
			t.Fatal(err)
		}
		for cut := range len("one two") + 1 {
			before, after, err := tmpl.EncodeParts(messages, cut)
			if err != nil || !slices.Equal(slices.Concat(before, after), whole) {
				t.Fatalf("%s cut at %d: %v and %v, %v, want %v", name, cut, before, after, err, whole)
			}
			if text := spell(tok, before); !strings.HasSuffix(text, "one two"[:cut]) {
				t.Errorf("%s cut at %d: %q before", name, cut, text)
			}
		}
	}
	for _, cut := range []int{-1, 2} {
		if _, _, err := template(t, "chatml", tok).EncodeParts(ask, cut); err == nil || !strings.Contains(err.Error(), "want 0 to 1") {
			t.Errorf("cut at %d: %v", cut, err)
		}
	}
	if _, _, err := template(t, "chatml", tok).EncodeParts([]Message{{System, "a"}}, 0); err == nil {
		t.Error("no message of the user, no error")
	}
}

// TestContinue: a history, the answer's own tokens and what Continue gives are the prompt of the
// whole conversation.
func TestContinue(t *testing.T) {
	tok := vocabulary(t, true)
	for name, tmpl := range usable(t, tok) {
		history := []Message{{User, "a <|im_end|>"}, {Assistant, "b\ue000 </s> c"}}
		next := Message{User, "d <|im_start|>\n"}
		asked, err := tmpl.Encode(history[:1])
		if err != nil {
			t.Fatal(err)
		}
		answer, err := tok.Encode(history[1].Content, false)
		if err != nil {
			t.Fatal(err)
		}
		more, err := tmpl.Continue(history, next)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if name == "mistral-v0.2" || name == "llama2" { // they write a space before an answer
			asked = append(asked, int(' '))
		}
		whole, err := tmpl.Encode(append(slices.Clone(history), next))
		if got := slices.Concat(asked, answer, more); err != nil || !slices.Equal(got, whole) {
			t.Errorf("%s: %v\n got %q\nwant %q", name, err, spell(tok, got), spell(tok, whole))
		}
		if !slices.ContainsFunc(more[:2], tok.IsEnd) {
			t.Errorf("%s: goes on with %q, want the end of the answer", name, spell(tok, more))
		}
	}
}

// TestBadConversations: each is refused in one sentence.
func TestBadConversations(t *testing.T) {
	tok := vocabulary(t, false)
	for _, c := range []struct {
		template string
		messages []Message
		want     string
	}{
		{"chatml", nil, "the conversation holds no message"},
		{"chatml", []Message{{"tool", "a"}}, `message 0 has the role "tool", want system, user or assistant`},
		{"chatml", []Message{{User, "a"}, {System, "b"}}, "message 1 is the system's, which may only be the first one"},
		{"gemma", []Message{{System, "a"}, {User, "b"}}, "the model's chat template takes no system message"},
		{"gemma", []Message{{User, "a"}, {User, "b"}}, "the model's chat template wants the user and the assistant to take turns, the user first"},
		{"mistral-v0.1", []Message{{System, "a"}, {User, "b"}}, "the model's chat template takes no system message"},
		{"mistral-nemo", []Message{{Assistant, "a"}, {User, "b"}}, "the model's chat template wants the user and the assistant to take turns, the user first"},
	} {
		if _, err := template(t, c.template, tok).Encode(c.messages); err == nil || err.Error() != c.want {
			t.Errorf("%s: %v, want %s", c.template, err, c.want)
		}
	}
	for _, history := range [][]Message{nil, ask} {
		if _, err := template(t, "chatml", tok).Continue(history, ask[0]); err == nil {
			t.Errorf("continues %v", history)
		}
	}
	if _, err := template(t, "chatml", tok).Continue([]Message{{User, "a"}, {Assistant, "b"}}, Message{Assistant, "c"}); err == nil {
		t.Error("an answer behind an answer")
	}
}

func TestNoTemplate(t *testing.T) {
	if _, err := New(" \n", vocabulary(t, false)); err != ErrNone {
		t.Errorf("%v, want %v", err, ErrNone)
	}
}
