//go:build !js

package main

import (
	"slices"
	"strconv"
	"strings"

	"keyfold/compress"
	"keyfold/corpus"
	"keyfold/eval"
	"keyfold/internal/output"
	"keyfold/layout"
)

// evaluation are the flags of eval.
type evaluation struct {
	deviceFlags
	kv, protocol                     string
	tasks, lengths, methods, budgets string
	data, layout, text, metric       string
	haystack                         string
	shard, merge, against            string
	json, csv, svg                   string
	n, seeds, scoreTokens            int
	first                            uint
	removed, trained, chat           bool
	part                             eval.Shard // the examples to run
	reports                          []string   // of -merge
	lengthList                       []int
	budgetList                       []float64
	taskList                         []string
	variants                         []eval.Variant
}

func (v *evaluation) register(fs *flagSet) {
	v.deviceFlags.register(fs)
	fs.StringVar(&v.kv, "kv", "f16", "`TYPE` of the cache's elements: "+layout.CacheTypeNames)
	fs.StringVar(&v.tasks, "tasks", "", "`TASKS` by commas: "+strings.Join(taskNames(), ", ")+"; by default all with questions that are not RULER's")
	fs.StringVar(&v.lengths, "length", "512", "`TOKENS` of a document with its questions, or of perplexity's context; several by commas")
	fs.StringVar(&v.methods, "methods", "window,kvmerger,gvote", "compression `METHODS` with their options: "+strings.Join(compress.Names(), ", "))
	fs.StringVar(&v.budgets, "budgets", "0.5,0.35", "kept / total `R` for the methods that take one; those that do without also run without")
	fs.IntVar(&v.n, "n", 20, "`EXAMPLES` of each task and length, or of -data")
	fs.UintVar(&v.first, "first", 0, "number `N` of the first example")
	fs.IntVar(&v.seeds, "seeds", 1, "how `MANY` seeds the methods that draw run with, 1 and up")
	fs.StringVar(&v.protocol, "protocol", string(eval.Outside), "`WHERE` the question is: outside, asked of the compressed context; inside, compressed with it")
	fs.BoolVar(&v.chat, "chat", false, "ask a chat model in its own template: the context is compressed, and what ends the user's turn and begins the answer follows")
	fs.StringVar(&v.metric, "metric", "", "`METRIC` of the corpus's answers: exact, or recall, which also finds them inside of sentences (default exact, with -chat recall)")
	fs.StringVar(&v.data, "data", "", "`FILE` of examples, one JSON object a line, instead of -tasks")
	fs.StringVar(&v.layout, "layout", "", "`LAYOUT` of -data: "+strings.Join(eval.Layouts(), ", "))
	fs.StringVar(&v.text, "text", "", "`FILE` of plain text for the task perplexity; by default the corpus's stories")
	fs.StringVar(&v.haystack, "haystack", "", "`FILE` of plain text that RULER's needles are hidden in; by default Newton's Opticks, which an installation of Go has")
	fs.IntVar(&v.scoreTokens, "score-tokens", 95, "`TOKENS` of text scored behind perplexity's context")
	fs.BoolVar(&v.removed, "removed", false, "also ask the full cache of each context without the asked evidence: more than a guess is a leak")
	fs.BoolVar(&v.trained, "trained", false, "documents without the words and frames that training has not seen")
	fs.StringVar(&v.against, "against", eval.Full, "`METHOD` that differences are against, as in -methods")
	fs.StringVar(&v.shard, "shard", "", "`I/N`: only the examples whose number leaves I when divided by N; by default as a Slurm array or a Kubernetes Job says, else 0/1")
	fs.StringVar(&v.merge, "merge", "", "`FILES` by commas, or a folder of them: join the -json of all shards instead of running")
	fs.StringVar(&v.json, "json", "", "`FILE` for configuration, cells and examples")
	fs.StringVar(&v.csv, "csv", "", "`FILE` for the cells")
	fs.StringVar(&v.svg, "svg", "", "`FILE` for the drawing")
}

// ownTasks returns the corpus's own tasks with questions.
func ownTasks() []string {
	var names []string
	for _, task := range corpus.Tasks() {
		if !task.Text {
			names = append(names, task.Name)
		}
	}
	return names
}

// taskNames returns the tasks that eval knows.
func taskNames() []string {
	names := append(ownTasks(), eval.Perplexity)
	for _, task := range corpus.RULERTasks() {
		names = append(names, task.Name)
	}
	return names
}

// haystackTasks returns the tasks of -tasks that hide needles in a text.
func (v *evaluation) haystackTasks() []string {
	var names []string
	for _, task := range corpus.RULERTasks() {
		if task.Haystack && slices.Contains(v.taskList, task.Name) {
			names = append(names, task.Name)
		}
	}
	return names
}

// checkRun checks the flags of a run and returns the cache's element type.
func (v *evaluation) checkRun(fs *flagSet) (layout.CacheType, error) {
	kv, err := cacheType(v.kv)
	if err != nil {
		return 0, err
	}
	if err := v.deviceFlags.check(); err != nil {
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
	case v.data != "" && (v.trained || v.removed || v.text != "" || v.haystack != ""):
		return 0, usageError("-trained, -removed, -text and -haystack are about the corpus, want them without -data")
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
	if err := v.checkTasks(); err != nil {
		return 0, err
	}
	return kv, v.checkAsking(given(fs, "score-tokens"))
}

// checkAsking checks what depends on whether there are questions, and whose.
func (v *evaluation) checkAsking(scoreTokens bool) error {
	text := slices.Contains(v.taskList, eval.Perplexity)
	switch {
	case v.metric != "" && v.metric != "exact" && v.metric != "recall":
		return usageError("-metric is %q, want exact or recall", v.metric)
	case v.metric != "" && v.data != "":
		return usageError("-metric is about the corpus, and -data has metrics of its own")
	case v.protocol == string(eval.Inside) && text:
		return usageError("-protocol inside is about questions, and %s has none", eval.Perplexity)
	case v.chat && text:
		return usageError("-chat is about questions, and %s has none", eval.Perplexity)
	case scoreTokens && !text:
		return usageError("-score-tokens is for the task %s, which -tasks lacks", eval.Perplexity)
	}
	return nil
}

// scoreBy returns the metric that takes the place of exact, "" for none.
func (v *evaluation) scoreBy() string {
	if v.metric == "recall" || v.metric == "" && v.chat && v.data == "" {
		return "recall"
	}
	return ""
}

// checkOutputs fails if a file could not be written in the end.
func (v *evaluation) checkOutputs() error {
	inputs := v.inputs(named("-data", v.data), named("-text", v.text), named("-haystack", v.haystack))
	for _, path := range v.reports {
		inputs = append(inputs, named("-merge", path))
	}
	return output.Check([]output.Named{
		named("-json", v.json), named("-csv", v.csv), named("-svg", v.svg), named("the journal of -json,", v.journal()),
	}, inputs)
}

// journalEnding is what the name of a journal has behind that of its report.
const journalEnding = ".partial"

// journal is the path of the sweep's journal: beside -json, if that is a file.
func (v *evaluation) journal() string {
	if v.json == "" || v.merge != "" || !output.IsFile(v.json) {
		return ""
	}
	return v.json + journalEnding
}

// checkTasks reads -tasks, -length and what depends on them.
func (v *evaluation) checkTasks() error {
	if v.data != "" {
		return nil
	}
	known := taskNames()
	v.taskList = ownTasks()
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
	if v.haystack != "" && len(v.haystackTasks()) == 0 {
		return usageError("-haystack is for RULER's tasks with needles in a text, which -tasks lacks")
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
