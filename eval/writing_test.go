//go:build !js

package eval

import (
	"context"
	"errors"
	"io/fs"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"keyfold/compress"
	"keyfold/engine"
	"keyfold/engine/checkpoint"
	"keyfold/engine/tokenizer"
	"keyfold/layout"
)

// An answer that ends when it is complete scores as one that is written to its line end or limit, by
// all that is reported, and a wrong one is written so far.
func TestCompleteAnswerScoresAsAll(t *testing.T) {
	template := chatTemplate(t, openModel(t))
	r := rand.New(rand.NewPCG(2, 0))
	for metric, asks := range metricAsks {
		for _, chat := range []bool{false, true} {
			saved := 0
			s := &Sweep{}
			if chat {
				s.UseChat(template)
			}
			for range 10000 {
				ask := asks[r.IntN(len(asks))]
				ask.Metric, ask.FirstLine = metric, !chat && metric == "exact" || r.IntN(2) == 0
				whole, wrote := "", ""
				for range 10 { // pieces; tokens end between characters
					piece := made(r, ask)
					if wrote == whole && !s.complete(wrote, ask) {
						wrote += piece
					}
					whole += piece
					if ask.FirstLine && strings.Contains(strings.TrimLeft(whole, "\n"), "\n") {
						break
					}
				}
				of := func(text string) []float64 {
					score, err := Score(metric, text, ask)
					if err != nil {
						t.Fatal(err)
					}
					if !chat {
						return []float64{score}
					}
					exactly, found := bothWays(text, ask)
					return []float64{score, *exactly, *found}
				}
				if got, want := of(wrote), of(whole); !slices.Equal(got, want) || wrote != whole && slices.Max(got) < 1 {
					t.Fatalf("%s, chat %v, %+v: %q scores %v, all of %q %v", metric, chat, ask, wrote, got, whole, want)
				}
				saved += len(whole) - len(wrote)
			}
			if can := metric != "exact" || chat; (saved > 1000) != can {
				t.Errorf("%s, chat %v: %d bytes are not written, and some can be left out: %v", metric, chat, saved, can)
			}
		}
	}
}

// Of many variants and questions each text is what it is alone, and the answers are where they belong. The first 32 texts
// are together, the others join as these end.
func TestAnswersAreWrittenTogether(t *testing.T) {
	e, examples := openModel(t), tinyExamples(1)
	for i := range examples[0].Asks {
		examples[0].Asks[i].FirstLine, examples[0].Asks[i].Tokens = false, 10+20*i
	}
	c := tinyConfig(t, "window,h2o,snapkv,kvmerger,cam,gvote:n_s=1,gvote", []float64{0.7, 0.5, 0.3}, 1)
	s := newSweep(t, e, c, examples)
	if len(s.readings) < 2 {
		t.Fatal("one reading: this test needs two")
	}
	result, texts, different := sweep(t, s)[0], 0, 0
	u, err := (&worker{Sweep: s, e: e}).tokenise(examples[0])
	if err != nil {
		t.Fatal(err)
	}
	for i, run := range result.Runs {
		at := slices.IndexFunc(c.Variants, func(v Variant) bool { return v.Spec() == run.Method && v.Budget == run.Budget })
		m, err := c.Variants[at].new(run.Seed)
		if err != nil {
			t.Fatal(err)
		}
		for j, got := range run.Answers {
			texts++
			ask := examples[0].Asks[got.Ask]
			want := alone(t, e, m, u.context, slices.Concat(u.asks[j].question, u.asks[j].rest), ask.Tokens)
			if got.Ask != j || got.Wrote != want {
				t.Errorf("run %d, %s at %g, question %d wrote %q, alone %q", i, run.Method, run.Budget, got.Ask, got.Wrote, want)
			}
			if want != result.Runs[0].Answers[j].Wrote {
				different++
			}
		}
		if run.MS <= 0 {
			t.Errorf("run %d took %g ms", i, run.MS)
		}
	}
	if texts <= textsTogether || different < texts/2 {
		t.Errorf("%d texts, of which %d are not the full cache's: this test needs more than %d, and half", texts, different, textsTogether)
	}
}

