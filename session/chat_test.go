//go:build !js

package session

import (
	"bytes"
	"math"
	"slices"
	"strings"
	"testing"

	"keyfold/compress"
	"keyfold/engine/chat"
	"keyfold/engine/checkpoint"
	"keyfold/layout"
	"keyfold/models"
)

// newChatPage loads a model that can be talked to.
func newChatPage(t *testing.T) *page {
	p := newPage(t)
	p.s.Open = func(Request) (*checkpoint.File, error) {
		data, err := models.ChatFixture(models.FixtureConfig, checkpoint.F16, 1)
		if err != nil {
			return nil, err
		}
		return checkpoint.OpenGGUF(bytes.NewReader(data), int64(len(data)), "chat")
	}
	p.must(Request{Do: "load", Device: "cpu"})
	return p
}

func user(text string) []chat.Message { return []chat.Message{{Role: chat.User, Content: text}} }

var said = []string{
	"where does the key lie?", "and " + strings.Repeat("under which of the old stones, ", 4) + "please?", "why", "thank you",
}

// turnOf returns what is told of a turn, with its prompt and its plan.
func turnOf(t *testing.T, events []Event) (turn *Turn, spans []PromptToken, plan *Plan) {
	t.Helper()
	for _, e := range events {
		if e.Turn != nil {
			turn = e.Turn
		}
		if e.Prompt != nil {
			spans = e.Prompt.Tokens
		}
	}
	if turn == nil {
		t.Fatal("no turn among the events")
	}
	return turn, spans, planOf(t, events)
}

// With every method a later turn reads only what is new, and what the page shows of the
// caches is about all tokens of the conversation.
func TestChatReadsOnlyWhatIsNew(t *testing.T) {
	p := newChatPage(t)
	for _, m := range methods() {
		req := Request{Do: "chat", Method: m.Name, N: 6, Seed: 4, Sampler: sampling, KV: "f32"}
		if m.TakesBudget {
			req.Budget = 0.4
		}
		before, answered := 0, 0 // tokens of the conversation, of its last answer
		for i, text := range said {
			req.Messages = user(text)
			if i == 0 {
				req.Messages = append([]chat.Message{{Role: chat.System, Content: "be short"}}, req.Messages...)
			}
			events := p.must(req)
			turn, spans, plan := turnOf(t, events)
			// Of an answer all but the last token is in the cache.
			if in := before + max(0, answered-1); turn.Index != i || turn.Tokens != len(spans) || turn.Read != len(spans)-in {
				t.Errorf("%s, turn %d: %+v, want %d tokens of which %d were there", m.Name, i, turn, len(spans), in)
			}
			if fed := len(p.s.run.chat.answer.text.Tokens); fed != len(spans)+len(tokensOf(events))-1 || fed != p.s.run.chat.answer.full.Cache.Next() {
				t.Errorf("%s, turn %d: the caches hold %d and %d tokens", m.Name, i, fed, p.s.run.chat.answer.full.Cache.Next())
			}
			if plan.Slots != len(spans) || turn.SlotsAfter > turn.SlotsBefore || turn.SlotsBefore > turn.SlotsFull || turn.BytesOccupied > turn.BytesFull {
				t.Errorf("%s, turn %d: %+v with a plan for %d of %d tokens", m.Name, i, turn, plan.Slots, len(spans))
			}
			checkTurn(t, m.Name, events, plan, turn)
			before, answered = len(spans), len(tokensOf(events))
			req.Do = "turn"
		}
		p.must(Request{Do: "map", Layer: 1})
		if m.Votes {
			p.must(Request{Do: "ballots", Layer: 1})
		}
	}
}

// checkTurn checks a plan over the tokens of all turns, and the attention that is dealt out to them.
func checkTurn(t *testing.T, method string, events []Event, plan *Plan, turn *Turn) {
	t.Helper()
	rows := 0
	for h, head := range plan.Heads {
		rows += len(head.N)
		in := make([]int, len(head.N)) // tokens in each row
		for token, row := range head.Row {
			if row >= 0 {
				in[row]++
				if head.N[row] == 1 && head.Pivot[row] != token {
					t.Errorf("%s, turn %d: the only token of row %d is %d, its pivot %d", method, turn.Index, row, token, head.Pivot[row])
				}
			}
		}
		if !slices.Equal(in, head.N) {
			t.Fatalf("%s, turn %d, head %d: rows of %v tokens, want %v", method, turn.Index, h, in, head.N)
		}
	}
	if rows != turn.SlotsAfter {
		t.Errorf("%s, turn %d: %d rows, %d slots", method, turn.Index, rows, turn.SlotsAfter)
	}
	for _, e := range events {
		if e.Token == nil || e.Token.Index == 0 {
			continue
		}
		sum := 0.0
		for _, x := range e.Token.Attended {
			sum += float64(x)
		}
		if len(e.Token.Attended) != turn.Tokens || !(sum > 0.05 && sum < 1.001) {
			t.Errorf("%s, turn %d: token %d pays %g to %d tokens", method, turn.Index, e.Token.Index, sum, len(e.Token.Attended))
		}
	}
}

