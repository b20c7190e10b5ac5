package eval

import (
	"context"
	"math"
	"slices"
	"strings"
	"time"

	"keyfold/compress"
	"keyfold/corpus"
	"keyfold/engine"
)

// spareTokens are how many tokens an answer may have beyond the longest reference.
const spareTokens = 16

// asksPerContext is how many questions a document of the corpus has at most:
// they share what happened to one context, and more of them would say little more.
const asksPerContext = 4

// needle is the task whose documents have their fact at each of needleDepths
// depths in turn, 1/10 to the very end, for a map of depth and length. A row of
// the map holds two of them, because sentences do not end where one would like.
const (
	needle       = "needle"
	needleDepths = 10
	mapRows      = needleDepths / 2
)

// A worker examines one example, on an engine that no other uses meanwhile.
type worker struct {
	*Sweep
	e       *engine.Engine
	writing writing
}

// examine runs the example through all variants. If that goes wrong, the result says
// why; the error is ctx's, or of a device that another may replace.
func (w *worker) examine(ctx context.Context, it Item) (Result, error) {
	start := time.Now()
	defer w.writing.free()
	r := Result{Item: it}
	var err error
	if it.Task == Perplexity {
		err = w.score(ctx, &r)
	} else {
		err = w.ask(ctx, &r)
	}
	switch {
	case ctx.Err() != nil:
		return r, ctx.Err()
	case w.e.Replaceable(err):
		return r, err
	case err != nil:
		r = Result{Item: it, ID: r.ID, Skipped: err.Error(), Failed: !isUnfit(err)}
	}
	if kind := w.e.Device.Kind; w.Config.Device.Kind != "" && kind != w.Config.Device.Kind {
		r.Device = kind
	}
	r.MS = milliseconds(start)
	return r, nil
}

func milliseconds(since time.Time) float64 {
	return math.Round(1e3*float64(time.Since(since).Nanoseconds())/1e6) / 1e3
}

// example returns the example that an item names.
func (w *worker) example(it Item) (Example, error) {
	if w.Config.Data != nil {
		return w.Data[it.Number], nil
	}
	size := corpus.Size{Tokens: it.Length, Count: w.count, Asks: asksPerContext, Trained: w.Trained, Haystack: w.Haystack}
	if it.Task == needle {
		size.Depth = float64(it.Number%needleDepths+1) / needleDepths
	}
	doc, err := corpus.New(it.Task, corpus.EvalFrom+uint64(it.Number), size)
	if err != nil {
		return Example{}, unfit{err}
	}
	return w.asked(FromCorpus(doc)), nil
}

func (w *worker) encode(text string) ([]int, error) {
	return w.e.Tokenizer.Encode(text, w.e.Tokenizer.AddsBOS())
}

// count returns the tokens of a text by itself.
func (w *worker) count(text string) int {
	ids, err := w.e.Tokenizer.Encode(text, false)
	if err != nil {
		return math.MaxInt32 // fits nowhere; encoding the document says why
	}
	return len(ids)
}

// A unit is a context that is compressed once, and what is asked of it then.
type unit struct {
	context []int
	asks    []asked
}

// An asked question is cut where tokens of the text end: what stands before the
// reference answer, what else is before the model's own answer (nothing, unless
// the reference's first letters share a token with the question's last), and the
// reference.
type asked struct {
	ask                    int // index in Result.Asks
	question, rest, answer []int
}

// tokenise cuts an example into tokens such that every question, with its
// context, has the tokens that the whole text has. A token across the end of
// the context goes to the question.
func (w *worker) tokenise(ex Example) (unit, error) {
	context, err := w.contextTokens(ex)
	if err != nil {
		return unit{}, unfit{err}
	}
	prompt, with, kept := make([][]int, len(ex.Asks)), make([][]int, len(ex.Asks)), len(context)
	for i, a := range ex.Asks {
		if prompt[i], err = w.promptTokens(ex.Context, a, ""); err != nil {
			return unit{}, unfit{err}
		}
		if with[i], err = w.promptTokens(ex.Context, a, a.Answers[0]); err != nil {
			return unit{}, unfit{err}
		}
		if n, limit := len(with[i]), w.e.Config.SeqLen; n > limit {
			return unit{}, unfitf("context, question and answer have %d tokens, the model's context %d", n, limit)
		}
		kept = min(kept, shared(context, prompt[i]), shared(context, with[i]))
	}
	if kept == 0 {
		return unit{}, unfitf("no token is the context's alone")
	}
	u := unit{context: context[:kept]}
	for i := range ex.Asks {
		n := shared(prompt[i], with[i])
		u.asks = append(u.asks, asked{i, prompt[i][kept:n], prompt[i][n:], with[i][n:]})
	}
	return u, nil
}

// shared returns the length of the longest common beginning.
func shared(a, b []int) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}

// units returns what is compressed: the context, or with [Inside] each question
// behind its context.
func (u unit) units(p Protocol) []unit {
	if p == Outside {
		return []unit{u}
	}
	var list []unit
	for _, a := range u.asks {
		whole := slices.Concat(u.context, a.question)
		a.question = nil
		list = append(list, unit{whole, []asked{a}})
	}
	return list
}