// alone returns what the model writes behind a question to a compressed context.
func alone(t *testing.T, e *engine.Engine, m compress.Method, context, question []int, n int) string {
	t.Helper()
	ctx := t.Context()
	p, err := e.Prefill(ctx, context, engine.Settings{Method: m, KV: layout.CacheF16, Needs: m.Needs()})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Free()
	if _, _, err := p.Compress(); err != nil {
		t.Fatal(err)
	}
	if err := p.Read(ctx, question); err != nil {
		t.Fatal(err)
	}
	wrote := ""
	err = p.Generate(ctx, engine.Generation{N: n, Sampler: engine.Sampler{RepeatPenalty: 1, TopP: 1}, Emit: func(token engine.Token) error {
		wrote += token.Text
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	return wrote
}

// A batch has at most so many texts and bytes when the next run joins, gives each text its share of the time, and ends with
// an error of one.
func TestBatchIsBounded(t *testing.T) {
	e := openModel(t)
	p, err := e.Prefill(t.Context(), []int{1, 300, 301}, engine.Settings{KV: layout.CacheF16})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Free()
	for _, tc := range []struct {
		name         string
		texts, bytes int // of the last text's cache, as if it were so large; 0: as it is
		left         int // texts in the batch when there is room
	}{
		{"few", textsTogether - 1, 0, textsTogether - 1},
		{"many", textsTogether + 3, 0, textsTogether - 1},
		{"large", 3, bytesTogether, 0},
		{"nearly large", 3, bytesTogether - 3*p.Cache.Occupied(), 3},
	} {
		var w writing
		start := time.Now()
		for i := range tc.texts {
			text, err := p.Fork()
			if err != nil {
				t.Fatal(err)
			}
			a := &answer{run: i}
			if err := w.join(text, a, 5+i, func(string) bool { return false }); err != nil {
				t.Fatal(err)
			}
			if i == tc.texts-1 && tc.bytes > 0 {
				w.bytes += tc.bytes - a.bytes
				a.bytes = tc.bytes
			}
		}
		if err := w.makeRoom(t.Context()); err != nil {
			t.Fatal(err)
		}
		if w.batch.Len() != tc.left || len(w.texts) != tc.left || len(w.ended) != tc.texts-tc.left {
			t.Errorf("%s: %d texts are in the batch and %d have ended, want %d and %d", tc.name, w.batch.Len(), len(w.ended), tc.left, tc.texts-tc.left)
		}
		if err := w.finish(t.Context()); err != nil {
			t.Fatal(err)
		}
		var took time.Duration
		for _, a := range w.ended {
			if a.took <= 0 {
				t.Errorf("%s: text %d took no time", tc.name, a.run)
			}
			took += a.took
		}
		if all := time.Since(start); took > all || w.bytes != 0 || len(w.ended) != tc.texts {
			t.Errorf("%s: %d texts took %v of %v, and %d bytes are left", tc.name, len(w.ended), took, all, w.bytes)
		}
	}

	var w writing
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	for range 2 {
		text, err := p.Fork()
		if err != nil {
			t.Fatal(err)
		}
		if err := w.join(text, &answer{}, 50, func(string) bool { cancel(); return false }); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.finish(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("a batch that is cancelled ends with %v", err)
	}
}

// realModel returns SmolLM2-135M-Instruct on the CPU.
func realModel(b *testing.B) *engine.Engine {
	b.Helper()
	f, err := checkpoint.Open("../build/real/SmolLM2-135M-Instruct.Q4_1.gguf")
	if errors.Is(err, fs.ErrNotExist) {
		b.Skip("needs build/real, which make test-real gets")
	}
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	tok, err := tokenizer.FromGGUF(f.Meta)
	if err != nil {
		b.Fatal(err)
	}
	e, err := engine.Open(context.Background(), f, tok, engine.CPU)
	if err != nil {
		b.Fatal(err)
	}
	return e
}

// BenchmarkWriting writes 30 tokens behind 20 compressed caches of one example: all texts together, as a
// sweep does, and in turns with that one after another.
//
//	go test -run '^$' -bench Writing ./eval
func BenchmarkWriting(b *testing.B) {
	const texts, n = 20, 30
	asked := compressedTexts(b, realModel(b), texts)
	var alone, together time.Duration
	tokens := 0
	for b.Loop() {
		start := time.Now()
		var one []string
		for _, t := range asked {
			wrote, _ := writeTogether(b, []*engine.Text{t}, n)
			one = append(one, wrote...)
		}
		alone += time.Since(start)
		start = time.Now()
		all, count := writeTogether(b, asked, n)
		together += time.Since(start)
		tokens += count
		if !slices.Equal(all, one) {
			b.Fatalf("together %q, alone %q", all, one)
		}
	}
	b.ReportMetric(1e3*alone.Seconds()/float64(tokens), "ms/token-alone")
	b.ReportMetric(1e3*together.Seconds()/float64(tokens), "ms/token-together")
	b.ReportMetric(float64(alone)/float64(together), "times")
}

// writeTogether has copies of texts continued by n tokens at most each, and returns what was written, and how many
// tokens in all.
func writeTogether(b *testing.B, texts []*engine.Text, n int) (wrote []string, tokens int) {
	b.Helper()
	var w writing
	for i, t := range texts {
		t, err := t.Fork()
		if err == nil {
			err = w.join(t, &answer{run: i}, n, func(string) bool { tokens++; return false })
		}
		if err != nil {
			b.Fatal(err)
		}
	}
	if err := w.finish(b.Context()); err != nil {
		b.Fatal(err)
	}
	wrote = make([]string, len(texts))
	for _, a := range w.ended {
		wrote[a.run] = a.wrote.String()
	}
	return wrote, tokens
}

// compressedTexts returns an example of the corpus, compressed in n ways, with a question behind it.
func compressedTexts(b *testing.B, e *engine.Engine, n int) (texts []*engine.Text) {
	b.Helper()
	check := func(err error) {
		if b.Helper(); err != nil {
			b.Fatal(err)
		}
	}
	variants, err := Variants("window,h2o,snapkv,kvmerger,cam", []float64{0.7, 0.5, 0.35, 0.2}, 1)
	check(err)
	c := Config{Tasks: []string{"fact"}, Lengths: []int{256}, N: 1, Shard: Shard{0, 1}, Variants: variants}
	s, err := NewSweep(c, layout.CacheF16, e, nil, nil)
	check(err)
	w := &worker{Sweep: s, e: e}
	ex, err := w.example(s.Items()[0])
	check(err)
	u, err := w.tokenise(ex)
	check(err)
	use := func(t *engine.Text, run *Run) error {
		if run.Method == Full || len(texts) == n {
			return nil
		}
		t, err := t.Fork()
		check(err)
		_, err = putQuestion(b.Context(), t, u.asks[0])
		texts = append(texts, t)
		return err
	}
	check(w.compressions(b.Context(), u, use, &Result{}))
	if len(texts) < n {
		b.Fatalf("%d texts, want %d", len(texts), n)
	}
	return texts
}
