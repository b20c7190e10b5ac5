//go:build !js

package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"keyfold/engine"
	"keyfold/engine/checkpoint"
)

// zephyr is a chat template of the tokens that the fixture has.
const zephyr = `{% for message in messages %}{{ '<|' + message['role'] + '|>\n' + message['content'] + eos_token }}
{% endfor %}{% if add_generation_prompt %}{{ '<|user|>' if false else '<|assistant|>\n' }}{% endif %}`

// chatModel returns the fixture as a chat model: a chat template lies beside it.
func chatModel(t *testing.T, template string) string {
	t.Helper()
	path := fixtureModel(t, checkpoint.F16)
	config, err := json.Marshal(map[string]any{"chat_template": template})
	if err == nil {
		err = os.WriteFile(filepath.Join(filepath.Dir(path), "tokenizer_config.json"), config, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// TestTokensOfControl: control tokens are read out of a text only with -special, and out of what the
// template writes with -chat.
func TestTokensOfControl(t *testing.T) {
	model := chatModel(t, zephyr)
	ids := func(args ...string) string {
		return strings.TrimSpace(mustRun(t, append([]string{"tokens", "-model", model}, args...)...))
	}
	if got := ids("-special", "</s><s>"); got != "2,1" {
		t.Errorf("with -special %s, want 2,1", got)
	}
	if got := ids("</s><s>"); strings.HasPrefix(got, "2,") || strings.HasSuffix(got, ",1") {
		t.Errorf("as text %s", got)
	}
	if got := ids("-decode", "-special", "1,2"); got != "<s></s>" {
		t.Errorf("decoded %q, want <s></s>", got)
	}
	if got, want := ids("-chat", "the key"), ids("-bos", "-special", "<|user|>\nthe key</s>\n<|assistant|>\n"); got != want {
		t.Errorf("the prompt is %s, want %s", got, want)
	}
	if got := ids("-chat", "</s>"); strings.Count(","+got+",", ",2,") != 1 {
		t.Errorf("a message ends the turn: %s", got)
	}
}

// TestChatPrompts: a message is the same from everywhere, and only the answer is printed.
func TestChatPrompts(t *testing.T) {
	model := chatModel(t, zephyr)
	dir := t.TempDir()
	write := func(name, data string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(data), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	args := []string{"run", "-model", model, "-device", "cpu", "-n", "8"}
	report := write("r.json", "")
	answer := mustRun(t, append(args, "-chat", "-json", report, "the key")...)
	var r engine.Report
	data, err := os.ReadFile(report)
	if err == nil {
		err = json.Unmarshal(data, &r)
	}
	if err != nil || r.Run.Chat != "Zephyr" || r.Run.Prompt != "<|user|>\nthe key</s>\n<|assistant|>\n" || r.Run.Temperature != 0 {
		t.Errorf("report of %+v, %v", r.Run, err)
	}
	text := ""
	for _, token := range r.Tokens {
		text += token.Text
	}
	if answer != text+"\n" {
		t.Errorf("prints %q, the answer is %q", answer, text)
	}
	for name, more := range map[string][]string{
		"a file":         {"-chat", "-prompt-file", write("m.txt", "the key\n")},
		"a conversation": {"-messages", write("m.json", `[{"role": "user", "content": "the key"}]`)},
		"from Windows":   {"-messages", write("w.json", "\xef\xbb\xbf[{\"role\": \"user\",\r\n\"content\": \"the key\"}]")},
	} {
		if got := mustRun(t, append(args, more...)...); got != answer {
			t.Errorf("%s: %q, want %q", name, got, answer)
		}
	}
	if status, got, stderr := piped(t, "the key\n", append(args, "-chat")...); status != 0 || got != answer {
		t.Errorf("piped: %q, %s, want %q", got, stderr, answer)
	}
	if status, got, stderr := piped(t, `[{"role": "user", "content": "the key"}]`, append(args, "-messages", "-")...); status != 0 || got != answer {
		t.Errorf("a conversation piped: %q, %s, want %q", got, stderr, answer)
	}
	with := mustRun(t, append(args, "-chat", "-system", "be kind", "the key")...)
	conversation := write("s.json", `[{"role": "system", "content": "be kind"}, {"role": "user", "content": "the key"}]`)
	if got := mustRun(t, append(args, "-messages", conversation)...); got != with || got == answer {
		t.Errorf("with a system message %q in the file, %q by -system, %q without", got, with, answer)
	}
}

// TestStopFlag: a text that -stop names is not printed, and nothing behind it.
func TestStopFlag(t *testing.T) {
	model := fixtureModel(t, checkpoint.F16)
	args := []string{"run", "-model", model, "-device", "cpu", "-temperature", "0", "-n", "12"}
	all := strings.TrimSuffix(mustRun(t, append(args, "the")...), "\n")
	stop := all[len("the")+4 : len("the")+7]
	status, got, stderr := keyfold(append(args, "-stop", "\x00", "-stop", stop, "the")...)
	if want := all[:len("the")+strings.Index(all[len("the"):], stop)] + "\n"; status != 0 || got != want {
		t.Errorf("with -stop %q: %q, want %q", stop, got, want)
	}
	if !strings.Contains(stderr, "which ends the text") {
		t.Errorf("says %q", stderr)
	}
}

// TestChatMistakes: each is one sentence that says what to do.
func TestChatMistakes(t *testing.T) {
	dir := t.TempDir()
	file := func(name, data string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(data), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	model := chatModel(t, zephyr)
	good := file("good.json", `[{"role": "system", "content": "a"}, {"role": "user", "content": "b"}]`)
	for _, c := range []struct {
		status int
		want   string
		args   []string
	}{
		{1, "-chat: the model has no chat template: it continues texts; leave -chat away to have a text continued, or name a chat model with -model",
			[]string{"-chat", "hi"}},
		{2, "-system needs -chat or -messages", []string{"-system", "a", "hi"}},
		{2, "-chat needs a message: PROMPT, -prompt-file or standard input", []string{"-chat", ""}},
		{2, "-messages and a prompt are both given, want one", []string{"-messages", good, "hi"}},
		{2, "begins with a system message, want one", []string{"-messages", good, "-system", "a"}},
		{1, "want a list that ends with a message of the user's", []string{"-messages", file("empty.json", "[]")}},
		{1, "want a list that ends with a message of the user's", []string{"-messages", file("answered.json", `[{"role": "assistant", "content": "b"}]`)}},
		{1, `want [{"role": "user", "content": "..."}, ...]`, []string{"-messages", file("bad.json", `{"role": 1}`)}},
		{1, `message 0 has the role "tool", want system, user or assistant`,
			[]string{"-messages", file("tool.json", `[{"role": "tool", "content": "a"}, {"role": "user", "content": "b"}]`)}},
		{1, "no such file", []string{"-messages", filepath.Join(dir, "none.json")}},
		{2, "want a text", []string{"-stop", "", "hi"}},
	} {
		args := append([]string{"run", "-device", "cpu", "-n", "1"}, c.args...)
		if !strings.HasPrefix(c.want, "-chat: the model has no") {
			args = append([]string{"run", "-model", model}, args[1:]...)
		}
		status, stdout, stderr := keyfold(args...)
		if status != c.status || !strings.Contains(stderr, c.want) || strings.Count(stderr, "\n") != 1 || stdout != "" {
			t.Errorf("%q: status %d, %q, want %d and %q", c.args, status, stderr, c.status, c.want)
		}
	}
}

// TestTemplateThatFails: what the template says is said, and the text can go on without it.
func TestTemplateThatFails(t *testing.T) {
	model := chatModel(t, "{{ raise_exception('Nobody\x1b[31m may ask.') }}")
	status, stdout, stderr := keyfold("run", "-model", model, "-device", "cpu", "-chat", "hi")
	if status != 1 || stdout != "" || !strings.Contains(stderr, "the chat template says: Nobody") ||
		strings.Contains(stderr, "\x1b") || strings.Count(stderr, "\n") != 1 {
		t.Errorf("status %d, %q", status, stderr)
	}
	mustRun(t, "run", "-model", model, "-device", "cpu", "-n", "1", "hi")
	if got := mustRun(t, "inspect", model); !strings.Contains(got, "chat template    Jinja") {
		t.Errorf("inspect says %s", got)
	}
}

func TestInspectNamesTheTemplate(t *testing.T) {
	if got := mustRun(t, "inspect", chatModel(t, zephyr)); !strings.Contains(got, "chat template    Zephyr") {
		t.Errorf("says %s", got)
	}
	if got := mustRun(t, "inspect"); !strings.Contains(got, "chat template    none") {
		t.Errorf("of the built-in model it says %s", got)
	}
}