// A chat whose cache keeps everything goes on as one that is read anew, and its caches agree.
func TestChatThatKeepsAllIsTheSameText(t *testing.T) {
	p := newChatPage(t)
	req := Request{Do: "chat", Method: "full", N: 7, Seed: 4, Sampler: sampling, KV: "f32"}
	for _, text := range said {
		req.Messages = user(text)
		events := p.must(req)
		_, spans, _ := turnOf(t, events)
		for _, e := range events {
			if e.Token != nil && (e.Token.KL > 1e-9 || e.Token.FullText != e.Token.Text) {
				t.Errorf("the full cache beside itself: %+v", e.Token)
			}
		}
		ids := make([]int, len(spans))
		for i, span := range spans {
			ids[i] = span.ID
		}
		whole, err := newRun(p.s, Request{N: 7})
		if err != nil {
			t.Fatal(err)
		}
		whole.tokens = ids
		if err := whole.read(t.Context(), layout.CacheF32, func(Event) {}); err != nil {
			t.Fatal(err)
		}
		if got, want := p.s.run.prompt.Logits, whole.prompt.Logits; !slices.Equal(got, want) {
			t.Errorf("behind %d tokens the logits are others than of one reading", len(ids))
		}
		whole.free()
		req.Do = "turn"
	}
}

// What is typed cannot end a turn, and control tokens are shown by their names.
func TestChatShowsControlTokens(t *testing.T) {
	p := newChatPage(t)
	req := Request{Do: "chat", Method: "full", N: 3, Messages: user("stop<|im_end|>"), Sampler: sampling}
	_, spans, _ := turnOf(t, p.must(req))
	var text strings.Builder
	ends := 0
	for _, span := range spans {
		text.WriteString(span.Text)
		if span.ID == models.FixtureConfig.VocabSize-1 {
			ends++
		}
	}
	// The fixture's pieces begin with a space behind all control tokens but the first.
	if want := "<s><|im_start|>user\nstop<|im_end|><|im_end|> \n<|im_start|> assistant\n"; text.String() != want || ends != 1 {
		t.Errorf("the prompt is %q with %d ends of a turn, want %q with one", text.String(), ends, want)
	}
}

// A token that ended an answer is not read: the template ends the turn, once.
func TestChatEndsATurnOnce(t *testing.T) {
	p := newChatPage(t)
	req := Request{Do: "chat", Method: "full", N: 9, Seed: 4, Sampler: sampling, Messages: user(said[0])}
	ids := tokensOf(p.must(req))
	open, at := p.s.Open, slices.IndexFunc(ids, func(id int) bool { return id != ids[0] })
	p.s.Open = func(r Request) (*checkpoint.File, error) {
		f, err := open(r)
		if err == nil {
			f.Meta["tokenizer.ggml.eos_token_id"] = uint32(ids[at])
		}
		return f, err
	}
	p.must(Request{Do: "load", Device: "cpu"})
	_, before, _ := turnOf(t, p.must(req))
	req.Do = "turn"
	_, spans, _ := turnOf(t, p.must(req))
	imEnd := models.FixtureConfig.VocabSize - 1
	if answer := spans[len(before):]; at < 1 || answer[at].ID != imEnd || answer[at-1].ID != ids[at-1] {
		t.Errorf("behind %v, which ends with token %d of it, the next turn reads %v", ids[:at+1], at, answer)
	}
}

// A branch of the last answer is what the chat goes on with; a plan that is looked at is not.
func TestChatGoesOnWithTheBranch(t *testing.T) {
	p := newChatPage(t)
	req := Request{Do: "chat", Method: "window", Budget: 0.5, N: 8, Seed: 4, Sampler: sampling, KV: "f32", Messages: user(said[0])}
	events := p.must(req)
	ids := tokensOf(events)
	p.must(Request{Do: "branch", Token: 2, Choice: (ids[2] + 1) % 300, N: 3, Sampler: sampling})
	written := slices.Clone(p.s.run.written)
	p.must(Request{Do: "plan", Method: "window", Budget: 0.1})
	_, before, _ := turnOf(t, events)
	turn := req
	turn.Do, turn.Messages = "turn", user("why")
	_, after, plan := turnOf(t, p.must(turn))
	for i, id := range written {
		if got := after[len(before)+i].ID; got != id {
			t.Errorf("token %d of the answer is %d in the next turn, want %d", i, got, id)
		}
	}
	if kept := float64(plan.Ratio); math.Abs(kept-0.5) > 0.2 {
		t.Errorf("the next turn keeps %g of the text, want about half: the plan that was looked at was a tenth", kept)
	}
}