// ask puts the questions of an example, as the protocol says, to the full cache
// and to every variant's.
func (w *worker) ask(ctx context.Context, r *Result) error {
	ex, err := w.example(r.Item)
	if err != nil {
		return err
	}
	r.ID = ex.ID
	switch {
	case ex.Unfit != "":
		return unfitf("%s", ex.Unfit)
	case strings.TrimSpace(ex.Context) == "":
		return unfitf("the context is empty")
	}
	if w.Config.Data != nil {
		r.Sum = ex.sum()
	}
	text, err := w.tokenise(ex)
	if err != nil {
		return err
	}
	r.Tokens = len(text.context)
	for _, a := range ex.Asks {
		r.Asks = append(r.Asks, Question{a.Question + a.Prefix, a.Answers, a.Kind, a.Marked, a.HeldOut, a.Guess, a.Depth})
	}
	full := make([][][]float32, len(ex.Asks)) // (answer tokens)(vocab) of each question: the logits of the full cache
	for _, u := range text.units(w.Protocol) {
		if err := w.askUnit(ctx, r, ex, u, full); err != nil {
			return err
		}
	}
	if w.Removed {
		if err := w.askRemoved(ctx, r, ex); err != nil {
			return err
		}
	}
	if err := w.writing.finish(ctx); err != nil {
		return err
	}
	return w.scoreAnswers(r, ex)
}

// askUnit adds the runs of one context to a result. Their answers are then being written.
func (w *worker) askUnit(ctx context.Context, r *Result, ex Example, u unit, full [][][]float32) error {
	return w.compressions(ctx, u, func(t *engine.Text, run *Run) error {
		for i, a := range u.asks {
			rows, err := w.answer(ctx, t, a, ex.Asks[a.ask], &answer{run: len(r.Runs), at: i})
			if err != nil {
				return err
			}
			if run.Method == Full {
				full[a.ask] = rows
			}
			got := Answer{Ask: a.ask}
			got.KL, got.DeltaNLL = distance(full[a.ask], rows, a.answer)
			run.Answers = append(run.Answers, got)
		}
		return nil
	}, r)
}

// scoreAnswers adds to a result what was written, and how that scores.
func (w *worker) scoreAnswers(r *Result, ex Example) (err error) {
	full := make([]float64, len(ex.Asks))
	for _, a := range w.writing.ended {
		run := &r.Runs[a.run]
		run.add(a.took)
		got := &run.Answers[a.at]
		ask := ex.Asks[got.Ask]
		got.Wrote = a.wrote.String()
		if got.Score, err = Score(ask.Metric, got.Wrote, ask); err != nil {
			return err
		}
		if w.template != nil {
			got.Exact, got.Recall = bothWays(got.Wrote, ask)
		}
		if run.Method == Full {
			full[got.Ask] = got.Score
		}
	}
	for _, run := range r.Runs {
		for i := range run.Answers {
			got := &run.Answers[i]
			got.Full = full[got.Ask]
			got.Change = change(got.Full, got.Score)
		}
	}
	return nil
}

func change(full, score float64) string {
	switch {
	case score > full:
		return "gained"
	case score < full:
		return "lost"
	}
	return ""
}

// distance returns the mean KL and delta NLL per token, in nats, of rows of
// logits against those of the full cache, before the tokens of a text.
func distance(full, rows [][]float32, text []int) (kl, deltaNLL float64) {
	for i, id := range text {
		q := engine.Compare(full[i], rows[i], id)
		kl += q.KL / float64(len(text))
		deltaNLL += q.DeltaNLL / float64(len(text))
	}
	return kl, deltaNLL
}

// compressions reads a context as often as the variants need, and for the full
// cache and every variant calls use with a copy of its own. It adds the runs
// to r. Methods that know the future know all of the unit's questions and
// references.
func (w *worker) compressions(ctx context.Context, u unit, use func(*engine.Text, *Run) error, r *Result) error {
	for i, reading := range w.readings {
		if err := w.read(ctx, u, reading, i == 0, use, r); err != nil {
			return err
		}
	}
	return nil
}

