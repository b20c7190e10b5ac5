//go:build !js

package chat

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"

	"keyfold/internal/textfile"
)

// FolderSource returns the text of the template in a Hugging Face folder, "" if there is none:
// chat_template.jinja, else chat_template of tokenizer_config.json, of which a list of named ones
// holds the one named default.
func FolderSource(folder fs.FS) (string, error) {
	const alone = "chat_template.jinja"
	template, err := fs.ReadFile(folder, alone)
	if err == nil {
		template, err = textfile.UTF8(template)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		if err != nil {
			err = fmt.Errorf("%s: %w", alone, err)
		}
		return string(template), err
	}
	const name = "tokenizer_config.json"
	data, err := fs.ReadFile(folder, name)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err == nil {
		data, err = textfile.UTF8(data)
	}
	var file struct {
		Template json.RawMessage `json:"chat_template"`
	}
	if err == nil {
		err = json.Unmarshal(data, &file)
	}
	if err != nil {
		return "", fmt.Errorf("%s: %w", name, err)
	}
	return defaultTemplate(file.Template)
}

// defaultTemplate reads the value of chat_template.
func defaultTemplate(value json.RawMessage) (string, error) {
	var one string
	if value == nil || json.Unmarshal(value, &one) == nil { // of null, too
		return one, nil
	}
	var list []struct{ Name, Template string }
	if err := json.Unmarshal(value, &list); err != nil {
		return "", errors.New("tokenizer_config.json: chat_template is neither a text nor a list of named ones")
	}
	for _, named := range list {
		if named.Name == "default" {
			return named.Template, nil
		}
	}
	return "", errors.New("tokenizer_config.json: none of the chat templates is named default")
}

// ParseMessages reads a conversation: a JSON list of objects with role and content.
func ParseMessages(data []byte) ([]Message, error) {
	data, err := textfile.UTF8(data)
	if err != nil {
		return nil, err
	}
	var messages []Message
	if err := json.Unmarshal(data, &messages); err != nil {
		return nil, fmt.Errorf(`%w; want [{"role": "user", "content": "..."}, ...]`, err)
	}
	return messages, nil
}
