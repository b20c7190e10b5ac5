//go:build !js

package main

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"

	"keyfold/corpus"
	"keyfold/engine/tokenizer"
	"keyfold/models"
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

func corpusCommand(ctx context.Context, t terminal, args []string) error {
	var usage strings.Builder
	usage.WriteString(corpusUsage)
	known := map[string]bool{}
	for _, task := range corpus.Tasks() {
		known[task.Name] = true
		fmt.Fprintf(&usage, "    %-16s %s\n", task.Name, task.Help)
	}
	fs := newFlags("corpus", usage.String())
	var m modelFlags
	m.register(fs)
	seed := fs.Uint64("seed", 1, "seed `N` of the first document")
	docs := fs.Int("docs", 1, "how many documents, `N`")
	task := fs.String("task", "", "`NAMES` of tasks with commas between them, taken in turn; without it those of the training mix")
	dense := fs.Bool("dense", false, "facts and questions only, without text around them")
	tokens := fs.Int("tokens", 512, "a document's most tokens, `N`: counted with the tokenizer if -model or -tokenizer is given, else estimated")
	folder := fs.String("shards", "", "`DIR` to write token ids to, made if need be, without shards of before")
	if err := fs.parse(t, args, 0); err != nil {
		return err
	}
	switch {
	case *docs < 1:
		return usageError("-docs is %d, want at least 1", *docs)
	case *tokens < 1:
		return usageError("-tokens is %d, want at least 1", *tokens)
	case *seed < corpus.EvalFrom && *seed+uint64(*docs) > corpus.EvalFrom:
		return usageError("-seed %d and -docs %d run from training into evaluation, which begins at %d", *seed, *docs, corpus.EvalFrom)
	case *seed > math.MaxUint64-uint64(*docs):
		return usageError("-seed %d and -docs %d run over the last seed", *seed, *docs)
	}
	var tasks []string
	if *task != "" {
		tasks = strings.Split(*task, ",")
	}
	for _, name := range tasks {
		if !known[name] {
			return usageError("-task has %q; with -help, what there is", name)
		}
	}
	var tok *tokenizer.Tokenizer
	if *folder != "" || given(fs, "model") || m.tokenizer != "" {
		var err error
		if tok, err = m.tokenizerAlone(); err != nil {
			return err
		}
	}
	batches := corpusBatches{
		tasks: tasks, seed: *seed, docs: *docs, size: corpus.Size{Tokens: *tokens, Dense: *dense}, tok: tok, progress: t.err,
	}
	if *folder != "" {
		return batches.writeShards(ctx, *folder)
	}
	first := true
	return batches.each(ctx, nil, func(d corpus.Document) error {
		if !first {
			fmt.Fprintln(t.out)
		}
		first = false
		_, err := io.WriteString(t.out, d.Text())
		return err
	})
}

