//go:build !js

package session

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"keyfold/compress"
	"keyfold/engine"
	"keyfold/engine/checkpoint"
	"keyfold/models"
)

// Encode writes what encoding/json writes.
func TestEncode(t *testing.T) {
	kl := 0.25
	events := []Event{
		{},
		{ID: 3, Failed: &Failed{Message: "a \"quote\", a \\ and a \n newline, ü, 世界, \x00, <tag>, \u2028"}},
		{ID: 4, Plan: &Plan{Method: "gvote", Options: map[string]any{"b": 1, "a": 0.5, "l": []int{}, "s": "x", "t": true},
			Heads: []PlanHead{{Row: []int{0, -1}, Mass: []float32{1e-9, 3.25}}}}},
		{ID: 5, Done: &engine.Report{Tokens: []engine.TokenReport{{ID: 1, KL: &kl}}, Quality: &engine.QualityReport{KLMean: 1e-30}}},
		{ID: 6, Ballots: &Ballots{Rounds: [][]int{{1, 2}, {}}, BStep: []int{3}}},
	}
	for _, e := range events {
		want, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		var a, b any
		if err := json.Unmarshal([]byte(Encode(e)), &a); err != nil {
			t.Fatalf("%s: %v", Encode(e), err)
		}
		if err := json.Unmarshal(want, &b); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(a, b) && !reflect.DeepEqual(withoutNull(a), withoutNull(b)) {
			t.Errorf("got  %s\nwant %s", Encode(e), want)
		}
	}
	if got := Encode([]float64{math.NaN(), math.Inf(1), 1}); got != "[null,null,1]" {
		t.Errorf("numbers that JSON does not have become %s", got)
	}
}

// withoutNull makes null, which encoding/json writes for nil slices and maps,
// and empty lists and objects, which a page prefers, the same.
func withoutNull(v any) any {
	const nothing = "nothing"
	switch v := v.(type) {
	case nil:
		return nothing
	case map[string]any:
		for k, x := range v {
			v[k] = withoutNull(x)
		}
		if len(v) == 0 {
			return nothing
		}
	case []any:
		for i, x := range v {
			v[i] = withoutNull(x)
		}
		if len(v) == 0 {
			return nothing
		}
	}
	return v
}

// page is the other side of a session in these tests.
type page struct {
	t *testing.T
	s *Session
}

func newPage(t *testing.T) *page {
	p := &page{t: t, s: &Session{Open: func(req Request) (*checkpoint.File, error) { return models.OpenFixture() }}}
	p.must(Request{Do: "load", Device: "cpu"})
	return p
}

func (p *page) ask(req Request) (events []Event) {
	p.t.Helper()
	p.s.Handle(req, func(e Event) { events = append(events, e) })
	return events
}

// must asks for something that has to succeed.
func (p *page) must(req Request) []Event {
	p.t.Helper()
	events := p.ask(req)
	if f := events[len(events)-1].Failed; f != nil {
		p.t.Fatalf("%s: %s", req.Do, f.Message)
	}
	return events
}

// refused asks for something that has to be refused for a field.
func (p *page) refused(req Request, field, message string) {
	p.t.Helper()
	events := p.ask(req)
	f := events[len(events)-1].Failed
	if f == nil || !f.Usage || f.Field != field || !strings.Contains(f.Message, message) {
		p.t.Errorf("%+v: answered %+v, want a refusal of %q with %q", req, f, field, message)
	}
}

func tokensOf(events []Event) (ids []int) {
	for _, e := range events {
		if e.Token != nil {
			ids = append(ids, e.Token.ID)
		}
	}
	return ids
}

func planOf(t *testing.T, events []Event) *Plan {
	t.Helper()
	for _, e := range events {
		if e.Plan != nil {
			return e.Plan
		}
	}
	t.Fatal("no plan among the events")
	return nil
}

var prompt = strings.Repeat("the key lies under the old stone. ", 6)

// sampling is wild enough for the fixture not to end its text at once.
var sampling = &Sampler{Temperature: 0.9, TopP: 1, RepeatPenalty: 1}

