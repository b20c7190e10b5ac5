//go:build !js

package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"keyfold/corpus"
	"keyfold/engine"
	"keyfold/engine/chat"
	"keyfold/engine/checkpoint"
	"keyfold/engine/tokenizer"
	"keyfold/engine/untrusted"
	"keyfold/eval"
	"keyfold/internal/output"
	"keyfold/internal/textfile"
	"keyfold/layout"
)

const evalUsage = `usage: keyfold eval [flags]

Measures what compression costs: asks a model questions about texts whose cache
was compressed, by every method at every budget, and compares the answers and
their likelihood with the full cache's. Every text is read once; every method
works on a copy of its cache. The same command gives the same numbers.

examples:
    keyfold eval -model M -tasks fact,needle,perplexity -n 100 -json out.json -svg out.svg
    keyfold eval -model M -methods kvmerger,kvmerger:values=paper,gvote:p_nuc=0.9 -budgets 0.5,0.35,0.2 -seeds 3
    keyfold eval -model M -data qa_1.jsonl -layout ruler -protocol inside
    keyfold eval -model SmolLM2-135M-Instruct.gguf -chat -tasks fact,needle -length 256
    keyfold eval -model SmolLM2-135M-Instruct.gguf -chat -tasks niah_single_2,vt -length 1024
    keyfold eval -merge a.json,b.json -json all.json
    keyfold eval -merge results -json all.json

The score of an answer is that of a free-running, greedy one. KL and delta NLL
are teacher-forced on the reference, in nats per token, against the full cache.
Gained and lost count questions with a better and a worse score than the full
cache's. Differences come with a 95 % bootstrap interval over contexts.

With -chat the model is asked in its own chat template: the context, with what
opens the user's turn, is compressed; the question, the end of the turn and the
beginning of the answer ("Answer:") follow. An answer ends where the model ends
its turn, and may be a sentence, so it scores if the reference occurs in it;
tables show beside that how many answers are the reference exactly.

The tasks niah_*, vt, cwe and fwe are RULER's: its prompts, its limits of new tokens
and its metric, recall. They are not among the default. -haystack is the text that
five of the eight niah_* hide their needles in.

-methods lists methods by commas; options follow by colons, as in
kvmerger:sigma=5:values=paper; a comma before a digit belongs to the option
(skip_layers=0,1). "full" is always there.

files:
    -json FILE   configuration, cells (task x length x method x budget), examples; complete or not there
    FILE.partial what is finished, while it runs; the same command goes on from there
    -csv FILE    one row for each cell
    -svg FILE    score against bytes; with the task needle also a map of depth and length for each
                 method: F-needle-METHOD.svg beside F.svg
One of them may be -, standard output; the tables then go to standard error.
Only a file has a FILE.partial, or maps beside it.

Without -shard, a task of a Slurm array (SLURM_ARRAY_TASK_ID with _MIN, and _MAX or
_COUNT) and a Pod of an indexed Kubernetes Job (JOB_COMPLETION_INDEX, and JOB_COMPLETIONS,
which the Job has to set) run their shard. Shards count from 0, and shard 3 of 8 writes
F-3-of-8.json for -json F.json. -merge FOLDER joins all such files in a folder.
`

func evalCommand(ctx context.Context, t terminal, args []string) error {
	v := &evaluation{}
	flags := newFlags("eval", evalUsage)
	v.register(flags)
	if err := flags.parse(t, args, 0); err != nil {
		return err
	}
	if v.merge != "" {
		return v.mergeCommand(t, flags)
	}
	if err := v.findShard(flags, t.err); err != nil {
		return err
	}
	if err := v.checkOutputs(); err != nil {
		return err
	}
	kv, err := v.checkRun(flags)
	if err != nil {
		return err
	}
	f, tok, err := v.open(true)
	if err != nil {
		return err
	}
	defer f.Close()
	template, err := v.template(f, tok)
	if err != nil {
		return err
	}
	in, err := v.readFiles(ctx, tok)
	if err != nil {
		return err
	}
	sum, err := f.SHA256()
	if err != nil {
		return err
	}
	var sweep *eval.Sweep
	var results []eval.Result
	err = v.use(ctx, t.err, f, tok, func(e *engine.Engine) (err error) {
		if sweep == nil {
			in.config.Model, in.config.Device = e.DescribeModel(f.Model, sum), e.Device.Describe()
			if sweep, err = in.sweep(kv, e, template); err != nil {
				return err
			}
			v.printSplit(t.err, in.data)
		}
		sweep.Engine = e
		results, err = v.run(ctx, t, sweep, results)
		return err
	})
	if err != nil {
		return err
	}
	if err := v.write(t, sweep.Config, results); err != nil {
		return err
	}
	return v.finish(results)
}