// tokenizerAlone returns the tokenizer of a model that is not needed itself. One
// given by -tokenizer need not fit the built-in model.
func (m *modelFlags) tokenizerAlone() (*tokenizer.Tokenizer, error) {
	if m.model == models.Name && m.tokenizer != "" {
		return m.findTokenizer(nil, 0)
	}
	meta, vocab, err := m.metadata()
	if err != nil {
		return nil, err
	}
	return m.findTokenizer(meta, vocab)
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

// A shard is the content of the three files of a number.
type shard struct {
	ids     []byte // two for a token
	weights []byte
	docs    []byte
}

// docLine describes a document in a shard.
type docLine struct {
	Task string    `json:"task"`
	Seed uint64    `json:"seed"`
	From int       `json:"from"`
	To   int       `json:"to"`
	Asks []askLine `json:"asks"`
}

type askLine struct {
	Kind  string  `json:"kind"`
	Guess float64 `json:"guess"`
}

// writeShards writes the documents as token ids: all files or none.
func (c *corpusBatches) writeShards(ctx context.Context, folder string) (err error) {
	if c.tok.BOS() < 0 || c.tok.EOS() < 0 {
		return fmt.Errorf("-shards: this tokenizer has no id that begins, or none that ends a text")
	}
	if c.tok.VocabSize() > 1<<16 {
		return fmt.Errorf("-shards: this tokenizer has %d tokens, two bytes hold %d", c.tok.VocabSize(), 1<<16)
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	if old, _ := filepath.Glob(filepath.Join(folder, "*.tokens")); len(old) > 0 {
		return fmt.Errorf("-shards: %s is there already", old[0])
	}
	var written []string
	defer func() {
		if err != nil {
			for _, path := range written {
				os.Remove(path)
			}
		}
	}()
	var s shard
	numbers := 0
	flush := func() error {
		for _, file := range []struct {
			ending string
			data   []byte
		}{{"docs", s.docs}, {"weights", s.weights}, {"tokens", s.ids}} {
			path := filepath.Join(folder, fmt.Sprintf("%04d.%s", numbers, file.ending))
			err := writeFile(path, func(w io.Writer) error {
				_, err := w.Write(file.data)
				return err
			})
			if err != nil {
				return err
			}
			written = append(written, path)
		}
		numbers++
		s = shard{ids: s.ids[:0], weights: s.weights[:0], docs: s.docs[:0]}
		return nil
	}
	type encoded struct {
		ids     []int
		weights []byte
	}
	var batch [corpusBatch]encoded
	at := 0
	encode := func(place int, d corpus.Document) (err error) {
		batch[place].ids, batch[place].weights, err = encodeDocument(c.tok, d)
		return err
	}
	err = c.each(ctx, encode, func(d corpus.Document) error {
		e := &batch[at%corpusBatch]
		at++
		if len(s.weights) > 0 && len(s.weights)+len(e.ids) > shardTokens {
			if err := flush(); err != nil {
				return err
			}
		}
		line := docLine{d.Task, d.Seed, len(s.weights), len(s.weights) + len(e.ids), []askLine{}}
		for _, a := range d.Asks {
			line.Asks = append(line.Asks, askLine{a.Kind, a.Guess})
		}
		described, err := json.Marshal(line)
		if err != nil {
			return err
		}
		s.docs = append(append(s.docs, described...), '\n')
		s.weights = append(s.weights, e.weights...)
		for _, id := range e.ids {
			s.ids = binary.LittleEndian.AppendUint16(s.ids, uint16(id))
		}
		return nil
	})
	if err != nil {
		return err
	}
	return flush()
}

// encodeDocument returns the ids of a document between BOS and EOS, and for
// every id the number of the question that it answers, from 1 on, or 0.
func encodeDocument(tok *tokenizer.Tokenizer, d corpus.Document) (ids []int, weights []byte, err error) {
	text := d.Text()
	if ids, err = tok.Encode(text, true); err != nil {
		return nil, nil, err
	}
	// Where every token begins in the text, and where the text ends.
	begins := make([]int, 0, len(ids)+1)
	stream := tok.Stream()
	end := 0
	for _, id := range ids {
		begins = append(begins, end)
		end += len(stream.Next(id))
	}
	begins = append(begins, end)
	if end != len(text) {
		return nil, nil, fmt.Errorf("the ids of a document of seed %d are not its text", d.Seed)
	}
	weights = make([]byte, len(ids), len(ids)+1)
	from, token := len(d.Context), 0
	for i, a := range d.Asks {
		from += len(a.Question)
		to := from + len(a.Answer)
		for begins[token] < from {
			token++
		}
		first := token
		for begins[token] < to {
			weights[token] = byte(min(i+1, 255))
			token++
		}
		if begins[first] != from || begins[token] != to {
			return nil, nil, fmt.Errorf("this tokenizer joins the answer %q with what is around it", a.Answer)
		}
		from = to + 1 // the newline
	}
	return append(ids, tok.EOS()), append(weights, 0), nil
}
