package eval

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"keyfold/compress"
	"keyfold/corpus"
	"keyfold/engine"
	"keyfold/engine/tokenizer"
	"keyfold/layout"
	"keyfold/models"
)

// openModel returns the fixture with random weights on the CPU.
func openModel(t testing.TB) *engine.Engine {
	t.Helper()
	f, err := models.OpenFixture()
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	tok, err := tokenizer.FromGGUF(f.Meta)
	if err != nil {
		t.Fatal(err)
	}
	e, err := engine.Open(context.Background(), f, tok, engine.CPU)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// tinyExamples are contexts with two questions each. What the model writes
// behind them means nothing.
func tinyExamples(n int) []Example {
	names := []string{"ann", "tom", "mara", "otto", "ida", "sam"}
	things := []string{"lantern", "rope", "whistle", "kettle", "map", "drum"}
	var all []Example
	for i := range n {
		a, b := names[i%len(names)], names[(i+1)%len(names)]
		fact := fmt.Sprintf("%s has a %s. ", a, things[i%len(things)])
		other := fmt.Sprintf("%s has a %s. ", b, things[(i+2)%len(things)])
		rest := "the rain fell on the roof. "
		all = append(all, Example{
			ID: fmt.Sprintf("tiny/%d", i), Task: "tiny", Context: rest + fact + rest + other + "\n",
			Asks: []Ask{
				{Question: "what has " + a + "?\nanswer:", Answers: []string{" a " + things[i%len(things)]},
					Metric: "exact", FirstLine: true, Kind: "thing", Guess: 0.5, Depth: 0.4, Without: rest + rest + other + "\n"},
				{Question: "what has " + b + "?\nanswer:", Answers: []string{" a " + things[(i+2)%len(things)]},
					Metric: "exact", FirstLine: true, Kind: "thing", Guess: 0.5, Depth: 0.9, Without: rest + fact + rest + "\n"},
			},
		})
	}
	return all
}

// tinyConfig is a sweep over tiny examples.
func tinyConfig(t testing.TB, methods string, budgets []float64, n int) Config {
	t.Helper()
	variants, err := Variants(methods, budgets, 2)
	if err != nil {
		t.Fatal(err)
	}
	return Config{Protocol: Outside, N: n, Data: &File{Name: "tiny"}, Variants: variants, Shard: Shard{0, 1}}
}

func newSweep(t testing.TB, e *engine.Engine, c Config, data []Example) *Sweep {
	t.Helper()
	s, err := NewSweep(c, layout.CacheF16, e, data, nil)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// sweep runs all examples of a sweep.
func sweep(t testing.TB, s *Sweep) []Result {
	t.Helper()
	var results []Result
	if err := s.Run(context.Background(), s.Items(), func(r Result) error {
		results = append(results, r)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	sortResults(results, s.Tasks)
	return results
}

// greedy returns what the model writes behind a text that was read in one go,
// up to the end of the first line.
func greedy(t testing.TB, e *engine.Engine, text string, n int) string {
	t.Helper()
	ids, err := e.Tokenizer.Encode(text, true)
	if err != nil {
		t.Fatal(err)
	}
	p, err := e.Prefill(context.Background(), ids, engine.Settings{KV: layout.CacheF16})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Free()
	stream, wrote := e.Tokenizer.Stream(), ""
	for _, id := range ids {
		stream.Next(id)
	}
	stop := errors.New("a line")
	err = p.Generate(context.Background(), engine.Generation{N: n, Sampler: engine.Sampler{RepeatPenalty: 1, TopP: 1},
		Emit: func(token engine.Token) error {
			wrote += stream.Next(token.ID)
			if strings.Contains(strings.TrimLeft(wrote, "\n"), "\n") {
				return stop
			}
			return nil
		}})
	if err != nil && err != stop {
		t.Fatal(err)
	}
	return wrote + stream.Rest()
}

func tokensOf(t testing.TB, e *engine.Engine, text string) int {
	t.Helper()
	ids, err := e.Tokenizer.Encode(text, false)
	if err != nil {
		t.Fatal(err)
	}
	return len(ids)
}

// The full cache, forked and fed its question, writes what one prefill of the
// whole text writes, under both protocols. The control is asked of the context
// without its evidence.
func TestFullCacheWritesWhatGenerationWrites(t *testing.T) {
	e, examples := openModel(t), tinyExamples(2)
	// The reference's first letter is one token with the question's last.
	examples[1].Asks[1].Question, examples[1].Asks[1].Answers = "ida has it", []string{"hen"}
	for _, protocol := range []Protocol{Outside, Inside} {
		c := tinyConfig(t, "window", []float64{0.3}, len(examples))
		c.Protocol, c.Removed = protocol, true
		controls := 0
		for i, r := range sweep(t, newSweep(t, e, c, examples)) {
			for _, run := range r.Runs {
				for _, a := range run.Answers {
					ask := examples[i].Asks[a.Ask]
					n := tokensOf(t, e, ask.Answers[0]) + spareTokens
					var want string
					switch run.Method {
					case Full:
						want = greedy(t, e, examples[i].Context+ask.Question, n)
					case Removed:
						controls++
						want = greedy(t, e, ask.Without+ask.Question, n)
						if want == greedy(t, e, examples[i].Context+ask.Question, n) {
							t.Fatalf("%s: the model writes the same without the evidence; this test needs another example", r.ID)
						}
					default:
						continue
					}
					if a.Wrote != want {
						t.Errorf("%s, %s, ask %d, %s: wrote %q, want %q", protocol, r.ID, a.Ask, run.Method, a.Wrote, want)
					}
				}
			}
		}
		if controls != 2*len(examples) {
			t.Errorf("%s: %d questions without evidence, want %d", protocol, controls, 2*len(examples))
		}
	}
}

// A method that keeps everything changes nothing; one that keeps a third does.
func TestKeepingEverythingCostsNothing(t *testing.T) {
	e, examples := openModel(t), tinyExamples(2)
	for i := range examples { // so that the full cache is right
		for j, ask := range examples[i].Asks {
			examples[i].Asks[j].Answers = []string{strings.TrimRight(greedy(t, e, examples[i].Context+ask.Question, 12), "\n")}
			examples[i].Asks[j].Tokens = 12
		}
	}
	for _, protocol := range []Protocol{Outside, Inside} {
		c := tinyConfig(t, "kvmerger:eps=2,gvote:p_nuc=1,window", []float64{1, 0.3}, 2)
		c.Protocol = protocol
		lost := 0
		for _, r := range sweep(t, newSweep(t, e, c, examples)) {
			for _, run := range r.Runs {
				for _, a := range run.Answers {
					if a.Full != 1 {
						t.Fatalf("%s: the full cache scores %g on its own text %q", r.ID, a.Full, a.Wrote)
					}
					if run.Budget == 0.3 {
						lost += int(oneIf(a.Change == "lost" && a.Score == 0 && a.KL > 0.01 && a.DeltaNLL != 0))
						continue
					}
					if a.KL != 0 || a.DeltaNLL != 0 || a.Change != "" || a.Score != 1 || run.Ratio != 1 || run.Bytes != run.BytesFull {
						t.Errorf("%s, %s of %s at %g: %+v, %d of %d bytes", protocol, r.ID, run.Method, run.Budget, a, run.Bytes, run.BytesFull)
					}
				}
			}
		}
		if lost == 0 {
			t.Errorf("%s: nothing is lost at 0.3; this test needs a cache that is hurt", protocol)
		}
	}
}

// Inside, context and question are compressed together, one question at a time.
func TestProtocolsDiffer(t *testing.T) {
	e, examples := openModel(t), tinyExamples(1)
	c := tinyConfig(t, "gvote:p_nuc=0.6", nil, 1)
	outside := sweep(t, newSweep(t, e, c, examples))[0]
	c.Protocol = Inside
	inside := sweep(t, newSweep(t, e, c, examples))[0]
	// full, gvote with two seeds; inside for both questions
	if len(outside.Runs) != 3 || len(inside.Runs) != 6 {
		t.Fatalf("%d runs outside and %d inside, want 3 and 6", len(outside.Runs), len(inside.Runs))
	}
	if len(outside.Runs[1].Answers) != 2 || len(inside.Runs[1].Answers) != 1 || inside.Runs[4].Answers[0].Ask != 1 {
		t.Errorf("answers of outside %+v and inside %+v", outside.Runs[1].Answers, inside.Runs[4].Answers)
	}
	if reflect.DeepEqual(outside.Runs[1].Slots, outside.Runs[2].Slots) {
		t.Error("two seeds kept the same slots")
	}
	for i := range 2 {
		in, out := inside.Runs[3*i+1], outside.Runs[1]
		question := tokensOf(t, e, "x\n"+examples[0].Asks[i].Question) - tokensOf(t, e, "x\n")
		perToken := out.BytesFull / outside.Tokens
		if in.BytesFull != out.BytesFull+question*perToken {
			t.Errorf("question %d: %d bytes inside, want %d of the context and %d of the question's %d tokens",
				i, in.BytesFull, out.BytesFull, question*perToken, question)
		}
		if in.Ratio == out.Ratio {
			t.Errorf("question %d: both protocols kept %g", i, in.Ratio)
		}
	}
}

// Every method decides in a sweep what it decides alone, whatever the others
// make the prefill collect.
func TestMethodsShareAPrefill(t *testing.T) {
	e, examples := openModel(t), tinyExamples(1)
	list := "kvmerger:eps=0.3,kvmerger:eps=0.3:mass=last:8,gvote:p_nuc=0.6,gvote:p_nuc=0.6:n_s=1"
	if two, err := readings(tinyConfig(t, list, nil, 1).Variants); err != nil || len(two) != 2 {
		t.Errorf("%d prefills, %v; want 2: n_s and mass each have two values", len(two), err)
	}
	ids, err := e.Tokenizer.Encode(examples[0].Context, true)
	if err != nil {
		t.Fatal(err)
	}
	alone := func(v Variant, seed uint32) (plan *compress.Plan, ratio float64, err error) {
		m, err := v.new(seed)
		if err != nil {
			return nil, 0, err
		}
		p, err := e.Prefill(context.Background(), ids, engine.Settings{KV: layout.CacheF16, Needs: m.Needs()})
		if err != nil {
			return nil, 0, err
		}
		defer p.Free()
		if m.Needs().Future {
			for _, ask := range examples[0].Asks {
				whole, err := e.Tokenizer.Encode(examples[0].Context+ask.Question+ask.Answers[0], true)
				if err == nil {
					err = p.Future(context.Background(), whole[len(ids):])
				}
				if err != nil {
					return nil, 0, err
				}
			}
		}
		plan, signals, err := p.Decide(m)
		if err != nil {
			return nil, 0, err
		}
		return plan, plan.Ratio(signals), nil
	}
	c := tinyConfig(t, strings.Join(compress.Names(), ",")+","+list, []float64{0.6}, 1)
	result := sweep(t, newSweep(t, e, c, examples))[0]
	seen := 0
	for _, v := range c.Variants {
		for _, seed := range v.Seeds {
			plan, ratio, err := alone(v, seed)
			if err != nil {
				t.Fatalf("%s: %v", v, err)
			}
			at := slices.IndexFunc(result.Runs, func(r Run) bool {
				return r.Method == v.Spec() && r.Budget == v.Budget && r.Seed == seed
			})
			if at < 0 {
				t.Errorf("%s with seed %d has no run", v, seed)
				continue
			}
			seen++
			run := result.Runs[at]
			kvHeads := e.Config.NKVHeads
			for h, rows := range plan.Heads {
				if got := run.Slots[h/kvHeads][h%kvHeads]; got != len(rows) {
					t.Errorf("%s with seed %d: %d slots in head %d, alone %d", v, seed, got, h, len(rows))
				}
			}
			if run.Ratio != ratio || !reflect.DeepEqual(run.Options, plan.Options) {
				t.Errorf("%s: kept %g with %v, alone %g with %v", v, run.Ratio, run.Options, ratio, plan.Options)
			}
		}
	}
	if seen != len(result.Runs) {
		t.Errorf("%d runs, want %d", len(result.Runs), seen)
	}
}

// Questions are cut where the whole text has tokens to cut at.
func TestTokenise(t *testing.T) {
	w := &worker{Sweep: newSweep(t, openModel(t), tinyConfig(t, "full", nil, 1), tinyExamples(1)), e: openModel(t)}
	for _, tc := range []struct {
		name                       string
		context, question, answers string
		cut, rest                  string // text of the tokens
	}{
		{"at words", "the rain\n", "who?", " ann", "the rain\n|who?| ann", ""},
		{"a token across the end of the context", "a boat", "house?", " ann", "a boa|thouse?| ann", ""},
		{"a token across the beginning of the answer", "the rain\n", "who? at", "om", "the rain\n|who? a|tom", "t"},
	} {
		ex := Example{Context: tc.context, Asks: []Ask{{Question: tc.question, Answers: []string{tc.answers}}}}
		u, err := w.tokenise(ex)
		if err != nil {
			t.Fatal(err)
		}
		text := func(ids []int) string {
			s := ""
			for _, id := range ids {
				s += strings.ReplaceAll(w.e.Tokenizer.Piece(id), "▁", " ")
			}
			return strings.ReplaceAll(strings.ReplaceAll(s, "<0x0A>", "\n"), "<0x3F>", "?")
		}
		got := strings.TrimPrefix(text(u.context), "<s> ") + "|" + text(u.asks[0].question) + "|" + text(u.asks[0].answer)
		if got != tc.cut || text(u.asks[0].rest) != tc.rest {
			t.Errorf("%s: cut %q and rest %q, want %q and %q", tc.name, got, text(u.asks[0].rest), tc.cut, tc.rest)
		}
		whole, err := w.encode(tc.context + tc.question)
		if err != nil {
			t.Fatal(err)
		}
		if got := slices.Concat(u.context, u.asks[0].question, u.asks[0].rest); !slices.Equal(got, whole) {
			t.Errorf("%s: tokens %v, the whole text has %v", tc.name, got, whole)
		}
	}
	long := Example{Context: strings.Repeat("rain ", 2000), Asks: []Ask{{Question: "?", Answers: []string{"a"}}}}
	if _, err := w.tokenise(long); err == nil || !strings.Contains(err.Error(), "the model's context 1024") {
		t.Errorf("a text longer than the context: %v", err)
	}
}

// Corpus tasks run as they are; the needle is at each depth in turn.
func TestCorpusExamples(t *testing.T) {
	e := openModel(t)
	c := tinyConfig(t, "full", nil, needleDepths)
	c.Data, c.Lengths, c.First = nil, []int{e.Config.SeqLen}, 3
	for _, task := range corpus.Tasks() {
		if !task.Text {
			c.Tasks = append(c.Tasks, task.Name)
		}
	}
	s := newSweep(t, e, c, nil)
	if want := len(c.Tasks) * needleDepths; len(s.Items()) != want || s.Examples != want {
		t.Fatalf("%d items and %d examples, want %d", len(s.Items()), s.Examples, want)
	}
	w := &worker{Sweep: s, e: e}
	written := map[string]int{}
	last := -1.0
	for _, it := range s.Items() {
		ex, err := w.example(it)
		if err != nil {
			if it.Task != "arithmetic" && it.Task != "story-questions" {
				t.Errorf("%v: %v", it, err) // only these need more than a thousand of the fixture's tokens, mostly letters
			}
			continue
		}
		written[it.Task]++
		u, err := w.tokenise(ex)
		if err != nil {
			t.Errorf("%v: %v", it, err)
			continue
		}
		if want := fmt.Sprintf("%s/%d", it.Task, corpus.EvalFrom+uint64(it.Number)); ex.ID != want {
			t.Errorf("%v is %s, want %s", it, ex.ID, want)
		}
		if ex.Task != it.Task || len(ex.Asks) > asksPerContext || len(u.context) > it.Length {
			t.Errorf("%v is of task %s and has %d questions, %d tokens", it, ex.Task, len(ex.Asks), len(u.context))
		}
		if it.Task == needle && it.Number%needleDepths != 0 {
			if depth := ex.Asks[0].Depth; depth <= last {
				t.Errorf("needle %d stands at %g, the one before at %g", it.Number, depth, last)
			}
			last = ex.Asks[0].Depth
		}
		if it.Number == 9 {
			last = -1 // number 10 begins again at the top
		}
	}
	for _, task := range c.Tasks {
		if written[task] == 0 {
			t.Errorf("no document of %s was written", task)
		}
	}
}

// milliseconds are all that may differ between two runs.
var anyTime = regexp.MustCompile(`"ms":[0-9.e+-]+`)

// reportJSON returns a report as WriteJSON writes it, without the times.
func reportJSON(t testing.TB, c Config, results []Result) string {
	t.Helper()
	r, err := NewReport(c, results, Full)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := r.WriteJSON(&b); err != nil {
		t.Fatal(err)
	}
	return anyTime.ReplaceAllString(b.String(), `"ms":0`)
}

// A journal is of use to a sweep with other examples: what is the same is not asked
// again, wherever it now is, and the report is that of the new sweep alone.
func TestJournalOfOtherExamples(t *testing.T) {
	e, examples := openModel(t), tinyExamples(5)
	path := filepath.Join(t.TempDir(), "j")
	record := func(s *Sweep, results []Result) []Result {
		t.Helper()
		journal, err := OpenJournal(path, s.Config)
		if err != nil {
			t.Fatal(err)
		}
		defer journal.Close()
		for _, r := range results {
			if err := journal.Append(r); err != nil {
				t.Fatal(err)
			}
		}
		return journal.Done()
	}
	first := newSweep(t, e, tinyConfig(t, "window", nil, 3), examples[:3])
	record(first, sweep(t, first))

	// Another file: the second line is gone, the first has another answer, there are two more.
	changed := []Example{examples[0], examples[2], examples[3], examples[4]}
	changed[0].Asks = slices.Clone(changed[0].Asks)
	changed[0].Asks[0].Answers = []string{" a boat"}
	for i := range changed {
		changed[i].ID = fmt.Sprintf("new/%d", i)
	}
	c := tinyConfig(t, "window", nil, 4)
	c.Data = &File{Name: "new", SHA256: "another"}
	second := newSweep(t, e, c, changed)
	kept, left := second.Resume(record(second, nil))
	if len(kept) != 1 || kept[0].Number != 1 || kept[0].ID != "new/1" || len(left) != 3 {
		t.Fatalf("kept %+v, left %v", kept, left)
	}
	if err := second.Run(context.Background(), left, func(r Result) error {
		kept = append(kept, r)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if got, want := reportJSON(t, second.Config, kept), reportJSON(t, second.Config, sweep(t, second)); got != want {
		t.Errorf("going on gives\n%s\nwant\n%s", got, want)
	}

	// Of the corpus, tasks, lengths, numbers and shards may change.
	made, results := madeUp(t)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	record(&Sweep{Config: made}, results)
	for i := range 2 {
		other := made
		other.Tasks, other.N, other.Shard = []string{"needle"}, 3, Shard{i, 2}
		kept, left := (&Sweep{Config: other}).Resume(record(&Sweep{Config: other}, nil))
		if len(kept) != 1 || kept[0].Task != "needle" || kept[0].Number != i || len(left) != 1-i {
			t.Errorf("shard %d: kept %d, left %v", i, len(kept), left)
		}
	}
}

// A sweep that is stopped and goes on gives what one in a single run gives.
func TestStoppedSweepGoesOn(t *testing.T) {
	e := openModel(t)
	s := newSweep(t, e, tinyConfig(t, "gvote", []float64{0.5}, 4), tinyExamples(4))
	want := reportJSON(t, s.Config, sweep(t, s))

	path := filepath.Join(t.TempDir(), "out.json.partial")
	journal, err := OpenJournal(path, s.Config)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	err = s.Run(ctx, s.Items(), func(r Result) error {
		if len(journal.Done()) > 0 || ctx.Err() != nil {
			t.Error("emit is called after the stop")
		}
		stop()
		return journal.Append(r)
	})
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("a stopped sweep ends with %v", err)
	}
	if err := journal.Close(); err != nil {
		t.Fatal(err)
	}

	journal, err = OpenJournal(path, s.Config)
	if err != nil {
		t.Fatal(err)
	}
	defer journal.Close()
	results := journal.Done()
	if len(results) != 1 {
		t.Fatalf("%d results in the journal, want 1", len(results))
	}
	items := slices.DeleteFunc(s.Items(), func(it Item) bool { return it == results[0].Item })
	if err := s.Run(context.Background(), items, func(r Result) error {
		results = append(results, r)
		return journal.Append(r)
	}); err != nil {
		t.Fatal(err)
	}
	if got := reportJSON(t, s.Config, results); got != want {
		t.Error("the report is another one")
	}
}

// An example that goes wrong is left out with its reason, and the others are asked.
func TestSweepGoesOnAfterBadExamples(t *testing.T) {
	e, examples := openModel(t), tinyExamples(7)
	good := newSweep(t, e, tinyConfig(t, "window", nil, 7), tinyExamples(7))
	want := map[int]string{
		1: "",
		2: "no such metric", 3: "context, question and answer have", 4: "the context is empty", 5: "was refused", 6: "no token is the context's alone",
	}
	examples[2].Asks[1].Metric = "no such metric"
	examples[3].Context = strings.Repeat(examples[3].Context, 100)
	examples[4].Context = " \n"
	examples[5].Unfit = "was refused"
	examples[6].Context = " a"
	examples[6].Asks[0].Question = "b"
	examples[6].Asks = examples[6].Asks[:1]
	bad := newSweep(t, e, tinyConfig(t, "window", nil, 7), examples)
	all, results := sweep(t, good), sweep(t, bad)
	for i, r := range results {
		reason := want[i]
		switch {
		case reason == "" && (r.Skipped != "" || len(r.Runs) != len(all[i].Runs) || !reflect.DeepEqual(r.Runs[1].Answers, all[i].Runs[1].Answers)):
			t.Errorf("example %d: %+v, want what it gives beside good ones", i, r)
		case i == 6 && r.Skipped == "": // with BOS it has a token of its own
		case reason != "" && (!strings.Contains(r.Skipped, reason) || len(r.Runs) > 0 || r.Failed != (i == 2)):
			t.Errorf("example %d: skipped %q, failed %v, %d runs; want %q", i, r.Skipped, r.Failed, len(r.Runs), reason)
		}
	}
	if n, reason := Failures(results); n != 1 || !strings.Contains(reason, "no such metric") {
		t.Errorf("%d failures, %q", n, reason)
	}
	r, err := NewReport(bad.Config, results, Full)
	if err != nil {
		t.Fatal(err)
	}
	var table bytes.Buffer
	if err := r.WriteTable(&table); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(table.String(), "left out: 4 of 7 examples\n") || !strings.Contains(table.String(), "tiny/5: was refused") {
		t.Errorf("the table does not list what was left out:\n%s", &table)
	}
	if r.Cells[0].Contexts != 3 || len(r.Skipped) != 4 {
		t.Errorf("%d contexts, %d left out; want 3 and 4", r.Cells[0].Contexts, len(r.Skipped))
	}
	if _, err := NewReport(bad.Config, r.Skipped, Full); err == nil || !strings.Contains(err.Error(), "none of 4 examples could be asked: ") {
		t.Errorf("a report of nothing: %v", err)
	}
}

// A method that cannot do what is asked of one example costs that example only.
func TestBudgetOutOfReach(t *testing.T) {
	e, examples := openModel(t), tinyExamples(2)
	examples[0].Context = "ab"
	s := newSweep(t, e, tinyConfig(t, "kvmerger", []float64{0.5}, 2), examples)
	results := sweep(t, s)
	if results[0].Skipped != "" && results[0].Failed || results[1].Skipped != "" {
		t.Errorf("results %+v", results)
	}
}

// An error of the receiver stops the sweep.
func TestSweepStopsAtErrors(t *testing.T) {
	e, examples := openModel(t), tinyExamples(4)
	s := newSweep(t, e, tinyConfig(t, "window", nil, 4), examples)
	full, calls := errors.New("disk is full"), 0
	if err := s.Run(context.Background(), s.Items()[:2], func(Result) error {
		calls++
		time.Sleep(time.Second) // the other worker comes to its end and waits
		return full
	}); !errors.Is(err, full) || calls != 1 {
		t.Errorf("an error of emit ends with %v after %d calls, want one", err, calls)
	}
}

// Perplexity is the likelihood of a text behind its context, less one token.
func TestPerplexity(t *testing.T) {
	e := openModel(t)
	text, err := e.Tokenizer.Encode(strings.Repeat("the rain fell on the roof. nobody went out, and ann had a drum. ", 12), false)
	if err != nil {
		t.Fatal(err)
	}
	const length, scored = 60, 40
	c := tinyConfig(t, "window", []float64{1, 0.3}, 9)
	c.Data, c.Text, c.Tasks, c.Lengths, c.ScoreTokens = nil, &File{Name: "rain.txt"}, []string{Perplexity}, []int{length}, scored
	s, err := NewSweep(c, layout.CacheF32, e, nil, text)
	if err != nil {
		t.Fatal(err)
	}
	if want := len(text) / (length + scored); s.Examples != want {
		t.Fatalf("%d windows in %d tokens, want %d", s.Examples, len(text), want)
	}
	vocab := e.Config.VocabSize
	logits := func(ids []int, m compress.Method) (all []float32) {
		add := func(rows []float32) error {
			all = append(all, rows...)
			return nil
		}
		read := ids
		if m != nil {
			read = ids[:length]
		}
		p, err := e.Prefill(context.Background(), read, engine.Settings{KV: layout.CacheF32, Method: m, Logits: add})
		if err != nil {
			t.Fatal(err)
		}
		defer p.Free()
		if m == nil {
			return all
		}
		if _, _, err := p.Compress(); err != nil {
			t.Fatal(err)
		}
		if err := p.Decode(context.Background(), ids[length:], add); err != nil {
			t.Fatal(err)
		}
		return all
	}
	nll := func(ids []int, from int) []float64 { // of the ids from there on
		rows := logits(ids, nil)
		var v []float64
		for i, id := range ids[from:] {
			at := (from + i - 1) * vocab
			v = append(v, -engine.LogProb(rows[at:at+vocab], id))
		}
		return v
	}
	needy := 0
	for _, r := range sweep(t, s) {
		window := append([]int{e.Tokenizer.BOS()}, text[r.Number*(length+scored):][:length+scored]...)
		full := nll(window, length+1)
		short := nll(slices.Concat(window[:1], window[length+1-shortContext:]), 1+shortContext)
		var mean, context, n float64
		for i := range full {
			mean += full[i] / scored
			if short[i]-full[i] > gainNats {
				context, n = context+full[i], n+1
			}
		}
		needy += int(n)
		near := func(a, b float64) bool { return math.Abs(a-b) < 1e-9 }
		if got := r.Runs[0].Text; !near(got.NLL, mean) || got.ContextTokens != int(n) || n > 0 && !near(got.ContextNLL, context/n) || got.KL != 0 {
			t.Errorf("%s: %+v, want NLL %g, and %g of %g tokens", r.ID, *got, mean, context/n, n)
		}
		if got := r.Runs[1].Text; r.Runs[1].Budget != 1 || *got != *r.Runs[0].Text {
			t.Errorf("%s: keeping everything gives %+v, the full cache %+v", r.ID, *got, *r.Runs[0].Text)
		}
		// The compressed cache, decoding token by token.
		m, err := c.Variants[2].new(1)
		if err != nil {
			t.Fatal(err)
		}
		comp, whole := logits(window, m), logits(window, nil)
		var kl float64
		for i := length; i < length+scored; i++ {
			kl += engine.Compare(whole[i*vocab:(i+1)*vocab], comp[i*vocab:(i+1)*vocab], window[i+1]).KL / scored
		}
		got := r.Runs[2].Text
		if !near(got.KL, kl) {
			t.Errorf("%s: KL %g, want %g", r.ID, got.KL, kl)
		}
		if !near(got.DeltaNLL, got.NLL-r.Runs[0].Text.NLL) || got.KL < 1e-4 || got.ContextTokens != int(n) {
			t.Errorf("%s: at 0.3 %+v, the full cache %+v", r.ID, *got, *r.Runs[0].Text)
		}
		if r.Tokens != length || len(window) != length+1+scored {
			t.Errorf("%s: a context of %d tokens and a window of %d", r.ID, r.Tokens, len(window))
		}
	}
	if needy == 0 {
		t.Error("no token needs its context; this test needs some")
	}
	for _, tc := range []struct {
		length, scored int
		want           string
	}{
		{shortContext, 10, "want more than 32"},
		{1000, 25, "more than the model's context of 1024"},
		{1025, 10, "longer than the model's context of 1024"},
		{1000, 24, "there is no example"},
	} {
		c.Lengths, c.ScoreTokens = []int{tc.length}, tc.scored
		if _, err := NewSweep(c, layout.CacheF32, e, nil, text); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%d tokens behind %d: %v, want %q", tc.scored, tc.length, err, tc.want)
		}
	}
}