func TestRunAndReplan(t *testing.T) {
	p := newPage(t)
	first := p.must(Request{ID: 7, Do: "run", Prompt: prompt, Method: "window", Budget: 0.5, N: 12, Seed: 3, Sampler: sampling})
	for _, e := range first {
		if e.ID != 7 {
			t.Fatalf("event %+v answers request %d, want 7", e, e.ID)
		}
	}
	plan := planOf(t, first)
	if plan.Ratio > 0.5 || len(plan.Heads) != plan.Layers*plan.KVHeads || plan.BytesOccupied >= plan.BytesFull {
		t.Errorf("plan: ratio %g, %d heads, %d of %d bytes", plan.Ratio, len(plan.Heads), plan.BytesOccupied, plan.BytesFull)
	}
	for _, e := range first {
		if e.Token == nil {
			continue
		}
		if len(e.Token.Top) != 10 || len(e.Token.TopFull) != 10 || e.Token.BytesFull <= e.Token.BytesOccupied {
			t.Errorf("token %+v", e.Token)
		}
		if e.Token.Index > 0 {
			var sum float32
			for _, v := range e.Token.Attended {
				sum += v
			}
			if sum <= 0.2 || sum > 1.001 {
				t.Errorf("token %d attends to the prompt with weight %g, want most of 1", e.Token.Index, sum)
			}
		}
	}
	// Another plan on the same reading, and back: the same text.
	other := p.must(Request{Do: "replan", Method: "window", Budget: 0.1, N: 12, Seed: 3, Sampler: sampling})
	if planOf(t, other).Ratio > 0.11 {
		t.Errorf("re-planned ratio %g, want at most 0.11", planOf(t, other).Ratio)
	}
	again := p.must(Request{Do: "replan", Method: "window", Budget: 0.5, N: 12, Seed: 3, Sampler: sampling})
	if !slices.Equal(tokensOf(first), tokensOf(again)) {
		t.Errorf("the same plan wrote %v and then %v", tokensOf(first), tokensOf(again))
	}
}

// Wherever a text is cut into prompt and question, it has the tokens of the whole.
func TestQuestionGoesOnWithThePrompt(t *testing.T) {
	const text = "that stone\nwas left at the tower"
	p := newPage(t)
	run := Request{Do: "run", Prompt: text, Method: "full", KV: "f32", N: 8, Seed: 4, Sampler: sampling}
	want := tokensOf(p.must(run))
	for at := range len(text) {
		run.Prompt, run.Question = text[:at], text[at:]
		if got := tokensOf(p.must(run)); !slices.Equal(got, want) {
			t.Errorf("behind %q and %q: %v, want %v", run.Prompt, run.Question, got, want)
		}
	}
	// Without BOS nothing may be left for the prompt.
	p.s.Open = func(Request) (*checkpoint.File, error) {
		f, err := models.OpenFixture()
		if err == nil {
			f.Meta["tokenizer.ggml.add_bos_token"], f.Meta["tokenizer.ggml.add_space_prefix"] = false, false
		}
		return f, err
	}
	p.must(Request{Do: "load", Device: "cpu"})
	p.refused(Request{Do: "run", Prompt: "t", Question: "h", Method: "full", N: 1}, "question", "begin the question with a space")
}

// front keeps the first bytes that are written to it, and then refuses.
type front struct{ bytes.Buffer }

func (f *front) Write(p []byte) (int, error) {
	if f.Len() > 1<<20 {
		return 0, io.ErrShortWrite
	}
	return f.Buffer.Write(p)
}

// ReadAt reads as if zeros followed for ever.
func (f *front) ReadAt(p []byte, at int64) (int, error) {
	clear(p)
	if at < int64(f.Len()) {
		copy(p, f.Bytes()[at:])
	}
	return len(p), nil
}

// A model that is larger than memory is refused before its weights are read, and the one in use stays.
func TestTooLarge(t *testing.T) {
	p := newPage(t)
	run := Request{Do: "run", Prompt: "that stone", Method: "full", N: 2, Seed: 4}
	want := tokensOf(p.must(run))
	large := &front{}
	shape := models.NewShape("", 1<<16, 1<<18, 100, 64, 64, 512) // 25 TB
	if err := models.WriteRandom(large, shape, checkpoint.F32, 1); !errors.Is(err, io.ErrShortWrite) {
		t.Fatal(err)
	}
	p.s.Open = func(Request) (*checkpoint.File, error) { return checkpoint.OpenGGUF(large, 1<<50, "large.gguf") }
	p.refused(Request{Do: "load", Device: "cpu"}, "model", "large.gguf does not fit into memory: it takes")
	if got := tokensOf(p.must(run)); !slices.Equal(got, want) {
		t.Errorf("afterwards the model in use writes %v, before %v", got, want)
	}
}

