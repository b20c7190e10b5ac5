//go:build !js

// Command positions measures how well the built-in model predicts a text of ten
// times its context from a cache of bounded size, with positions that count in
// the cache and in the text. It writes docs/positions.csv and docs/positions.svg:
//
//	go run ./experiments/positions
//
// NLL is -ln p of each token of the text, in nats, and the text is given: the
// corpus's stories from the first evaluation seed on, which the model was not
// trained on. They differ more in how hard they are than the runs do, so the plot
// shows what each run has more than a reference: the same tokens, predicted from
// the 512 before them alone, read into a full cache for every point. One run
// writes its own text instead, drawn at temperature 1; it is in the table alone.
package main

import (
	"bytes"
	"context"
	"encoding/csv"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"keyfold/compress"
	"keyfold/corpus"
	"keyfold/engine"
	"keyfold/engine/tokenizer"
	"keyfold/eval"
	"keyfold/layout"
	"keyfold/models"
)

const (
	prompt = 256 // tokens that are read at once
	window = 250 // tokens whose mean NLL makes a point
)

// run is a way to read the text. With a budget of R, heads have R every / (1 - R)
// slots on average after a compression, and that and `every` before it.
type run struct {
	name    string // method, where positions count, and what is special
	method  string
	budget  float64
	every   int
	inCache bool
	further bool // go on where the context ends
	own     bool // the text is the model's own
}

var runs = []run{
	{name: "window, cache", method: "window", budget: 0.875, every: 64, inCache: true},
	{name: "kvmerger, cache", method: "kvmerger", budget: 0.6, every: 128, inCache: true},
	{name: "window, text", method: "window", budget: 0.875, every: 64},
	{name: "window, text, past it", method: "window", budget: 0.875, every: 64, further: true},
	{name: "kvmerger, text, past it", method: "kvmerger", budget: 0.6, every: 128, further: true},
	{name: "window, cache, own text", method: "window", budget: 0.875, every: 64, inCache: true, own: true},
}

// point is the mean over the tokens up to one of them.
type point struct {
	token int
	nll   float64
	bytes int // of occupied slots at the end of the window
}

func main() {
	if err := measure("docs", 10000, runs); err != nil {
		fmt.Fprintln(os.Stderr, "positions:", err)
		os.Exit(1)
	}
}

// measure makes runs over a text of n tokens and writes both files to a folder.
func measure(dir string, n int, runs []run) error {
	text, err := stories(n)
	if err != nil {
		return err
	}
	reference, err := readAnew(text)
	if err != nil {
		return err
	}
	var series []eval.Series
	table := [][]string{{"run", "token", "nll", "cache_bytes"}}
	add := func(name string, points []point) {
		for _, p := range points {
			table = append(table, []string{name, strconv.Itoa(p.token), fmt.Sprintf("%.4f", p.nll), strconv.Itoa(p.bytes)})
		}
	}
	for _, r := range runs {
		points, peak, err := r.measure(text)
		if len(points) == 0 {
			return err
		}
		fmt.Printf("%s: %d points, %d bytes of cache at the peak\n", r.name, len(points), peak)
		if err != nil { // positions in the text end with the context
			fmt.Println("   ", err)
		}
		add(r.name, points)
		if r.own {
			continue
		}
		s := eval.Series{Name: r.name, Line: true}
		for i, p := range points {
			s.Points = append(s.Points, eval.Point{X: float64(p.token), Y: p.nll - reference[i].nll})
		}
		series = append(series, s)
	}
	add("reference", reference)
	var plot, rows bytes.Buffer
	err = eval.WriteLines(&plot, "A text of ten contexts from a cache of half a one", "tokens of the text",
		fmt.Sprintf("NLL less the reference's, nats per token, means of %d", window), series)
	if err != nil {
		return err
	}
	if err := csv.NewWriter(&rows).WriteAll(table); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "positions.csv"), rows.Bytes(), 0o644); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "positions.svg"), plot.Bytes(), 0o644)
}

// stories returns a text of n tokens, BOS in front.
func stories(n int) ([]int, error) {
	f, err := models.Open()
	if err != nil {
		return nil, err
	}
	defer f.Close()
	tok, err := tokenizer.FromGGUF(f.Meta)
	if err != nil {
		return nil, err
	}
	ids := []int{tok.BOS()}
	for seed := corpus.EvalFrom; len(ids) < n; seed++ {
		doc, err := corpus.New("story", seed, corpus.Size{Tokens: 512})
		if err != nil {
			return nil, err
		}
		more, err := tok.Encode(doc.Context+"\n", false)
		if err != nil {
			return nil, err
		}
		ids = append(ids, more...)
	}
	return ids[:n], nil
}

// open returns the model, with a context of so many tokens if its own is shorter. Without a
// tokenizer no token ends a text.
func open(length int) (*engine.Engine, error) {
	f, err := models.Open()
	if err != nil {
		return nil, err
	}
	defer f.Close()
	f.Config.SeqLen = max(f.Config.SeqLen, length)
	return engine.Open(context.Background(), f, nil, engine.CPU)
}

// measure returns the points as far as the run goes, the most bytes that its
// cache had allocated, and why it ended early.
func (r run) measure(text []int) (points []point, peak int, err error) {
	longer := 0
	if r.further {
		longer = len(text)
	}
	e, err := open(longer)
	if err != nil {
		return nil, 0, err
	}
	defer e.Close()
	m, err := compress.New(compress.Settings{Name: r.method, Budget: r.budget})
	if err != nil {
		return nil, 0, err
	}
	p, err := e.Prefill(context.Background(), text[:prompt], engine.Settings{KV: layout.CacheF16, Method: m, Every: r.every, InCache: r.inCache})
	if err != nil {
		return nil, 0, err
	}
	defer p.Free()
	if _, _, err := p.Compress(); err != nil {
		return nil, 0, err
	}
	sum, scored := 0.0, 0
	add := func(logprob float64) {
		sum -= logprob
		if scored++; scored%window == 0 {
			points = append(points, point{prompt + scored, sum / window, p.Cache.Occupied()})
			sum = 0
		}
	}
	if r.own {
		s := engine.Sampler{Temperature: 1, TopP: 1, RepeatPenalty: 1, Seed: 1}
		err = p.Generate(context.Background(), engine.Generation{N: len(text) - prompt, Sampler: s, Emit: func(t engine.Token) error {
			add(t.Logprob)
			return nil
		}})
		return points, p.Cache.Peak(), err
	}
	logits, at := p.Logits, prompt
	err = p.Decode(context.Background(), text[prompt:], func(after []float32) error {
		add(engine.LogProb(logits, text[at]))
		logits, at = after, at+1
		return nil
	})
	return points, p.Cache.Peak(), err
}

// readAnew predicts the tokens of every point from BOS and what stands before
// them alone.
func readAnew(text []int) (points []point, err error) {
	const before = 512
	e, err := open(0)
	if err != nil {
		return nil, err
	}
	defer e.Close()
	for from := prompt; from+window <= len(text); from += window {
		read := append([]int{text[0]}, text[max(1, from-before):from]...)
		p, err := e.Prefill(context.Background(), read, engine.Settings{KV: layout.CacheF16})
		if err != nil {
			return nil, err
		}
		rows, err := p.Score(context.Background(), text[from:from+window])
		if err != nil {
			return nil, err
		}
		nll := 0.0
		for i, row := range rows {
			nll -= engine.LogProb(row, text[from+i]) / window
		}
		points = append(points, point{from + window, nll, p.Cache.Occupied()})
		p.Free()
	}
	return points, nil
}
