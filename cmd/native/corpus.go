//go:build !js

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"keyfold/corpus"
	"keyfold/engine/tokenizer"
)

const corpusUsage = `usage: keyfold corpus [flags]

Prints plain English documents with questions and answers, the ones that the
default model is trained on and asked about: those of the seeds N, N+1, ...,
with an empty line between them. A document depends on its task, its seed,
-tokens and the tokenizer, and on nothing else. Seeds from 4294967296 on are
for evaluation and have words that no training document has.

-shards writes them as token ids instead, in files of at most 4000000 tokens:
    NNNN.tokens   the ids, uint16 little-endian: for every document BOS, its
                  text and EOS, which comes on top of -tokens
    NNNN.weights  a byte for every id: 0, or K where the id belongs to the
                  answer of the document's question K (255 from there on)
    NNNN.docs     a JSON object on a line for every document: its task, its
                  seed, its ids' range in NNNN.tokens ("from", "to"), and for
                  every question its kind and how often a guess is right

tasks:
`

// shardTokens is how many tokens one file has at most; the help says it too.
var shardTokens = 4_000_000

// corpusBatch is how many documents are made at a time, on all processors.
const corpusBatch = 256

// corpusArgs are the flags of corpus.
type corpusArgs struct {
	modelFlags
	seed         uint64
	docs, tokens int
	task, shards string
	dense        bool
}

func (c *corpusArgs) register(fs *flagSet) {
	c.modelFlags.register(fs)
	fs.Uint64Var(&c.seed, "seed", 1, "seed `N` of the first document")
	fs.IntVar(&c.docs, "docs", 1, "how many documents, `N`")
	fs.StringVar(&c.task, "task", "", "`NAMES` of tasks with commas between them, taken in turn; without it those of the training mix")
	fs.BoolVar(&c.dense, "dense", false, "facts and questions only, without text around them")
	fs.IntVar(&c.tokens, "tokens", 512, "a document's most tokens, `N`: counted with the tokenizer if -model or -tokenizer is given, else estimated")
	fs.StringVar(&c.shards, "shards", "", "`DIR` to write token ids to, made if need be, without shards of before")
}

// check checks the flags but -task.
func (c *corpusArgs) check() error {
	switch {
	case c.docs < 1:
		return usageError("-docs is %d, want at least 1", c.docs)
	case c.tokens < 1:
		return usageError("-tokens is %d, want at least 1", c.tokens)
	case c.seed < corpus.EvalFrom && c.seed+uint64(c.docs) > corpus.EvalFrom:
		return usageError("-seed %d and -docs %d run from training into evaluation, which begins at %d", c.seed, c.docs, corpus.EvalFrom)
	case c.seed > math.MaxUint64-uint64(c.docs):
		return usageError("-seed %d and -docs %d run over the last seed", c.seed, c.docs)
	}
	return nil
}

// tasks returns the tasks that -task names; none without it.
func (c *corpusArgs) tasks() ([]string, error) {
	if c.task == "" {
		return nil, nil
	}
	tasks := strings.Split(c.task, ",")
	for _, name := range tasks {
		if !slices.ContainsFunc(corpus.Tasks(), func(task corpus.Task) bool { return task.Name == name }) {
			return nil, usageError("-task has %q; with -help, what there is", name)
		}
	}
	return tasks, nil
}

func corpusCommand(ctx context.Context, t terminal, args []string) error {
	usage := corpusUsage
	for _, task := range corpus.Tasks() {
		usage += fmt.Sprintf("    %-16s %s\n", task.Name, task.Help)
	}
	c := &corpusArgs{}
	fs := newFlags("corpus", usage)
	c.register(fs)
	if err := fs.parse(t, args, 0); err != nil {
		return err
	}
	if err := c.check(); err != nil {
		return err
	}
	tasks, err := c.tasks()
	if err != nil {
		return err
	}
	batches := corpusBatches{
		tasks: tasks, seed: c.seed, docs: c.docs, size: corpus.Size{Tokens: c.tokens, Dense: c.dense}, progress: t.err,
	}
	if c.shards != "" || given(fs, "model") || c.tokenizer != "" {
		if batches.tok, err = c.tokenizerAlone(); err != nil {
			return err
		}
	}
	if c.shards != "" {
		return batches.writeShards(ctx, c.shards)
	}
	return batches.print(ctx, t.out)
}

// corpusBatches makes the documents of a range of seeds.
type corpusBatches struct {
	tasks    []string // in turn; none: by the training mix
	seed     uint64
	docs     int
	size     corpus.Size
	tok      *tokenizer.Tokenizer // nil: the size is estimated
	progress io.Writer
}

// make makes one document.
func (c *corpusBatches) make(seed uint64) (corpus.Document, error) {
	size := c.size
	var failed error
	if c.tok != nil {
		size.Count = func(text string) int {
			ids, err := c.tok.Encode(text, false)
			if err != nil {
				failed = err
			}
			return len(ids)
		}
	}
	var d corpus.Document
	var err error
	if n := uint64(len(c.tasks)); n > 0 {
		d, err = corpus.New(c.tasks[seed%n], seed, size)
	} else {
		d, err = corpus.Mixed(seed, size)
	}
	return d, errors.Join(failed, err)
}

// each gives the documents to use, in the order of their seeds. Before that
// prepare, if it is not nil, is given those of a batch, several at a time and
// each with its place in the batch.
func (c *corpusBatches) each(ctx context.Context, prepare func(place int, d corpus.Document) error, use func(corpus.Document) error) error {
	docs := make([]corpus.Document, corpusBatch)
	errs := make([]error, corpusBatch)
	tell := time.Now().Add(time.Second)
	for done := 0; done < c.docs; {
		if err := ctx.Err(); err != nil {
			return err
		}
		n := min(corpusBatch, c.docs-done)
		var wait sync.WaitGroup
		workers := min(runtime.GOMAXPROCS(0), n)
		for worker := range workers {
			wait.Go(func() {
				for i := worker; i < n; i += workers {
					docs[i], errs[i] = c.make(c.seed + uint64(done+i))
					if errs[i] == nil && prepare != nil {
						errs[i] = prepare(i, docs[i])
					}
				}
			})
		}
		wait.Wait()
		for i := range n {
			if errs[i] != nil {
				return errs[i]
			}
			if err := use(docs[i]); err != nil {
				return err
			}
		}
		done += n
		if time.Now().After(tell) && done < c.docs {
			fmt.Fprintf(c.progress, "corpus: %d of %d documents\n", done, c.docs)
			tell = time.Now().Add(10 * time.Second)
		}
	}
	return nil
}

// print prints the documents with an empty line between them.
func (c *corpusBatches) print(ctx context.Context, w io.Writer) error {
	between := ""
	return c.each(ctx, nil, func(d corpus.Document) error {
		_, err := io.WriteString(w, between+d.Text())
		between = "\n"
		return err
	})
}
