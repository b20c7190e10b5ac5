//go:build !js

package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"keyfold/engine"
	"keyfold/engine/tokenizer"
)

// promptFlags say where a prompt is: in the argument PROMPT or in a file.
type promptFlags struct{ file string }

func (p *promptFlags) register(fs *flagSet) {
	fs.StringVar(&p.file, "prompt-file", "", "`PATH` of the prompt; - is standard input")
}

// read returns the prompt; "" if there is neither PROMPT nor -prompt-file.
func (p *promptFlags) read(t terminal, fs *flagSet) (string, error) {
	if p.file == "" {
		return fs.Arg(0), nil
	}
	if fs.NArg() == 1 {
		return "", usageError("PROMPT and -prompt-file are both given, want one")
	}
	var data []byte
	var err error
	if p.file == "-" {
		data, err = io.ReadAll(t.in)
	} else {
		data, err = os.ReadFile(p.file)
	}
	if err != nil {
		return "", fmt.Errorf("-prompt-file: %w", err)
	}
	return string(data), nil
}

// encodePrompt returns the tokens of a prompt. Those of an empty one are the token
// that begins a text.
func encodePrompt(tok *tokenizer.Tokenizer, prompt string) ([]int, error) {
	return tok.Encode(prompt, tok.AddsBOS() || prompt == "")
}

// encodeBehind returns the tokens that text has when it is read together with the
// tokens before it. If one token would cover the end of those and the beginning of
// text, joined is false, and text is encoded by itself.
func encodeBehind(tok *tokenizer.Tokenizer, before []int, text string) (ids []int, joined bool, err error) {
	if text == "" {
		return nil, true, nil
	}
	begin, err := tok.Decode(before)
	if err != nil {
		return nil, false, err
	}
	whole, err := tok.Encode(begin+text, before[0] == tok.BOS())
	if err != nil {
		return nil, false, err
	}
	if len(whole) > len(before) && slices.Equal(whole[:len(before)], before) {
		return whole[len(before):], true, nil
	}
	ids, err = tok.Encode(text, false)
	return ids, false, err
}

// idFlags are the flags of a command that takes a text as token ids, so that it
// needs no tokenizer.
type idFlags struct {
	runFlags
	list    string
	ids     []int
	prefill int // of ids, to read and compress
	read    engine.Settings
}

func (f *idFlags) register(fs *flagSet, kv, prefill string) {
	f.runFlags.register(fs, kv)
	fs.StringVar(&f.list, "tokens", "", "comma-separated token `IDS`")
	fs.IntVar(&f.prefill, "prefill", 0, prefill)
}

// check fills in the ids and the settings.
func (f *idFlags) check() (err error) {
	if f.ids, err = parseIDs("-tokens", f.list); err != nil {
		return err
	}
	f.read, err = f.settings()
	return err
}

// checkPrefill checks -prefill. The ids after it are what follows the prompt.
func (f *idFlags) checkPrefill() error {
	if f.prefill < 1 || f.prefill > len(f.ids) {
		return usageError("-prefill is %d, want 1 to %d, the number of tokens", f.prefill, len(f.ids))
	}
	f.read.Future = f.ids[f.prefill:]
	return nil
}

// start puts the model on the device, unless it lacks one of the ids.
func (f *idFlags) start(ctx context.Context) (*engine.Engine, error) {
	model, _, err := f.open(false)
	if err != nil {
		return nil, err
	}
	defer model.Close()
	for i, id := range f.ids {
		if vocab := model.Config.VocabSize; id >= vocab {
			return nil, fmt.Errorf("token %d is %d, this model has ids 0 to %d", i, id, vocab-1)
		}
	}
	return f.deviceFlags.start(ctx, io.Discard, model, nil)
}

// parseIDs reads comma-separated token ids.
func parseIDs(flagName, s string) ([]int, error) {
	if s == "" {
		return nil, usageError("%s is missing: want comma-separated token ids", flagName)
	}
	var ids []int
	for field := range strings.SplitSeq(s, ",") {
		id, err := strconv.Atoi(strings.TrimSpace(field))
		if err != nil || id < 0 {
			return nil, usageError("%s: %q is not a token id", flagName, field)
		}
		ids = append(ids, id)
	}
	return ids, nil
}
