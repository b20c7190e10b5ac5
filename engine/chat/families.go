package chat

import (
	"errors"
	"strings"
	"unicode"

	"keyfold/engine/tokenizer"
)

// family is a kind of templates that differ little: is recognises one, read finds out what is
// special about it and returns what writes it. Both get its text with real line breaks.
type family struct {
	name string
	is   func(template string) bool
	read func(template string, tok *tokenizer.Tokenizer) writer
}

var families = []family{
	{"ChatML", holds("<|im_start|>", "<|im_end|>"), readChatML},
	{"Llama 3", holds("<|start_header_id|>", "<|eot_id|>"), readLlama3},
	{"Gemma", holds("<start_of_turn>", "<end_of_turn>"), readGemma},
	{"Zephyr", func(s string) bool {
		return holds("<|user|>", "<|assistant|>")(s) && (holds("eos_token")(s) || holds("</s>")(s)) && !holds("<|end|>")(s)
	}, readZephyr},
	{"Mistral", func(s string) bool { return holds("[INST]", "[/INST]")(s) && !holds("<<SYS>>")(s) }, readMistral},
}

func holds(texts ...string) func(string) bool {
	return func(template string) bool {
		for _, text := range texts {
			if !strings.Contains(template, text) {
				return false
			}
		}
		return true
	}
}

// prompt is a conversation while it is written.
type prompt struct{ parts []tokenizer.Part }

// control adds what the template itself writes.
func (p *prompt) control(texts ...string) {
	p.parts = append(p.parts, tokenizer.Part{Text: strings.Join(texts, ""), Control: true})
}

// message adds the content of a message.
func (p *prompt) message(content string) {
	p.parts = append(p.parts, tokenizer.Part{Text: content})
}

// readChatML is for SmolLM2, Qwen2.5, Qwen3 and many others:
//
//	<|im_start|>ROLE
//	CONTENT<|im_end|>
//
// Without a system message some begin with one of their own, which the template holds. Qwen3 leaves
// the reasoning out of past answers.
func readChatML(template string, tok *tokenizer.Tokenizer) writer {
	begin := bosIfNamed(template, tok)
	system := literal(template, "<|im_start|>system\n", "<|im_end|>")
	strip := trimmer(template)
	reasons := strings.Contains(template, "split('</think>')")
	return func(messages []Message) ([]tokenizer.Part, error) {
		p := &prompt{}
		p.control(begin)
		if messages[0].Role != System && system != "" {
			p.control("<|im_start|>system\n", system, "<|im_end|>\n")
		}
		for _, m := range messages {
			content := strip(m.Content)
			if reasons && m.Role == Assistant {
				content = withoutReasoning(content)
			}
			p.control("<|im_start|>", m.Role, "\n")
			p.message(content)
			p.control("<|im_end|>\n")
		}
		p.control("<|im_start|>assistant\n")
		return p.parts, nil
	}
}

// withoutReasoning returns what an answer says behind its reasoning.
func withoutReasoning(answer string) string {
	const end = "</think>"
	if i := strings.LastIndex(answer, end); i >= 0 {
		return strings.TrimLeft(answer[i+len(end):], "\n")
	}
	return answer
}

// readLlama3 is for Llama 3, 3.1 and 3.2:
//
//	BOS<|start_header_id|>ROLE<|end_header_id|>
//
//	CONTENT<|eot_id|>
//
// Since 3.1 there is always a system message, which begins with two dates. The second is the one
// that the template holds for programs without a clock, so that the same conversation is the same
// prompt every day.
func readLlama3(template string, tok *tokenizer.Tokenizer) writer {
	begin := tok.SpecialText(tok.BOS())
	strip := trimmer(template)
	dates := ""
	if cutoff := literal(template, "Cutting Knowledge Date: ", "\n"); cutoff != "" {
		dates = "Cutting Knowledge Date: " + cutoff + "\nToday Date: " + literal(template, `date_string = "`, `"`) + "\n\n"
	}
	return func(messages []Message) ([]tokenizer.Part, error) {
		p := &prompt{}
		turn := func(role, before, content string) {
			p.control("<|start_header_id|>", role, "<|end_header_id|>\n\n", before)
			p.message(strip(content))
			p.control("<|eot_id|>")
		}
		p.control(begin)
		if dates != "" {
			system := ""
			if messages[0].Role == System {
				system, messages = messages[0].Content, messages[1:]
			}
			turn(System, dates, system)
		}
		for _, m := range messages {
			turn(m.Role, "", m.Content)
		}
		p.control("<|start_header_id|>assistant<|end_header_id|>\n\n")
		return p.parts, nil
	}
}

// readZephyr is for Zephyr and TinyLlama:
//
//	<|ROLE|>
//	CONTENT</s>
//
// with a line break behind it unless the template is written on one line.
func readZephyr(template string, tok *tokenizer.Tokenizer) writer {
	begin := bosIfNamed(template, tok)
	end := tok.SpecialText(tok.EOS())
	if strings.Contains(template, "eos_token }}\n") || strings.Contains(template, "eos_token}}\n") {
		end += "\n"
	}
	return func(messages []Message) ([]tokenizer.Part, error) {
		p := &prompt{}
		p.control(begin)
		for _, m := range messages {
			p.control("<|", m.Role, "|>\n")
			p.message(m.Content)
			p.control(end)
		}
		p.control("<|assistant|>\n")
		return p.parts, nil
	}
}