// The report holds what was asked for, the defaults and a replanning's changes too.
func TestReportSaysWhatRan(t *testing.T) {
	p := newPage(t)
	const text = "that stone was left"
	p.must(Request{Do: "run", Prompt: text, Question: " at the tower", Method: "full", KV: "f32", N: 2, Seed: 4})
	done := func(events []Event) *engine.Report { return events[len(events)-1].Done }
	again := done(p.must(Request{Do: "replan", Method: "window", Budget: 0.5, N: 3, Seed: 9, Sampler: sampling, Pins: []Span{{From: 0, To: len(text)}}}))
	want := engine.RunReport{
		Prompt: text, Question: " at the tower", KV: "f32", Positions: "text", Budget: 0.5, Pins: again.Run.Pins, N: 3, Seed: 9,
		Temperature: float32(sampling.Temperature), TopK: sampling.TopK, TopP: float32(sampling.TopP), MinP: float32(sampling.MinP), RepeatPenalty: float32(sampling.RepeatPenalty),
	}
	if !reflect.DeepEqual(again.Run, want) || len(want.Pins) == 0 || again.Version != engine.Version() || again.Stop == nil {
		t.Errorf("the report says\n%+v, want\n%+v; version %+v, end %v", again.Run, want, again.Version, again.Stop)
	}
}

// A branch at what was written anyway changes nothing.
func TestBranch(t *testing.T) {
	p := newPage(t)
	run := Request{Do: "run", Prompt: prompt, Question: " where is it", Method: "gvote", KV: "f32", N: 14, Seed: 9, Sampler: sampling}
	ids := tokensOf(p.must(run))
	if len(ids) < 8 {
		t.Fatalf("only %d tokens: this test needs more", len(ids))
	}
	branch := run
	branch.Do, branch.Token, branch.Choice, branch.N = "branch", 3, ids[3], len(ids)-4
	if got := tokensOf(p.must(branch)); !slices.Equal(got, ids[4:]) {
		t.Errorf("continuing as written gives %v, want %v", got, ids[4:])
	}
	// A branch of a branch keeps what was written before both.
	second := branch
	second.Token, second.Choice, second.N = 6, ids[6], len(ids)-7
	if got := tokensOf(p.must(second)); !slices.Equal(got, ids[7:]) {
		t.Errorf("continuing the branch as written gives %v, want %v", got, ids[7:])
	}
	p.must(run)
	branch.Token = len(ids)
	p.refused(branch, "token", "want 0 to")
	branch.Token, branch.Choice = 0, 320
	p.refused(branch, "choice", "no token 320")
	branch.Choice, branch.N = ids[0], 1<<20
	p.refused(branch, "n", "the context leaves")
	branch.N, branch.Seed = 1, -1
	p.refused(branch, "seed", "the seed is -1")
	replan := run
	replan.Do, replan.N = "replan", -1
	p.refused(replan, "n", "-1 tokens are wanted")
}

func TestPinsAndCells(t *testing.T) {
	p := newPage(t)
	at := strings.Index(prompt, "stone")
	pins := []Span{{at, at + 5}}
	events := p.must(Request{Do: "run", Prompt: prompt, Method: "window", Budget: 0.2, N: 2, Pins: pins})
	plan := planOf(t, events)
	var spans []PromptToken
	for _, e := range events {
		if e.Prompt != nil {
			spans = e.Prompt.Tokens
		}
	}
	pinned := 0
	for slot, span := range spans {
		if span.From < at+5 && span.To > at {
			pinned++
			for h, head := range plan.Heads {
				if head.Row[slot] < 0 {
					t.Errorf("head %d dropped the pinned slot %d", h, slot)
				}
			}
		}
	}
	if pinned == 0 {
		t.Error("no token was pinned")
	}
	// Without the pins they go.
	plan = planOf(t, p.must(Request{Do: "plan", Method: "window", Budget: 0.2, Pins: []Span{}}))
	if plan.Heads[0].Row[slices.IndexFunc(spans, func(s PromptToken) bool { return s.From >= at })] >= 0 {
		t.Error("an unpinned slot in the middle stayed in a window of a fifth")
	}

	plan = planOf(t, p.must(Request{Do: "plan", Method: "kvmerger", Options: map[string]string{"eps": "0"}}))
	for row, n := range plan.Heads[1].N {
		if n == 1 {
			continue
		}
		events := p.must(Request{Do: "cell", Layer: 0, Head: 1, Row: row})
		cell := events[0].Cell
		var sum float32
		for _, w := range cell.Weights {
			sum += w
		}
		if cell.N != n || len(cell.Slots) != n || cell.Pivot != plan.Heads[1].Pivot[row] || sum < 0.999 || sum > 1.001 {
			t.Errorf("row %d of n %d is %+v", row, n, cell)
		}
		return
	}
	t.Error("nothing was merged")
}

