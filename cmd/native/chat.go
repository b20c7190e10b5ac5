//go:build !js

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"keyfold/engine/chat"
	"keyfold/engine/tokenizer"
	"keyfold/models"
)

// chatFlags say that a prompt is a conversation, which the model's template writes.
type chatFlags struct {
	on           bool
	system, file string
}

func (c *chatFlags) register(fs *flagSet) {
	fs.BoolVar(&c.on, "chat", false, "PROMPT is a message to a chat model, which answers it: the model's chat template writes it, and only the answer is printed")
	fs.StringVar(&c.system, "system", "", "with -chat: `TEXT` that says how to answer; without it what the template says, if it says anything")
	fs.StringVar(&c.file, "messages", "", "`FILE` of a conversation to answer instead of PROMPT: a JSON list of {\"role\": ..., \"content\": ...} with the roles system, user and assistant, ending with the user's message; - is standard input")
}

// asked reports whether the prompt is a conversation.
func (c *chatFlags) asked() bool { return c.on || c.file != "" }

// read returns the conversation, nil if the prompt is a text.
func (c *chatFlags) read(ctx context.Context, t terminal, fs *flagSet, prompt *promptFlags) ([]chat.Message, error) {
	switch {
	case !c.asked():
		if given(fs, "system") {
			return nil, usageError("-system needs -chat or -messages")
		}
		return nil, nil
	case c.file != "" && (fs.NArg() > 0 || prompt.file != ""):
		return nil, usageError("-messages and a prompt are both given, want one")
	}
	messages, err := c.conversation(ctx, t, fs, prompt)
	if err != nil {
		return nil, err
	}
	if given(fs, "system") {
		if len(messages) > 0 && messages[0].Role == chat.System {
			return nil, usageError("-system is given, and -messages %s begins with a system message, want one", c.file)
		}
		messages = append([]chat.Message{{Role: chat.System, Content: c.system}}, messages...)
	}
	return messages, nil
}

// conversation reads the messages of the file, or the one of the prompt.
func (c *chatFlags) conversation(ctx context.Context, t terminal, fs *flagSet, prompt *promptFlags) ([]chat.Message, error) {
	if c.file == "" {
		text, err := prompt.read(ctx, t, fs)
		if err == nil && text == "" {
			err = usageError("-chat needs a message: PROMPT, -prompt-file or standard input")
		}
		return []chat.Message{{Role: chat.User, Content: text}}, err
	}
	var data []byte
	var err error
	if c.file == "-" {
		data, err = readInput(ctx, t)
	} else {
		data, err = os.ReadFile(c.file)
	}
	var messages []chat.Message
	if err == nil {
		messages, err = chat.ParseMessages(data)
	}
	if err == nil && (len(messages) == 0 || messages[len(messages)-1].Role != chat.User) {
		err = errors.New("want a list that ends with a message of the user's")
	}
	if err != nil {
		return nil, fmt.Errorf("-messages %s: %w", c.file, err)
	}
	return messages, nil
}

// findTemplate returns the model's chat template: the one in its metadata, else the one beside its
// tokenizer.
func (m *modelFlags) findTemplate(meta map[string]any, tok *tokenizer.Tokenizer) (*chat.Template, error) {
	source := chat.Source(meta)
	if source == "" && (m.model != models.Name || m.tokenizer != "") {
		var err error
		if source, err = chat.FolderSource(os.DirFS(m.folder())); err != nil {
			return nil, fmt.Errorf("%s: %w", m.folder(), err)
		}
	}
	return chat.New(source, tok)
}

// folder returns where the tokenizer lies, or the model if no tokenizer is named.
func (m *modelFlags) folder() string {
	path := m.model
	if m.tokenizer != "" {
		path = m.tokenizer
	}
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return path
	}
	return filepath.Dir(path)
}

// chatPrompt is the prompt that a conversation becomes.
type chatPrompt struct {
	ids    []int
	text   string
	family string // of the template that wrote it
}

// chatPrompt writes a conversation as the model's template wants it.
func (m *modelFlags) chatPrompt(meta map[string]any, tok *tokenizer.Tokenizer, messages []chat.Message) (p chatPrompt, err error) {
	template, err := m.findTemplate(meta, tok)
	switch {
	case errors.Is(err, chat.ErrNone):
		return p, fmt.Errorf("-chat: %w; leave -chat away to have a text continued, or name a chat model with -model", err)
	case err != nil:
		return p, fmt.Errorf("%s: %w", m.model, err)
	}
	p.family = template.Family()
	if p.text, err = template.Text(messages); err == nil {
		p.ids, err = template.Encode(messages)
	}
	if err != nil {
		return p, fmt.Errorf("%s: %w", m.model, err)
	}
	return p, nil
}
