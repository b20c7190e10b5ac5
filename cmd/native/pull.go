//go:build !js

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"keyfold/engine/untrusted"
	"keyfold/hub"
)

const pullUsage = `usage: keyfold pull [flags] NAME ...

Downloads models, to run them by name. It shows size, licence and source first,
and asks on a terminal. What came stays when the connection breaks or Ctrl-C
ends it: the same command goes on from there. A file gets its name only when its
sha256 is right and keyfold can run it.

NAME is one of:
    smollm2-135m                        a name that "keyfold models" lists
    hf:OWNER/REPO/FILE.gguf             a file of the hub, huggingface.co
    hf:OWNER/REPO@REVISION/FILE.gguf    as it is at a commit, branch or tag
    https://HOST/FILE.gguf              a file of any server

environment:
    KEYFOLD_MODELS   the folder for models, else keyfold/models in your folder for caches
    KEYFOLD_HUB      a mirror of the hub, as https://hf-mirror.com
    HF_TOKEN         your token, for models whose licence is to be accepted; sent to the hub, not to mirrors
    HTTPS_PROXY, HTTP_PROXY, NO_PROXY
`

func pullCommand(ctx context.Context, t terminal, args []string) error {
	fs := newFlags("pull", pullUsage)
	yes := fs.Bool("yes", false, "do not ask")
	if err := fs.parse(t, args, len(args)); err != nil {
		return err
	}
	if fs.NArg() == 0 {
		return usageError("pull: NAME is missing; \"keyfold models\" lists those there are")
	}
	store, err := openStore()
	if err != nil {
		return err
	}
	var list []hub.Model
	for _, name := range fs.Args() {
		m, err := store.Find(name)
		if err != nil {
			return err
		}
		list = append(list, m)
	}
	for _, m := range list {
		if err := pull(ctx, t, store, m, *yes); err != nil {
			return err
		}
	}
	return nil
}

// pull downloads one model.
func pull(ctx context.Context, t terminal, store *hub.Store, m hub.Model, yes bool) error {
	name := untrusted.Name(m.Name)
	switch {
	case m.URL == "":
		fmt.Fprintf(t.out, "%s is built in\n", name)
		return nil
	case m.OnDisk():
		fmt.Fprintf(t.out, "%s is on disk: %s\n", name, m.Path)
		return nil
	}
	if err := store.Look(ctx, &m); err != nil {
		return err
	}
	describePull(t.err, m)
	if !yes {
		if err := confirm(ctx, t, "download it?"); err != nil {
			return err
		}
	}
	bar := newBytesBar(t.err)
	err := store.Pull(ctx, m, bar.show)
	bar.end()
	if err != nil {
		if part := m.Part(); part > 0 && ctx.Err() != nil {
			fmt.Fprintf(t.err, "%s are kept; the same command goes on from there\n", hub.Bytes(part))
		}
		return err
	}
	fmt.Fprintf(t.out, "%s is on disk: %s\n", name, m.Path)
	return nil
}

// describePull says what is about to be downloaded.
func describePull(w io.Writer, m hub.Model) {
	table := newTable(w)
	title := m.Title
	if title == "" {
		title = m.File
	}
	table.row("model", "%s", untrusted.Name(title))
	size := "not known"
	if m.Size > 0 {
		size = hub.Bytes(m.Size)
	}
	if part := m.Part(); part > 0 {
		size += fmt.Sprintf(", of which %s are here", hub.Bytes(part))
	}
	table.row("size", "%s", size)
	licence := "not known; its source may say"
	if m.Licence != "" {
		licence = m.Licence + ", " + m.LicenceURL
	}
	table.row("licence", "%s", licence)
	table.row("source", "%s", untrusted.Name(m.Page))
	if m.SHA256 == "" {
		table.row("check", "the server says no sha256: only whether it is a whole model can be seen")
	}
	table.row("to", "%s", m.Path)
	table.Flush()
}

// errDeclined is the answer no.
var errDeclined = errors.New("nothing was downloaded")

// confirm asks a question, where somebody sits at a terminal. Programs are not asked.
func confirm(ctx context.Context, t terminal, question string) error {
	in, ok := t.in.(*os.File)
	if !ok || !term.IsTerminal(int(in.Fd())) || !isTerminal(t.err) {
		return nil
	}
	fmt.Fprintf(t.err, "%s [Y/n] ", question)
	answer := make(chan string, 1)
	go func() {
		line, _ := bufio.NewReader(in).ReadString('\n')
		answer <- line
	}()
	select {
	case line := <-answer:
		if line == "" {
			fmt.Fprintln(t.err)
		}
		return agreed(line)
	case <-ctx.Done():
		fmt.Fprintln(t.err)
		return ctx.Err()
	}
}

// agreed takes the answer to a question whose default is yes. No line at all is a no.
func agreed(line string) error {
	switch strings.ToLower(strings.TrimSpace(line)) {
	case "y", "yes":
		return nil
	case "":
		if line != "" {
			return nil
		}
	}
	return errDeclined
}

// isTerminal reports whether a writer shows on a terminal.
func isTerminal(w io.Writer) bool {
	if v, ok := w.(*untrusted.Writer); ok {
		w = v.Under()
	}
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// A bytesBar shows how a download goes on: a bar on a terminal, a line a minute elsewhere.
type bytesBar struct {
	w          io.Writer
	onTerminal bool
	phase      string
	first      int64     // bytes at the beginning of the phase
	said       time.Time // when the last line was written
	bar        *progressbar.ProgressBar
}

func newBytesBar(w io.Writer) *bytesBar {
	b := &bytesBar{w: w, onTerminal: isTerminal(w), said: time.Now()}
	if v, ok := w.(*untrusted.Writer); ok && b.onTerminal {
		b.w = v.Under() // the bar begins its line anew again and again
	}
	return b
}

// show shows where a download stands.
func (b *bytesBar) show(p hub.Progress) {
	begins := p.Phase != b.phase || p.Done < b.first
	if begins {
		b.end()
		b.phase, b.first = p.Phase, p.Done
	}
	switch {
	case p.Phase == hub.Waiting:
		fmt.Fprintln(b.w, p.Phase)
	case b.onTerminal:
		if begins {
			b.bar = b.rest(p)
		}
		b.bar.Set64(p.Done - b.first)
	case time.Since(b.said) > time.Minute:
		b.said = time.Now()
		fmt.Fprintf(b.w, "%s: %s of %s\n", p.Phase, hub.Bytes(p.Done), hub.Bytes(p.Total))
	}
}

// rest returns a bar of what is still to do, so that it can say how long that takes.
func (b *bytesBar) rest(p hub.Progress) *progressbar.ProgressBar {
	total := p.Total - p.Done
	if p.Total == 0 {
		total = -1
	}
	return progressbar.NewOptions64(total,
		progressbar.OptionSetWriter(b.w), progressbar.OptionSetDescription(p.Phase), progressbar.OptionShowBytes(true),
		progressbar.OptionSetPredictTime(true), progressbar.OptionSetWidth(30), progressbar.OptionThrottle(100*time.Millisecond))
}

// end ends the bar's line.
func (b *bytesBar) end() {
	if b.bar != nil {
		fmt.Fprintln(b.w)
		b.bar = nil
	}
}