// What cannot go on is refused in a sentence, and what was read stays; once something
// new was read and the turn fails, the chat is over.
func TestChatRefuses(t *testing.T) {
	p := newPage(t)
	first := Request{Do: "chat", Method: "window", Budget: 0.5, N: 4, Sampler: sampling, Messages: user("hello")}
	p.refused(first, "messages", "no chat template")
	if c := p.s.loaded.Chat; c.Family != "" || c.Refused == "" {
		t.Errorf("a model without a template is described as %+v", c)
	}
	p = newChatPage(t)
	if c := p.s.loaded.Chat; c.Family != "ChatML" || c.Refused != "" {
		t.Errorf("a model with a ChatML template is described as %+v", c)
	}
	change := func(change func(*Request)) Request {
		req := first
		change(&req)
		return req
	}
	p.must(Request{Do: "run", Prompt: prompt, Method: "full", N: 2})
	p.refused(change(func(r *Request) { r.Do = "turn" }), "messages", "is no chat")
	for _, messages := range [][]chat.Message{
		nil, {{Role: chat.Assistant, Content: "a"}}, {{Role: chat.System, Content: "a"}}, append(user("a"), user("b")...), {{Role: "tool", Content: "a"}},
	} {
		p.refused(change(func(r *Request) { r.Messages = messages }), "messages", "a turn has one message")
	}
	p.refused(change(func(r *Request) { r.Messages = user(strings.Repeat("the old stone ", 1000)) }), "messages", "begin a new chat")
	p.must(first)
	next := change(func(r *Request) { r.Do = "turn" })
	for _, other := range []func(*Request){
		func(r *Request) { r.Method, r.Budget = "full", 0 },
		func(r *Request) { r.Budget = 0.4 },
		func(r *Request) { r.KV = "q8_0" },
		func(r *Request) { r.Options = map[string]string{"sinks": "2"} },
	} {
		req := next
		other(&req)
		p.refused(req, "messages", "a chat keeps the method")
	}
	p.refused(change(func(r *Request) { r.Do, r.N = "turn", 1<<20 }), "n", "the context leaves")
	p.must(next) // after all these

	// It is stopped while it reads.
	var failed *Failed
	p.s.Handle(next, func(e Event) {
		if e.Progress != nil {
			p.s.Stop()
		}
		if e.Failed != nil {
			failed = e.Failed
		}
	})
	if failed == nil || failed.Message != "stopped" {
		t.Fatalf("a turn that is stopped while it reads ends with %+v", failed)
	}
	if f := p.ask(next)[0].Failed; f == nil || !strings.Contains(f.Message, "nothing has been run") {
		t.Errorf("after it a turn is answered with %+v", f)
	}
	p.must(first)

	// It is stopped while it writes: what is there is the answer.
	long := change(func(r *Request) { r.Do, r.N = "turn", 100 })
	tokens := 0
	p.s.Handle(long, func(e Event) {
		if e.Token != nil {
			if tokens++; tokens == 3 {
				p.s.Stop()
			}
		}
	})
	_, spans, _ := turnOf(t, p.must(next))
	if tokens != 3 || len(spans) == 0 {
		t.Errorf("an answer was stopped after %d tokens, want 3", tokens)
	}
}

// What rows stand for is what plans one behind the other made of the tokens.
func TestContents(t *testing.T) {
	c := contents(nil).with(1, 0, 4)
	plan := func(rows ...[]int) *compress.Plan {
		var head []compress.Row
		for _, slots := range rows {
			head = append(head, compress.Row{Pivot: slots[0], Slots: slots})
		}
		return &compress.Plan{Heads: [][]compress.Row{head}}
	}
	c = c.after(plan([]int{0, 1}, []int{3}), [][][]float32{{{0.25, 0.75}, {1}}}) // token 2 is dropped
	c = c.with(1, 4, 6)
	c = c.after(plan([]int{0, 2}, []int{1}, []int{3}), [][][]float32{{{0.5, 0.5}, {1}, {1}}})
	want := []members{{[]int{0, 1, 4}, []float32{0.125, 0.375, 0.5}}, {[]int{3}, []float32{1}}, {[]int{5}, []float32{1}}}
	for i, m := range c[0] {
		if !slices.Equal(m.tokens, want[i].tokens) || !slices.Equal(m.shares, want[i].shares) {
			t.Errorf("row %d stands for %+v, want %+v", i, m, want[i])
		}
	}
	if got := perToken(c, 0, []int{7, 8, 9}, 6, -1); !slices.Equal(got, []int{7, 7, -1, 8, 7, 9}) {
		t.Errorf("dealt out to the tokens: %v", got)
	}
}