// read is compressions for the runs of one reading, with the full cache first if that is wanted.
func (w *worker) read(ctx context.Context, u unit, reading reading, full bool,
	use func(*engine.Text, *Run) error, r *Result) error {
	p, err := w.e.Prefill(ctx, u.context, engine.Settings{KV: w.kv, Needs: reading.needs})
	if err != nil {
		return err
	}
	defer p.Free()
	for _, a := range u.asks {
		if reading.needs.Future {
			if err := p.Future(ctx, slices.Concat(a.question, a.answer)); err != nil {
				return err
			}
		}
	}
	runs := reading.runs
	if full {
		method, err := compress.New(compress.Settings{Name: Full})
		if err != nil {
			return err
		}
		runs = slices.Concat([]run{{0, 1, method}}, runs)
	}
	for _, run := range runs {
		if err := w.writing.makeRoom(ctx); err != nil {
			return err
		}
		start := time.Now()
		plan, signals, err := p.Decide(run.method)
		if err != nil {
			return unfitf("%s: %w", w.Variants[run.variant], err)
		}
		text, err := p.Fork()
		if err != nil {
			return err
		}
		if err := text.Cache.Apply(plan); err != nil {
			text.Free()
			return err
		}
		v := w.Variants[run.variant]
		out := Run{Method: v.Spec(), Budget: v.Budget, Seed: run.seed, Options: plan.Options,
			Ratio: plan.Ratio(signals), Bytes: text.Cache.Occupied(), BytesFull: p.Cache.Occupied()}
		for l := range w.e.Config.NLayers {
			out.Slots = append(out.Slots, make([]int, w.e.Config.NKVHeads))
			for h := range out.Slots[l] {
				out.Slots[l][h] = text.Cache.Len(l, h)
			}
		}
		err = use(text, &out)
		text.Free()
		if err != nil {
			return err
		}
		out.MS = milliseconds(start)
		r.Runs = append(r.Runs, out)
	}
	return nil
}

// answer asks one question of a copy of a text. It returns the logits before each
// token of the reference, and has the model write the answer.
func (w *worker) answer(ctx context.Context, t *engine.Text, a asked, ask Ask, to *answer) (rows [][]float32, err error) {
	t, err = t.Fork()
	if err != nil {
		return nil, err
	}
	rows, err = putQuestion(ctx, t, a)
	if err == nil {
		err = w.write(t, ask, to)
	}
	if err != nil {
		t.Free()
	}
	return rows, err
}

// putQuestion reads a question behind a text. It returns the logits before each token of the
// reference, which a copy reads.
func putQuestion(ctx context.Context, t *engine.Text, a asked) (rows [][]float32, err error) {
	if err := t.Read(ctx, a.question); err != nil {
		return nil, err
	}
	forced, err := t.Fork()
	if err != nil {
		return nil, err
	}
	defer forced.Free()
	if rows, err = forced.Score(ctx, a.answer); err != nil {
		return nil, err
	}
	return rows, t.Read(ctx, a.rest)
}

// write has the model write an answer behind a text: to the end of the text, to where the answer
// is complete, or all tokens that it is given.
func (w *worker) write(t *engine.Text, ask Ask, to *answer) error {
	limit, err := w.answerTokens(ask)
	if err != nil {
		return err
	}
	n := min(limit, w.e.Config.SeqLen-t.Cache.Next()+1)
	return w.writing.join(t, to, n, func(wrote string) bool { return w.complete(wrote, ask) })
}

// complete reports whether an answer needs no more: its line has ended where only that counts, or
// it is right and no score of it can change any more. A wrong one goes on, for people to read.
func (s *Sweep) complete(wrote string, ask Ask) bool {
	switch {
	case ask.FirstLine && strings.Contains(strings.TrimLeft(wrote, "\n"), "\n"):
		return true
	case s.template != nil: // exact and recall are reported, too
		return foundAll(wrote, ask) && exactSettled(wrote, ask) && settled(ask.Metric, wrote, ask)
	}
	score, err := Score(ask.Metric, wrote, ask)
	return err == nil && score == 1 && settled(ask.Metric, wrote, ask)
}

// answerTokens returns how many tokens an answer may have.
func (w *worker) answerTokens(ask Ask) (int, error) {
	if ask.Tokens > 0 {
		return ask.Tokens, nil
	}
	limit := 0
	for _, answer := range ask.Answers {
		ids, err := w.e.Tokenizer.Encode(answer, false)
		if err != nil {
			return 0, err
		}
		limit = max(limit, len(ids))
	}
	if w.template != nil {
		return limit + sentenceTokens, nil
	}
	return limit + spareTokens, nil
}

// askRemoved adds the control: each question that can be is put to the full
// cache of its context without the evidence.
func (w *worker) askRemoved(ctx context.Context, r *Result, ex Example) error {
	for i, ask := range ex.Asks {
		if ask.Without == "" {
			continue
		}
		if err := w.writing.makeRoom(ctx); err != nil {
			return err
		}
		start := time.Now()
		bytes, err := w.withoutEvidence(ctx, ask, &answer{run: len(r.Runs)})
		if err != nil {
			return err
		}
		r.Runs = append(r.Runs, Run{Method: Removed, Seed: 1, Ratio: 1, Bytes: bytes, BytesFull: bytes,
			Answers: []Answer{{Ask: i}}, MS: milliseconds(start)})
	}
	return nil
}

// withoutEvidence has the model write where it can only guess. It returns the
// bytes of the context's cache.
func (w *worker) withoutEvidence(ctx context.Context, ask Ask, to *answer) (bytes int, err error) {
	u, err := w.tokenise(Example{Context: ask.Without, Asks: []Ask{ask}})
	if err != nil {
		return 0, err
	}
	p, err := w.e.Prefill(ctx, u.context, engine.Settings{KV: w.kv})
	if err != nil {
		return 0, err
	}
	defer p.Free()
	_, err = w.answer(ctx, &p.Text, u.asks[0], ask, to)
	return p.Cache.Occupied(), err
}