// finish removes the journal, but for examples that failed: they stay to be done.
func (v *evaluation) finish(results []eval.Result) error {
	failed, reason := eval.Failures(results)
	path := v.journal()
	switch {
	case failed > 0 && path != "":
		return fmt.Errorf("%d of %d examples failed (%s); the same command tries them again", failed, len(results), reason)
	case failed > 0:
		return fmt.Errorf("%d of %d examples failed (%s)", failed, len(results), reason)
	case path != "":
		if err := os.Remove(path); !errors.Is(err, fs.ErrNotExist) { // a second process of the same shard may be done first
			return err
		}
	}
	return nil
}

// template returns the model's chat template, nil without -chat.
func (v *evaluation) template(f *checkpoint.File, tok *tokenizer.Tokenizer) (*chat.Template, error) {
	if !v.chat {
		return nil, nil
	}
	template, err := v.findTemplate(f.Meta, tok)
	if err != nil {
		return nil, fmt.Errorf("-chat: %w", err)
	}
	return template, nil
}

// printSplit shows on the first example of -data where its context ends.
func (v *evaluation) printSplit(w io.Writer, data []eval.Example) {
	at := slices.IndexFunc(data, func(e eval.Example) bool { return e.Unfit == "" })
	if at < 0 {
		return
	}
	how, guessed := eval.Split(v.layout)
	if guessed {
		how += ", which is a guess"
	}
	const shown = 60 // bytes on either side
	context, question := data[at].Context, data[at].Asks[0].Question
	if cut := len(context) - shown; cut > 0 {
		context = "..." + strings.ToValidUTF8(context[cut:], "")
	}
	if len(question) > shown {
		question = strings.ToValidUTF8(question[:shown], "") + "..."
	}
	fmt.Fprintf(w, "questions   %s\n            the first context ends %q, its question is %q\n", how, context, question)
}

// evalInputs are the configuration of a sweep, but for the model and the device, and
// what its files hold.
type evalInputs struct {
	config   eval.Config
	data     []eval.Example
	text     []int // tokens
	haystack corpus.Haystack
}

// readFiles returns the configuration and what the files hold.
func (v *evaluation) readFiles(ctx context.Context, tok *tokenizer.Tokenizer) (in evalInputs, err error) {
	in.config = eval.Config{
		Protocol: eval.Protocol(v.protocol), Metric: v.scoreBy(), Tasks: append([]string{}, v.taskList...), Lengths: append([]int{}, v.lengthList...),
		N: v.n, First: int(v.first), ScoreTokens: v.scoreTokens, Variants: v.variants, Removed: v.removed, Trained: v.trained,
		Shard: v.part,
	}
	if v.data != "" {
		content, file, err := readNamed(v.data)
		if err != nil {
			return in, fmt.Errorf("-data: %w", err)
		}
		if in.data, err = eval.Read(strings.NewReader(content), v.layout, v.data); err != nil {
			return in, err
		}
		file.Layout = v.layout
		file.Split, file.Guessed = eval.Split(v.layout)
		in.config.Data = file
	}
	if v.text != "" {
		content, file, err := readNamed(v.text)
		if err != nil {
			return in, fmt.Errorf("-text: %w", err)
		}
		if in.text, err = tok.Encode(content, false); err != nil {
			return in, fmt.Errorf("-text %s: %w", v.text, err)
		}
		in.config.Text = file
	}
	in.haystack, in.config.Haystack, err = v.readHaystack(ctx)
	return in, err
}

// sweep returns the sweep on an engine, in a chat template unless that is nil.
func (in evalInputs) sweep(kv layout.CacheType, e *engine.Engine, template *chat.Template) (*eval.Sweep, error) {
	s, err := eval.NewSweep(in.config, kv, e, in.data, in.text)
	if err != nil {
		return nil, err
	}
	s.Haystack = in.haystack
	s.UseChat(template)
	return s, nil
}