// Rows whose weights the plan brings show them, those of values apart.
func TestExplicitCells(t *testing.T) {
	p := newPage(t)
	planOf(t, p.must(Request{Do: "run", Prompt: prompt, Method: "full", N: 1}))
	for _, tc := range []struct {
		method string
		apart  bool
		valid  func(c *Cell) bool
	}{
		{"pivot", false, func(c *Cell) bool { return len(c.Slots) == c.N && c.Weights[slices.Index(c.Slots, c.Pivot)] == 1 }},
		{"cam", true, func(c *Cell) bool { return c.N == 1 && c.Slots[0] == c.Pivot && c.ValueWeights[1] == 1.0/32 }},
	} {
		plan := planOf(t, p.must(Request{Do: "plan", Method: tc.method, Budget: 0.5}))
		explicit := 0
		for row := range plan.Heads[0].N {
			cell := p.must(Request{Do: "cell", Row: row})[0].Cell
			if cell.Rule != "explicit" {
				continue
			}
			explicit++
			if len(cell.Weights) != len(cell.Slots) || (cell.ValueWeights != nil) != tc.apart || !tc.valid(cell) {
				t.Errorf("%s: row %d is %+v", tc.method, row, cell)
			}
		}
		if explicit == 0 {
			t.Errorf("%s: no row has weights of its own", tc.method)
		}
	}
}

func TestBallotsAndMap(t *testing.T) {
	p := newPage(t)
	plan := planOf(t, p.must(Request{Do: "run", Prompt: prompt, Method: "gvote", N: 1, Seed: 4}))
	ballots := p.must(Request{Do: "ballots", Layer: 1, Head: 0})[0].Ballots
	if len(ballots.Rounds) != 8 {
		t.Fatalf("%d rounds, want 8", len(ballots.Rounds))
	}
	landed := map[int]bool{}
	for _, round := range ballots.Rounds {
		for _, slot := range round {
			landed[slot] = true
		}
	}
	for slot, votes := range plan.Heads[1*plan.KVHeads].Votes {
		if landed[slot] != (votes > 0) {
			t.Errorf("slot %d: %d votes, landed %v", slot, votes, landed[slot])
		}
	}
	m := p.must(Request{Do: "map", Layer: 1, Head: 1})[0].Map
	if len(m.Cosine) != m.Slots*m.Slots {
		t.Fatalf("%d cosines of %d slots", len(m.Cosine), m.Slots)
	}
	p.must(Request{Do: "plan", Method: "kvmerger"})
	cosine := planOf(t, p.must(Request{Do: "plan", Method: "kvmerger"})).Heads[1*plan.KVHeads+1].Cosine
	for i := 1; i < m.Slots; i++ {
		if d := m.Cosine[i*m.Slots+i-1] - cosine[i]; d > 1e-5 || d < -1e-5 {
			t.Errorf("slot %d: the map says %g, the signal %g", i, m.Cosine[i*m.Slots+i-1], cosine[i])
		}
	}
	p.refused(Request{Do: "ballots", Layer: 1}, "method", "no ballots")
	p.refused(Request{Do: "map", Layer: 3}, "head", "want 0 to 2")
}

// needleOf returns the last state of the table among events.
func needleOf(t *testing.T, events []Event) *Needle {
	t.Helper()
	for _, e := range slices.Backward(events) {
		if e.Needle != nil {
			return e.Needle
		}
	}
	t.Fatal("no table among the events")
	return nil
}

