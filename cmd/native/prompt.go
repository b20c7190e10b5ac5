//go:build !js

package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"keyfold/engine"
	"keyfold/engine/tokenizer"
	"keyfold/internal/textfile"
)

// promptFlags say where a prompt is: in the argument PROMPT or in a file.
type promptFlags struct {
	file        string
	keepNewline bool
}

func (p *promptFlags) register(fs *flagSet) {
	fs.StringVar(&p.file, "prompt-file", "", "`PATH` of the prompt, as UTF-8; - is standard input")
	fs.BoolVar(&p.keepNewline, "keep-newline", false, "keep the line break that ends a prompt's file or standard input; without this one is dropped, because editors put it there")
}

// read returns the prompt: PROMPT, or the text of -prompt-file, or what is piped to
// standard input; "" if there is none of them.
func (p *promptFlags) read(ctx context.Context, t terminal, fs *flagSet) (string, error) {
	given := fs.NArg() == 1
	if given && p.file != "" {
		return "", usageError("PROMPT and -prompt-file are both given, want one")
	}
	var data []byte
	var err error
	switch {
	case given:
		return fs.Arg(0), nil
	case p.file != "" && p.file != "-":
		data, err = os.ReadFile(p.file)
	case p.file == "-" || isPiped(t.in):
		data, err = readInput(ctx, t)
	}
	var text string
	if err == nil {
		text, err = textfile.Text(data)
	}
	switch {
	case err != nil && p.file == "":
		return "", fmt.Errorf("standard input: %w", err)
	case err != nil:
		return "", fmt.Errorf("-prompt-file: %w", err)
	case p.keepNewline:
		return text, nil
	}
	return strings.TrimSuffix(text, "\n"), nil
}

// isPiped reports whether somebody gives a command its standard input: a file or
// another program. A terminal does not, nor does a device such as /dev/null, nor a
// socket, which programs that start others may leave open.
func isPiped(in io.Reader) bool {
	f, ok := in.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && (info.Mode().IsRegular() || info.Mode()&os.ModeNamedPipe != 0)
}

// patience is how long a command waits for its standard input before it says so.
const patience = 2 * time.Second

// readInput reads standard input to its end.
func readInput(ctx context.Context, t terminal) ([]byte, error) {
	type input struct {
		data []byte
		err  error
	}
	read := make(chan input, 1)
	go func() {
		data, err := io.ReadAll(t.in)
		read <- input{data, err}
	}()
	waiting := time.NewTimer(patience)
	defer waiting.Stop()
	for {
		select {
		case all := <-read:
			return all.data, all.err
		case <-waiting.C:
			fmt.Fprintln(t.err, "waits for the end of standard input, which is the prompt")
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
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

// longPrompt is how many bytes a prompt has that reports do not repeat.
const longPrompt = 2048

// shortPrompt returns a prompt for a report. Of a long one that is its beginning, and
// the hash of all of it.
func shortPrompt(prompt string) (text, sum string) {
	if len(prompt) < longPrompt {
		return prompt, ""
	}
	hash := sha256.Sum256([]byte(prompt))
	return strings.ToValidUTF8(prompt[:longPrompt/8], "") + "...", hex.EncodeToString(hash[:])
}
