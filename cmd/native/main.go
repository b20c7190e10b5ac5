//go:build !js

// Command keyfold runs a small Llama model through WebGPU compute shaders and
// compresses its KV cache while it runs.
//
// Each subcommand has a file of its name. What they share: flags.go parses flags,
// model.go opens a model on a device, settings.go chooses the method and the cache,
// prompt.go gets the tokens, sampling.go writes a continuation, report.go prints
// statistics, files.go writes files. There is no model arithmetic here.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/term"

	"keyfold/compress"
	"keyfold/engine/untrusted"
)

const usage = `usage: keyfold COMMAND [flags] ...

keyfold continues a text with a small Llama model on the GPU, and makes the
model's KV cache smaller while it runs.

examples:
    keyfold run "Once upon a time"
    keyfold pull smollm2-135m
    keyfold run -model smollm2-135m -chat "What is the capital of France?"
    keyfold run -model stories260K.gguf -method gvote -prompt-file long.txt -shadow
    keyfold run -method kvmerger -help

commands:
    run       continue a prompt
    pull      download a model
    models    the models that go by a name: list, verify, delete
    inspect   what is in a model file
    tokens    the token ids of a text, or the text of ids
    logits    teacher-forced logits, as a file
    plan      what a compression method decides, and what it decides from
    cache     a compressed cache as a file: save it, go on from it
    corpus    documents to train on and to ask about
    eval      what compression costs: tasks x methods x budgets
    bench     how fast it is, and what limits it
    serve     the page, in a browser
    version   of keyfold and its kernels

"keyfold COMMAND -help" lists a command's flags.

exit status: 0 done, 1 failed, 2 wrong usage
`

// errUsage marks errors that are the caller's: exit status 2.
var errUsage = errors.New("wrong usage")

// usageError returns an error that ends the program with status 2.
func usageError(format string, args ...any) error {
	return fmt.Errorf("%w%w", hidden{errUsage}, fmt.Errorf(format, args...))
}

// hidden is an error that is found by errors.Is and does not show.
type hidden struct{ error }

func (hidden) Error() string   { return "" }
func (h hidden) Unwrap() error { return h.error }

// terminal is where a command reads and writes.
type terminal struct {
	in       io.Reader
	out, err io.Writer
}

// command is a subcommand.
type command func(ctx context.Context, t terminal, args []string) error

var commands = map[string]command{
	"run":     runCommand,
	"pull":    pullCommand,
	"models":  modelsCommand,
	"inspect": inspectCommand,
	"tokens":  tokensCommand,
	"logits":  logitsCommand,
	"plan":    planCommand,
	"eval":    evalCommand,
	"bench":   benchCommand,
	"cache":   cacheCommand,
	"corpus":  corpusCommand,
	"serve":   serveCommand,
	"version": versionCommand,
}

func main() {
	// wgpu-native asks every graphics interface for adapters, and one of them
	// complains on stderr where this is not set.
	if os.Getenv("XDG_RUNTIME_DIR") == "" {
		os.Setenv("XDG_RUNTIME_DIR", os.TempDir())
	}
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE) // a closed pipe is an error of the write
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // the second one ends a command that hangs
	var out io.Writer = os.Stdout
	if term.IsTerminal(int(os.Stdout.Fd())) {
		out = untrusted.NewWriter(os.Stdout)
	}
	status := run(ctx, terminal{os.Stdin, out, os.Stderr}, os.Args[1:])
	stop()
	os.Exit(status)
}

// run is main without the process: it returns the exit status.
//
// Statistics and errors name what files hold, and are for people, so nothing of it
// reaches standard error that a terminal would obey. On standard output a text is
// data: it stays as the model wrote it, unless standard output is a terminal.
func run(ctx context.Context, t terminal, args []string) int {
	t.err = untrusted.NewWriter(t.err)
	if len(args) == 0 {
		fmt.Fprint(t.err, usage)
		return 2
	}
	out := &watched{Writer: t.out}
	t.out = out
	err := runNamed(ctx, t, args[0], args[1:])
	if out.err != nil && (err == nil || errors.Is(err, flag.ErrHelp)) {
		err = out.err
	}
	switch {
	case err == nil || errors.Is(err, flag.ErrHelp):
		return 0
	case errors.Is(err, context.Canceled):
		fmt.Fprintln(t.err, "keyfold: interrupted")
		return 1
	case errors.Is(err, errUsage) || errors.Is(err, compress.ErrUsage):
		fmt.Fprintf(t.err, "keyfold: %v\n", err)
		return 2
	default:
		fmt.Fprintf(t.err, "keyfold: %v\n", err)
		return 1
	}
}

// runNamed runs the command of a name.
func runNamed(ctx context.Context, t terminal, name string, args []string) error {
	switch name {
	case "help", "-h", "-help", "--help":
		fmt.Fprint(t.out, usage)
		return nil
	case "-version", "--version":
		name = "version"
	}
	do, ok := commands[name]
	if !ok {
		return usageError("unknown command %q; want run, pull, models, inspect, tokens, logits, plan, cache, corpus, eval, bench, serve or version", name)
	}
	return do(ctx, t, args)
}