func TestNeedle(t *testing.T) {
	p := newPage(t)
	const question = " where is it"
	run := Request{Do: "run", Prompt: prompt, Question: question, Method: "window", Budget: 0.2, KV: "f32", N: 6, Seed: 3, Sampler: sampling}
	writtenAt := func(change Request) string { // the first line that a run writes
		var text string
		for _, e := range p.must(change) {
			if e.Token != nil {
				text += e.Token.Text
			}
		}
		line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
		return line
	}
	small := writtenAt(run)
	whole := run
	whole.Budget = 1
	if other := writtenAt(whole); small == "" || isFound(other, small) {
		t.Fatalf("in the small window %q is written, in the whole cache %q: this test needs two texts", small, other)
	}

	// The answer is what the run in a window of 0.2 writes: it is found there, and the
	// second text has a row of its own.
	table := run
	table.Do, table.Prompt, table.Budget = "needle", "", 0
	table.Texts, table.Answer = []string{prompt, prompt[:60]}, " "+strings.ToUpper(small)
	got := needleOf(t, p.must(table))
	if len(got.Found) != 2 || len(got.Found[0]) != len(got.Sizes) || len(got.Found[1]) != len(got.Sizes) {
		t.Fatalf("the table is %+v, want two rows of %d", got, len(got.Sizes))
	}
	if at := slices.Index(got.Sizes, 0.2); got.Option != "" || !got.Found[0][at] || got.Found[0][0] {
		t.Errorf("the table is %+v, want the answer in the column of 0.2 and not in the first", got)
	}
	// The run is still there.
	if again := writtenAt(Request{Do: "replan", Method: "window", Budget: 0.2, N: 6, Seed: 3, Sampler: sampling}); again != small {
		t.Errorf("after the table the same plan writes %q, before it wrote %q", again, small)
	}

	// An adaptive method is sized by its option; a given one makes way for a budget.
	table.Texts, table.Method = table.Texts[:1], "gvote"
	if got := needleOf(t, p.must(table)); got.Option != "p_nuc" || got.Sizes[0] != 1 || len(got.Found[0]) != len(got.Sizes) {
		t.Errorf("the table of gvote is %+v", got)
	}
	table.Method, table.Options = "kvmerger", map[string]string{"eps": "0.5"}
	p.must(table)

	for _, tc := range []struct {
		field, message string
		change         func(*Request)
	}{
		{"texts", "no text", func(r *Request) { r.Texts = nil }},
		{"answer", "empty", func(r *Request) { r.Answer = " " }},
		{"method", "no size to vary", func(r *Request) { r.Method, r.Options = "full", nil }},
		{"method", "unknown method", func(r *Request) { r.Method = "h3o" }},
		{"kv", "want f16", func(r *Request) { r.KV = "q5_0" }},
	} {
		bad := table
		tc.change(&bad)
		p.refused(bad, tc.field, tc.message)
	}
}

// Stop ends a table where it is.
func TestStopNeedle(t *testing.T) {
	p := newPage(t)
	var last Event
	cells := 0
	p.s.Handle(Request{Do: "needle", Texts: []string{prompt}, Answer: "stone", Method: "window", N: 3}, func(e Event) {
		last = e
		if e.Needle != nil && len(e.Needle.Found) > 0 {
			if cells++; cells == 2 {
				p.s.Stop()
			}
		}
	})
	if cells != 2 || last.Failed == nil || last.Failed.Message != "stopped" {
		t.Errorf("stopped after %d cells with %+v", cells, last.Failed)
	}
}