// readHaystack returns the text that the tasks hide needles in, if one of them
// does.
func (v *evaluation) readHaystack(ctx context.Context) (corpus.Haystack, *eval.File, error) {
	tasks := v.haystackTasks()
	if len(tasks) == 0 {
		return nil, nil, nil
	}
	path := v.haystack
	if path == "" {
		var err error
		if path, err = opticks(ctx); err != nil {
			return nil, nil, fmt.Errorf("%s needs a text to hide needles in (%w): name one with -haystack FILE, or install Go, which has Newton's Opticks",
				tasks[0], err)
		}
	}
	content, file, err := readNamed(path)
	if err != nil {
		return nil, nil, fmt.Errorf("-haystack: %w", err)
	}
	haystack, err := corpus.NewHaystack(content)
	if err != nil {
		return nil, nil, fmt.Errorf("-haystack %s: %w", path, err)
	}
	return haystack, file, nil
}

// opticks returns the path of Newton's Opticks of 1730, which every installation of
// Go has among the data of its tests.
func opticks(ctx context.Context) (string, error) {
	root, err := exec.CommandContext(ctx, "go", "env", "GOROOT").Output()
	if err != nil {
		return "", err
	}
	path := filepath.Join(strings.TrimSpace(string(root)), "src", "testdata", "Isaac.Newton-Opticks.txt")
	_, err = os.Stat(path)
	return path, err
}

// readNamed reads a file and says which one it was.
func readNamed(path string) (string, *eval.File, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return "", nil, err
	}
	sum := sha256.Sum256(content)
	text, err := textfile.Text(content)
	if err != nil {
		return "", nil, fmt.Errorf("%s: %w", path, err)
	}
	return text, &eval.File{Name: filepath.Base(path), SHA256: hex.EncodeToString(sum[:])}, nil
}

// run runs a sweep, going on behind what is done and where its journal ends, and returns
// all results.
func (v *evaluation) run(ctx context.Context, t terminal, s *eval.Sweep, done []eval.Result) ([]eval.Result, error) {
	total := len(s.Items())
	results, items := s.Resume(done)
	var journal *eval.Journal
	if path := v.journal(); path != "" {
		var err error
		if journal, err = eval.OpenJournal(path, s.Config); err != nil && v.device == string(engine.Auto) {
			return nil, fmt.Errorf("%w; -device auto may take another device each time, -device gpu or cpu does not", err)
		}
		if err != nil {
			return nil, err
		}
		defer journal.Close()
		results, items = s.Resume(journal.Done())
		if len(results) > 0 {
			fmt.Fprintf(t.err, "goes on after %d of %d examples in %s\n", total-len(items), total, path)
		}
	}
	bar := newBar(t.err, len(items))
	err := s.Run(ctx, items, func(r eval.Result) error {
		results = append(results, r)
		if journal != nil {
			if err := journal.Append(r); err != nil {
				return err
			}
		}
		return bar.Add(1)
	})
	fmt.Fprintln(t.err)
	if errors.Is(err, context.Canceled) && journal != nil {
		fmt.Fprintf(t.err, "%d of %d examples are in %s; the same command goes on from there\n", len(results), total, v.journal())
	}
	return results, err
}

// newBar returns a progress bar with the time left, drawn anew ten times a
// second on a terminal, and once a minute elsewhere.
func newBar(w io.Writer, n int) *progressbar.ProgressBar {
	throttle := time.Minute
	if v, ok := w.(*untrusted.Writer); ok {
		w = v.Under() // the bar begins its line anew again and again
	}
	if f, ok := w.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		throttle = 100 * time.Millisecond
	}
	return progressbar.NewOptions(n,
		progressbar.OptionSetWriter(w), progressbar.OptionSetDescription("examples"), progressbar.OptionShowCount(),
		progressbar.OptionSetPredictTime(true), progressbar.OptionSetWidth(30), progressbar.OptionThrottle(throttle),
		progressbar.OptionSetRenderBlankState(true))
}

// write prints the tables and writes -json, -csv and -svg.
func (v *evaluation) write(t terminal, c eval.Config, results []eval.Result) error {
	report, err := eval.NewReport(c, results, v.against)
	if err != nil {
		return err
	}
	if err := report.WriteTable(t.besides(v.json, v.csv, v.svg)); err != nil {
		return err
	}
	if err := t.write(v.json, report.WriteJSON); err != nil {
		return err
	}
	if err := t.write(v.csv, report.WriteCSV); err != nil {
		return err
	}
	for _, chart := range report.Charts() {
		path := v.svg
		if chart.Suffix != "" {
			if !output.IsFile(v.svg) {
				continue
			}
			path = strings.TrimSuffix(v.svg, ".svg") + chart.Suffix + ".svg"
		}
		if err := t.write(path, chart.Write); err != nil {
			return err
		}
	}
	return nil
}
