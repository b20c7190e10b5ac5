package chat

// Source returns the text of the template in a GGUF file's metadata, "" if there is none.
func Source(meta map[string]any) string {
	template, _ := meta["tokenizer.chat_template"].(string)
	return template
}
