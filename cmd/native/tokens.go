//go:build !js

package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"keyfold/engine/chat"
	"keyfold/engine/tokenizer"
)

const tokensUsage = `usage: keyfold tokens [flags] [TEXT]

Prints the comma-separated token ids of TEXT, or with -decode the text of ids.
Without TEXT it is what is piped to standard input, less its final line break.
Needs no weights: a vocabulary-only GGUF will do.
`

// tokensArgs are the flags of tokens.
type tokensArgs struct {
	modelFlags
	decode, bos, special, chat bool
}

func tokensCommand(ctx context.Context, t terminal, args []string) error {
	fs := newFlags("tokens", tokensUsage)
	var a tokensArgs
	a.register(fs)
	fs.BoolVar(&a.decode, "decode", false, "TEXT is comma-separated ids: print their text, with -special the names of control tokens, too")
	fs.BoolVar(&a.bos, "bos", false, "begin with the id that begins a text")
	fs.BoolVar(&a.special, "special", false, "the names of control tokens in TEXT, such as <|im_end|>, stand for these tokens; without this they are text")
	fs.BoolVar(&a.chat, "chat", false, "TEXT is a message to a chat model: the ids of the prompt that its chat template writes")
	if err := fs.parse(t, args, 1); err != nil {
		return err
	}
	if a.chat && (a.decode || a.bos || a.special) {
		return usageError("-chat takes neither -decode nor -bos nor -special")
	}
	if fs.NArg() != 1 && !isPiped(t.in) {
		return usageError("tokens: TEXT is missing")
	}
	var from promptFlags
	text, err := from.read(ctx, t, fs)
	if err != nil {
		return err
	}
	tok, err := a.tokenizerAlone()
	if err != nil {
		return err
	}
	if a.decode {
		text, err = a.text(tok, text)
	} else {
		text, err = a.ids(tok, text)
	}
	if err == nil {
		fmt.Fprintln(t.out, text)
	}
	return err
}

// ids returns the ids of a text.
func (a *tokensArgs) ids(tok *tokenizer.Tokenizer, text string) (string, error) {
	var ids []int
	var err error
	switch {
	case a.chat:
		var meta map[string]any
		if meta, _, err = a.metadata(); err != nil {
			return "", err
		}
		var p chatPrompt
		p, err = a.chatPrompt(meta, tok, []chat.Message{{Role: chat.User, Content: text}})
		ids = p.ids
	case a.bos && tok.BOS() < 0:
		err = fmt.Errorf("-bos: this tokenizer has no id that begins a text")
	default:
		ids, err = tok.EncodeParts([]tokenizer.Part{{Text: text, Control: a.special}}, a.bos)
	}
	fields := make([]string, len(ids))
	for i, id := range ids {
		fields[i] = strconv.Itoa(id)
	}
	return strings.Join(fields, ","), err
}

// text returns the text of a list of ids.
func (a *tokensArgs) text(tok *tokenizer.Tokenizer, list string) (string, error) {
	ids, err := parseIDs("TEXT", list)
	if err != nil {
		return "", err
	}
	text, err := tok.Decode(ids)
	if err != nil || !a.special {
		return text, err
	}
	var b strings.Builder
	stream := tok.Stream()
	for _, id := range ids {
		b.WriteString(tok.SpecialText(id) + stream.Next(id))
	}
	return b.String() + stream.Rest(), nil
}