// readGemma is for Gemma:
//
//	BOS<start_of_turn>user
//	CONTENT<end_of_turn>
//	<start_of_turn>model
//
// Gemma 3 puts a system message before the user's first; Gemma 1 and 2 know none.
func readGemma(template string, tok *tokenizer.Tokenizer) writer {
	begin := tok.SpecialText(tok.BOS())
	strip := trimmer(template)
	knowsSystem := strings.Contains(template, "first_user_prefix")
	return func(messages []Message) ([]tokenizer.Part, error) {
		system, turns, err := alternating(messages)
		if err != nil {
			return nil, err
		}
		if system != nil && !knowsSystem {
			return nil, errNoSystem
		}
		p := &prompt{}
		p.control(begin)
		for _, m := range turns {
			role := m.Role
			if role == Assistant {
				role = "model"
			}
			p.control("<start_of_turn>", role, "\n")
			if system != nil {
				p.message(*system)
				p.control("\n\n")
				system = nil
			}
			p.message(strip(m.Content))
			p.control("<end_of_turn>\n")
		}
		p.control("<start_of_turn>model\n")
		return p.parts, nil
	}
}

// readMistral is for Mistral and Mixtral:
//
//	BOS[INST] CONTENT [/INST]ANSWER</s>
//
// They differ in the spaces around the brackets and before an answer. Some put a system message
// before the first or the last of the user's, others know none.
func readMistral(template string, tok *tokenizer.Tokenizer) writer {
	begin, end := tok.SpecialText(tok.BOS()), tok.SpecialText(tok.EOS())
	open, shut := quoted(template, "[INST]"), quoted(template, "[/INST]")
	space := ""
	for _, s := range []string{`' ' + message`, `" " + message`} {
		if strings.Contains(template, s) {
			space = " "
		}
	}
	for _, s := range []string{`eos_token + ' '`, `eos_token + " "`} {
		if strings.Contains(template, s) {
			end += " "
		}
	}
	knowsSystem, withLast := strings.Contains(template, "system_message"), strings.Contains(template, "loop.last")
	strip := trimmer(template)
	return func(messages []Message) ([]tokenizer.Part, error) {
		system, turns, err := alternating(messages)
		if err != nil {
			return nil, err
		}
		if system != nil && !knowsSystem {
			return nil, errNoSystem
		}
		p := &prompt{}
		p.control(begin)
		for i, m := range turns {
			if m.Role == Assistant {
				p.control(space)
				p.message(strip(m.Content))
				p.control(end)
				continue
			}
			p.control(open)
			if system != nil && (withLast && i == len(turns)-1 || !withLast && i == 0) {
				p.message(*system)
				p.control("\n\n")
			}
			p.message(m.Content)
			p.control(shut)
		}
		return p.parts, nil
	}
}

var (
	errNoSystem    = errors.New("the model's chat template takes no system message")
	errAlternation = errors.New("the model's chat template wants the user and the assistant to take turns, the user first")
)

// alternating takes the system message off a conversation, and checks that user and assistant take
// turns in the rest.
func alternating(messages []Message) (system *string, turns []Message, err error) {
	if messages[0].Role == System {
		system, messages = &messages[0].Content, messages[1:]
	}
	for i, m := range messages {
		if (m.Role == User) != (i%2 == 0) {
			return nil, nil, errAlternation
		}
	}
	return system, messages, nil
}

// bosIfNamed returns how BOS is written if the template writes it.
func bosIfNamed(template string, tok *tokenizer.Tokenizer) string {
	if strings.Contains(template, "bos_token") {
		return tok.SpecialText(tok.BOS())
	}
	return ""
}

// trimmer returns what the template does with the white space around a message.
func trimmer(template string) func(string) string {
	for _, s := range []string{"| trim", "|trim", ".strip()"} {
		if strings.Contains(template, s) {
			return func(content string) string { return strings.TrimFunc(content, isSpace) }
		}
	}
	return func(content string) string { return content }
}

// isSpace reports what Python takes for white space.
func isSpace(r rune) bool { return unicode.IsSpace(r) || 0x1c <= r && r <= 0x1f }

// literal returns the first text between two others in which nothing is computed.
func literal(template, before, after string) string {
	for {
		_, rest, ok := strings.Cut(template, before)
		if !ok {
			return ""
		}
		if text, _, ok := strings.Cut(rest, after); ok && text != "" && !strings.ContainsAny(text, "{}'\"+") {
			return text
		}
		template = rest
	}
}

// quoted returns the first quoted text that holds name.
func quoted(template, name string) string {
	at := strings.Index(template, name)
	from := strings.LastIndexAny(template[:at], `'"`) + 1
	if n := strings.IndexByte(template[at:], template[max(0, from-1)]); from > 0 && n >= 0 {
		return template[from : at+n]
	}
	return name
}