// The page learns from the description of a method what it may ask of it.
func TestMethodsAreDescribed(t *testing.T) {
	described := map[string]Method{}
	for _, m := range methods() {
		described[m.Name] = m
		if m.Size != nil && m.TakesBudget {
			t.Errorf("%s is sized by a budget and by %s", m.Name, m.Size.Option)
		}
		for _, o := range m.Options {
			if o.ByBudget && !m.TakesBudget {
				t.Errorf("%s: a budget chooses %s, and it takes none", m.Name, o.Key)
			}
			if o.ByBudget {
				_, err := newMethod(Request{Method: m.Name, Budget: 0.5, Options: map[string]string{o.Key: o.Default}})
				if err == nil {
					t.Errorf("%s takes %s beside a budget", m.Name, o.Key)
				}
			}
		}
	}
	for _, name := range []string{"gvote", "votefold"} {
		if m := described[name]; !m.Votes || m.Size == nil || m.Size.Option != "p_nuc" || m.Size.Label != "attention to keep" {
			t.Errorf("%s is described as %+v", name, m)
		}
	}
	if m := described["kvmerger"]; m.Votes || m.Size != nil || !m.Options[0].ByBudget {
		t.Errorf("kvmerger is described as %+v", m)
	}
	if got := voting(); got != "gvote or votefold" {
		t.Errorf("methods that vote: %q", got)
	}
	opening := compress.Opening()
	if m := described[opening.Name]; !m.TakesBudget || opening.Budget <= 0 {
		t.Errorf("a page opens on %+v", opening)
	}
}

func TestStopAndStep(t *testing.T) {
	p := newPage(t)
	var tokens int
	run := Request{Do: "run", Prompt: prompt, Method: "full", N: 40, Seed: 3, Sampler: sampling}
	var last Event
	p.s.Handle(run, func(e Event) {
		last = e
		if e.Token != nil {
			if tokens++; tokens == 3 {
				p.s.Stop()
			}
		}
	})
	if tokens != 3 || last.Done == nil || len(last.Done.Tokens) != 3 {
		t.Errorf("stopped after %d tokens with %+v, want a report of 3", tokens, last)
	}
	// A stopped run can be planned again, and a new one made.
	p.must(Request{Do: "replan", Method: "window", N: 2})
	run.StepByStep, tokens = true, 0
	p.s.Handle(run, func(e Event) {
		if e.Token != nil {
			if tokens++; tokens == 4 {
				p.s.Stop()
				return
			}
			p.s.Step()
		}
	})
	if tokens != 4 {
		t.Errorf("%d steps, want 4", tokens)
	}
}

func TestBadRequests(t *testing.T) {
	empty := &page{t, &Session{}}
	if f := empty.ask(Request{Do: "run"})[0].Failed; f == nil || f.Message != "no model is loaded yet" {
		t.Errorf("a run without a model: %+v", f)
	}
	p := newPage(t)
	if f := p.ask(Request{Do: "replan"})[0].Failed; f == nil || f.Message != "nothing has been run yet" {
		t.Errorf("a re-plan of nothing: %+v", f)
	}
	good := Request{Do: "run", Prompt: prompt, Method: "window", N: 3, Seed: 1}
	p.must(good)
	for _, tc := range []struct {
		field, message string
		change         func(*Request)
	}{
		{"prompt", "context is 1024", func(r *Request) { r.Prompt = strings.Repeat(prompt, 40) }},
		{"n", "5000 tokens are wanted", func(r *Request) { r.N = 5000 }},
		{"kv", `"q5_0", want f16, f32, q8_0 or q4_0`, func(r *Request) { r.KV = "q5_0" }},
		{"kv", "multiple of 32, and this model's is 16", func(r *Request) { r.KV = "q8_0" }},
		{"seed", "want 0 to", func(r *Request) { r.Seed = -1 }},
		{"budget", "want 0 < R <= 1", func(r *Request) { r.Budget = 2 }},
		{"method", `unknown method "h3o"`, func(r *Request) { r.Method = "h3o" }},
		{"method", "kvzip asks for more than one reading of the prompt", func(r *Request) { r.Method = "kvzip" }},
		{"options", "unknown option", func(r *Request) { r.Options = map[string]string{"x": "1"} }},
		{"budget", "want none", func(r *Request) { r.Method, r.Budget = "gvote", 0.5 }},
		{"budget", "out of reach", func(r *Request) { r.Method, r.Budget = "kvmerger", 0.01 }},
		{"sampler", "top-p is 3", func(r *Request) { r.Sampler = &Sampler{TopP: 3, RepeatPenalty: 1} }},
		{"do", "unknown request", func(r *Request) { r.Do = "dance" }},
	} {
		bad := good
		tc.change(&bad)
		p.refused(bad, tc.field, tc.message)
	}
	// The run before them is still there.
	p.must(Request{Do: "replan", Method: "window", N: 2})
}
