//go:build !js

package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"
)

func tokensCommand(ctx context.Context, t terminal, args []string) error {
	fs := newFlags("tokens", `usage: keyfold tokens [flags] [TEXT]

Prints the comma-separated token ids of TEXT, or with -decode the text of ids.
Without TEXT it is what is piped to standard input, less its final line break.
Needs no weights: a vocabulary-only GGUF will do.
`)
	var m modelFlags
	m.register(fs)
	decode := fs.Bool("decode", false, "TEXT is comma-separated ids: print their text")
	bos := fs.Bool("bos", false, "begin with the id that begins a text")
	if err := fs.parse(t, args, 1); err != nil {
		return err
	}
	if fs.NArg() != 1 && !isPiped(t.in) {
		return usageError("tokens: TEXT is missing")
	}
	var from promptFlags
	text, err := from.read(ctx, t, fs)
	if err != nil {
		return err
	}
	tok, err := m.tokenizerAlone()
	if err != nil {
		return err
	}
	if *decode {
		ids, err := parseIDs("TEXT", text)
		if err != nil {
			return err
		}
		text, err := tok.Decode(ids)
		if err != nil {
			return err
		}
		fmt.Fprintln(t.out, text)
		return nil
	}
	if *bos && tok.BOS() < 0 {
		return fmt.Errorf("-bos: this tokenizer has no id that begins a text")
	}
	ids, err := tok.Encode(text, *bos)
	if err != nil {
		return err
	}
	fields := make([]string, len(ids))
	for i, id := range ids {
		fields[i] = strconv.Itoa(id)
	}
	fmt.Fprintln(t.out, strings.Join(fields, ","))
	return nil
}
