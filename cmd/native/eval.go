//go:build !js

package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"keyfold/compress"
	"keyfold/corpus"
	"keyfold/engine"
	"keyfold/engine/tokenizer"
	"keyfold/eval"
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
    keyfold eval -merge a.json,b.json -json all.json

The score of an answer is that of a free-running, greedy one. KL and delta NLL
are teacher-forced on the reference, in nats per token, against the full cache.
Gained and lost count questions with a better and a worse score than the full
cache's. Differences come with a 95 % bootstrap interval over contexts.

-methods lists methods by commas; options follow by colons, as in
kvmerger:sigma=5:values=paper; a comma before a digit belongs to the option
(skip_layers=0,1). "full" is always there.

files:
    -json FILE   configuration, cells (task x length x method x budget), examples; complete or not there
    FILE.partial what is finished, while it runs; the same command goes on from there
    -csv FILE    one row for each cell
    -svg FILE    score against bytes; with the task needle also a map of depth and length for each
                 method: F-needle-METHOD.svg beside F.svg
`

// evaluation are the flags of eval.
type evaluation struct {
	modelFlags
	device, kv, protocol             string
	tasks, lengths, methods, budgets string
	data, layout, text               string
	shard, merge, against            string
	json, csv, svg                   string
	n, seeds, scoreTokens            int
	first                            uint
	removed, trained                 bool
	shardIndex, shardOf              int
	lengthList                       []int
	budgetList                       []float64
	taskList                         []string
	variants                         []eval.Variant
}

func (v *evaluation) register(fs *flagSet) {
	v.modelFlags.register(fs)
	fs.StringVar(&v.device, "device", "auto", "`DEVICE` to run on: auto, gpu or cpu")
	fs.StringVar(&v.kv, "kv", "f16", "`TYPE` of the cache's elements: "+layout.CacheTypeNames)
	fs.StringVar(&v.tasks, "tasks", "", "`TASKS` by commas: "+strings.Join(taskNames(), ", ")+"; by default all with questions")
	fs.StringVar(&v.lengths, "length", "512", "`TOKENS` of a document with its questions, or of perplexity's context; several by commas")
	fs.StringVar(&v.methods, "methods", "window,kvmerger,gvote", "compression `METHODS` with their options: "+strings.Join(compress.Names(), ", "))
	fs.StringVar(&v.budgets, "budgets", "0.5,0.35", "kept / total `R` for the methods that take one; those that do without also run without")
	fs.IntVar(&v.n, "n", 20, "`EXAMPLES` of each task and length, or of -data")
	fs.UintVar(&v.first, "first", 0, "number `N` of the first example")
	fs.IntVar(&v.seeds, "seeds", 1, "how `MANY` seeds the methods that draw run with, 1 and up")
	fs.StringVar(&v.protocol, "protocol", string(eval.Outside), "`WHERE` the question is: outside, asked of the compressed context; inside, compressed with it")
	fs.StringVar(&v.data, "data", "", "`FILE` of examples, one JSON object a line, instead of -tasks")
	fs.StringVar(&v.layout, "layout", "", "`LAYOUT` of -data: "+strings.Join(eval.Layouts(), ", "))
	fs.StringVar(&v.text, "text", "", "`FILE` of plain text for the task perplexity; by default the corpus's stories")
	fs.IntVar(&v.scoreTokens, "score-tokens", 95, "`TOKENS` of text scored behind perplexity's context")
	fs.BoolVar(&v.removed, "removed", false, "also ask the full cache of each context without the asked evidence: more than a guess is a leak")
	fs.BoolVar(&v.trained, "trained", false, "documents without the words and frames that training has not seen")
	fs.StringVar(&v.against, "against", eval.Full, "`METHOD` that differences are against, as in -methods")
	fs.StringVar(&v.shard, "shard", "0/1", "`I/N`: only the examples whose number leaves I when divided by N")
	fs.StringVar(&v.merge, "merge", "", "`FILES` by commas: join the -json of all shards instead of running")
	fs.StringVar(&v.json, "json", "", "`FILE` for configuration, cells and examples")
	fs.StringVar(&v.csv, "csv", "", "`FILE` for the cells")
	fs.StringVar(&v.svg, "svg", "", "`FILE` for the drawing")
}

func evalCommand(ctx context.Context, t terminal, args []string) error {
	v := &evaluation{}
	flags := newFlags("eval", evalUsage)
	v.register(flags)
	if err := flags.parse(t, args, 0); err != nil {
		return err
	}
	if err := v.checkOutputs(); err != nil {
		return err
	}
	if v.merge != "" {
		if err := onlyGiven(flags, "merge", "against", "json", "csv", "svg"); err != nil {
			return err
		}
		return v.mergeReports(t)
	}
	kv, err := v.check(flags)
	if err != nil {
		return err
	}
	f, tok, err := v.open(true)
	if err != nil {
		return err
	}
	defer f.Close()
	c, data, text, err := v.readFiles(tok)
	if err != nil {
		return err
	}
	sum, err := f.SHA256()
	if err != nil {
		return err
	}
	e, err := engine.Open(ctx, f, tok, engine.DeviceKind(v.device))
	if err != nil {
		return err
	}
	defer e.Close()
	printDevice(t.err, e)
	c.Model, c.Device = e.DescribeModel(f.Model, sum), e.Device.Describe()
	sweep, err := eval.NewSweep(c, kv, e, data, text)
	if err != nil {
		return err
	}
	results, err := v.run(ctx, t, sweep)
	if err != nil {
		return err
	}
	if err := v.write(t, sweep.Config, results); err != nil {
		return err
	}
	if v.json != "" {
		return os.Remove(v.json + ".partial")
	}
	return nil
}

// taskNames returns the tasks that eval knows.
func taskNames() []string {
	var names []string
	for _, task := range corpus.Tasks() {
		if !task.Text {
			names = append(names, task.Name)
		}
	}
	return append(names, eval.Perplexity)
}

// check checks the flags of a run and returns the cache's element type.
func (v *evaluation) check(fs *flagSet) (layout.CacheType, error) {
	r := runFlags{device: v.device, kv: v.kv}
	kv, err := r.cacheType()
	if err != nil {
		return 0, err
	}
	if err := r.checkDevice(); err != nil {
		return 0, err
	}
	switch {
	case v.n < 1:
		return 0, usageError("-n is %d, want at least 1", v.n)
	case v.seeds < 1:
		return 0, usageError("-seeds is %d, want at least 1", v.seeds)
	case v.scoreTokens < 1:
		return 0, usageError("-score-tokens is %d, want at least 1", v.scoreTokens)
	case uint64(v.first) > 1<<31:
		return 0, usageError("-first is %d, want at most %d", v.first, 1<<31)
	case eval.Protocol(v.protocol) != eval.Outside && eval.Protocol(v.protocol) != eval.Inside:
		return 0, usageError("-protocol is %q, want outside or inside", v.protocol)
	case v.data != "" && (given(fs, "tasks") || given(fs, "length")):
		return 0, usageError("-data has examples of its own, want it without -tasks and -length")
	case v.data != "" && (v.trained || v.removed || v.text != ""):
		return 0, usageError("-trained, -removed and -text are about the corpus, want them without -data")
	case v.data != "" && !slices.Contains(eval.Layouts(), v.layout):
		return 0, usageError("-layout is %q, want %s", v.layout, strings.Join(eval.Layouts(), ", "))
	case v.data == "" && v.layout != "":
		return 0, usageError("-layout is that of -data, which is missing")
	}
	if v.budgetList, err = numberList("-budgets", v.budgets, 1e-9, 1); err != nil {
		return 0, err
	}
	if v.variants, err = eval.Variants(v.methods, v.budgetList, v.seeds); err != nil {
		return 0, usageError("-methods: %v", err)
	}
	if !slices.ContainsFunc(v.variants, func(w eval.Variant) bool { return w.Spec() == v.against }) {
		return 0, usageError("-against is %q, want one of -methods", v.against)
	}
	index, of, ok := strings.Cut(v.shard, "/")
	var err1, err2 error
	v.shardIndex, err1 = strconv.Atoi(index)
	v.shardOf, err2 = strconv.Atoi(of)
	if !ok || err1 != nil || err2 != nil || v.shardIndex < 0 || v.shardIndex >= v.shardOf {
		return 0, usageError("-shard is %q, want I/N with 0 <= I < N", v.shard)
	}
	if err := v.checkTasks(); err != nil {
		return 0, err
	}
	text := slices.Contains(v.taskList, eval.Perplexity)
	switch {
	case v.protocol == string(eval.Inside) && text:
		return 0, usageError("-protocol inside is about questions, and %s has none", eval.Perplexity)
	case given(fs, "score-tokens") && !text:
		return 0, usageError("-score-tokens is for the task %s, which -tasks lacks", eval.Perplexity)
	}
	return kv, nil
}

// checkOutputs fails if a file could not be written in the end.
func (v *evaluation) checkOutputs() error {
	for _, path := range []string{v.json, v.csv, v.svg} {
		if path == "" {
			continue
		}
		f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
		if err != nil {
			return err
		}
		f.Close()
		if err := os.Remove(f.Name()); err != nil {
			return err
		}
	}
	return nil
}

// checkTasks reads -tasks, -length and what depends on them.
func (v *evaluation) checkTasks() error {
	if v.data != "" {
		return nil
	}
	known := taskNames()
	v.taskList = slices.DeleteFunc(slices.Clone(known), func(task string) bool { return task == eval.Perplexity })
	if v.tasks != "" {
		v.taskList = strings.Split(v.tasks, ",")
	}
	for i, task := range v.taskList {
		if !slices.Contains(known, task) {
			return usageError("-tasks: no task %q; there are %s", task, strings.Join(known, ", "))
		}
		if slices.Contains(v.taskList[:i], task) {
			return usageError("-tasks: %s is listed twice", task)
		}
	}
	if v.text != "" && !slices.Contains(v.taskList, eval.Perplexity) {
		return usageError("-text is for the task %s, which -tasks lacks", eval.Perplexity)
	}
	lengths, err := numberList("-length", v.lengths, 1, 1<<20)
	if err != nil {
		return err
	}
	for _, length := range lengths {
		if length != float64(int(length)) || slices.Contains(v.lengthList, int(length)) {
			return usageError("-length is %q, want different numbers of tokens", v.lengths)
		}
		v.lengthList = append(v.lengthList, int(length))
	}
	return nil
}

// numberList reads numbers by commas, each from low to high.
func numberList(flagName, list string, low, high float64) ([]float64, error) {
	var numbers []float64
	if list == "" {
		return nil, nil
	}
	for field := range strings.SplitSeq(list, ",") {
		number, err := strconv.ParseFloat(strings.TrimSpace(field), 64)
		if err != nil || !(number >= low && number <= high) {
			return nil, usageError("%s: %q is not a number from %g to %g", flagName, field, low, high)
		}
		numbers = append(numbers, number)
	}
	return numbers, nil
}

// readFiles returns the configuration, but for the model and the device, and
// what -data and -text hold.
func (v *evaluation) readFiles(tok *tokenizer.Tokenizer) (c eval.Config, data []eval.Example, text []int, err error) {
	c = eval.Config{
		Protocol: eval.Protocol(v.protocol), Tasks: append([]string{}, v.taskList...), Lengths: append([]int{}, v.lengthList...),
		N: v.n, First: int(v.first), ScoreTokens: v.scoreTokens, Variants: v.variants, Removed: v.removed, Trained: v.trained,
		Shard: eval.Shard{Index: v.shardIndex, Of: v.shardOf},
	}
	if v.data != "" {
		content, file, err := readNamed(v.data)
		if err != nil {
			return c, nil, nil, fmt.Errorf("-data: %w", err)
		}
		if data, err = eval.Read(strings.NewReader(content), v.layout, v.data); err != nil {
			return c, nil, nil, err
		}
		file.Layout = v.layout
		c.Data = file
	}
	if v.text != "" {
		content, file, err := readNamed(v.text)
		if err != nil {
			return c, nil, nil, fmt.Errorf("-text: %w", err)
		}
		if text, err = tok.Encode(content, false); err != nil {
			return c, nil, nil, fmt.Errorf("-text %s: %w", v.text, err)
		}
		c.Text = file
	}
	return c, data, text, nil
}

// readNamed reads a file and says which one it was.
func readNamed(path string) (string, *eval.File, error) {
	content, err := os.ReadFile(path)
	sum := sha256.Sum256(content)
	return string(content), &eval.File{Name: filepath.Base(path), SHA256: hex.EncodeToString(sum[:])}, err
}

// run runs a sweep, going on where its journal ends, and returns all results.
func (v *evaluation) run(ctx context.Context, t terminal, s *eval.Sweep) ([]eval.Result, error) {
	items := s.Items()
	total := len(items)
	var results []eval.Result
	var journal *eval.Journal
	if v.json != "" {
		path := v.json + ".partial"
		var err error
		if journal, err = eval.OpenJournal(path, s.Config); err != nil && v.device == string(engine.Auto) {
			return nil, fmt.Errorf("%w; -device auto may take another device each time, -device gpu or cpu does not", err)
		}
		if err != nil {
			return nil, err
		}
		defer journal.Close()
		results = journal.Done()
		done := map[eval.Item]bool{}
		for _, r := range results {
			done[r.Item] = true
		}
		items = slices.DeleteFunc(items, func(it eval.Item) bool { return done[it] })
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
		fmt.Fprintf(t.err, "%d of %d examples are in %s.partial; the same command goes on from there\n", len(results), total, v.json)
	}
	return results, err
}

// newBar returns a progress bar with the time left, drawn anew ten times a
// second on a terminal, and once a minute elsewhere.
func newBar(w io.Writer, n int) *progressbar.ProgressBar {
	throttle := time.Minute
	if f, ok := w.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		throttle = 100 * time.Millisecond
	}
	return progressbar.NewOptions(n,
		progressbar.OptionSetWriter(w), progressbar.OptionSetDescription("examples"), progressbar.OptionShowCount(),
		progressbar.OptionSetPredictTime(true), progressbar.OptionSetWidth(30), progressbar.OptionThrottle(throttle),
		progressbar.OptionSetRenderBlankState(true))
}

// mergeReports joins the reports of all shards.
func (v *evaluation) mergeReports(t terminal) error {
	names := strings.Split(v.merge, ",")
	var shards []*eval.Report
	for _, name := range names {
		f, err := os.Open(name)
		if err != nil {
			return fmt.Errorf("-merge: %w", err)
		}
		shard, err := eval.ReadJSON(f)
		f.Close()
		if err != nil {
			return fmt.Errorf("-merge: %s: %w", name, err)
		}
		shards = append(shards, shard)
	}
	c, results, err := eval.Merge(shards, names)
	if err != nil {
		return err
	}
	return v.write(t, c, results)
}

// write prints the tables and writes -json, -csv and -svg.
func (v *evaluation) write(t terminal, c eval.Config, results []eval.Result) error {
	report, err := eval.NewReport(c, results, v.against)
	if err != nil {
		return err
	}
	if err := report.WriteTable(t.out); err != nil {
		return err
	}
	if v.json != "" {
		if err := writeFile(v.json, report.WriteJSON); err != nil {
			return err
		}
	}
	if v.csv != "" {
		if err := writeFile(v.csv, report.WriteCSV); err != nil {
			return err
		}
	}
	if v.svg == "" {
		return nil
	}
	base := strings.TrimSuffix(v.svg, ".svg")
	for _, chart := range report.Charts() {
		if err := writeFile(base+chart.Suffix+".svg", chart.Write); err != nil {
			return err
		}
	}
	return nil
}
