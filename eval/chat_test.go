package eval

import (
	"slices"
	"strings"
	"testing"

	"keyfold/corpus"
	"keyfold/engine"
	"keyfold/engine/chat"
)

// chatTemplate is ChatML in the vocabulary of the fixture, where its control tokens are text like any other.
func chatTemplate(t *testing.T, e *engine.Engine) *chat.Template {
	t.Helper()
	const chatML = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}" +
		"{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
	template, err := chat.New(chatML, e.Tokenizer)
	if err != nil {
		t.Fatal(err)
	}
	return template
}

// A chat model's full cache writes what it writes behind the whole conversation, under both protocols; outside, the
// context with the beginning of the user's turn is compressed, and inside all up to the answer.
func TestChatAsksInTheTemplate(t *testing.T) {
	e, examples := openModel(t), tinyExamples(2)
	for i := range examples {
		for j := range examples[i].Asks {
			ask := &examples[i].Asks[j]
			ask.Question, ask.Prefix, ask.Tokens = strings.TrimSuffix(ask.Question, "answer:"), " answer:", 20
			ask.FirstLine = false
		}
	}
	template := chatTemplate(t, e)
	slot := 0 // bytes of a token
	for _, protocol := range []Protocol{Outside, Inside} {
		c := tinyConfig(t, "window", []float64{0.3}, len(examples))
		c.Protocol, c.Removed = protocol, true
		s := newSweep(t, e, c, examples)
		s.UseChat(template)
		for i, r := range sweep(t, s) {
			if r.Skipped != "" {
				t.Fatal(r.Skipped)
			}
			ex := examples[i]
			begun := "<|im_start|>user\n" + ex.Context
			if want := bosAnd(e, tokensOf(t, e, begun)); r.Tokens != want {
				t.Errorf("%s: the context has %d tokens, want %d", r.ID, r.Tokens, want)
			}
			for _, run := range r.Runs {
				for _, a := range run.Answers {
					ask := ex.Asks[a.Ask]
					if a.Exact == nil || a.Recall == nil {
						t.Fatalf("%s: %s has no score by exact and recall", r.ID, run.Method)
					}
					context := ex.Context
					switch run.Method {
					case Removed:
						context = ask.Without
					case Full:
					default:
						continue
					}
					prompt := "<|im_start|>user\n" + context + strings.TrimSpace(ask.Question) + "<|im_end|>\n<|im_start|>assistant\nanswer:"
					if want := goOn(t, e, prompt, ask.Tokens); a.Wrote != want {
						t.Errorf("%s, %s, ask %d, %s: wrote %q, want %q", protocol, r.ID, a.Ask, run.Method, a.Wrote, want)
					}
					if run.Method == Removed {
						continue
					}
					compressed := r.Tokens
					if protocol == Inside {
						compressed = bosAnd(e, tokensOf(t, e, prompt))
					} else {
						slot = run.BytesFull / compressed
					}
					if run.BytesFull != slot*compressed {
						t.Errorf("%s, %s: %d bytes were compressed, want %d tokens of %d", protocol, r.ID, run.BytesFull, compressed, slot)
					}
				}
			}
		}
	}
}

func bosAnd(e *engine.Engine, n int) int {
	if e.Tokenizer.AddsBOS() {
		return n + 1
	}
	return n
}

// goOn returns what the model writes behind a text, through all lines.
func goOn(t *testing.T, e *engine.Engine, text string, n int) string {
	t.Helper()
	wrote := ""
	for left := n; left > 0; { // greedy stops after a line
		more := greedy(t, e, text+wrote, left)
		if more == "" {
			break
		}
		wrote += more
		left = n - tokensOf(t, e, wrote)
	}
	return wrote
}

// Answers of the corpus count by the metric that was chosen, and a chat model's may have several lines.
func TestMetricOfTheCorpus(t *testing.T) {
	e := openModel(t)
	doc := corpus.Document{Asks: []corpus.Ask{{Question: "Question: What?\nAnswer:", Answer: " a cat"}, {Answer: " 7", Number: true}}}
	for _, tc := range []struct {
		metric string
		chat   bool
		want   []string
	}{
		{"", false, []string{"exact", "number"}},
		{"recall", false, []string{"recall", "number"}},
		{"recall", true, []string{"recall", "number"}},
	} {
		s := &Sweep{Config: Config{Metric: tc.metric}}
		if tc.chat {
			s.UseChat(chatTemplate(t, e))
		}
		var got []string
		for _, ask := range s.asked(FromCorpus(doc)).Asks {
			got = append(got, ask.Metric)
			if ask.FirstLine == tc.chat {
				t.Errorf("%+v: only the first line counts: %v", tc, ask.FirstLine)
			}
		}
		if !slices.Equal(got, tc.want) {
			t.Errorf("%+v: metrics %v", tc, got)
		}
	}
	if exactly, found := bothWays(" Ida has A CAT.", Ask{Answers: []string{" a cat"}}); *exactly != 0 || *found != 1 {
		t.Errorf("a sentence: exact %g, recall %g", *exactly, *found)
	}
	list := Ask{Answers: []string{" the well and the inn"}, Items: []string{"the well", "the inn"}}
	if exactly, found := bothWays("It was the inn, then the Well.", list); *exactly != 0 || *found != 1 {
		t.Errorf("a list in another order: exact %g, recall %g", *exactly, *found)
	}
	if _, found := bothWays("It was the inn.", list); *found != 0.5 {
		t.Errorf("half a list: recall %g", *found)
	}
	if exactly, found := bothWays(" a cat", Ask{Answers: []string{" a cat"}}); *exactly != 1 || *found != 1 {
		t.Errorf("the reference: exact %g, recall %g", *exactly, *found)
	}
}

// Tables and files show both ways to count, under their names.
func TestReportOfAChat(t *testing.T) {
	variants, err := Variants("window", nil, 1)
	if err != nil {
		t.Fatal(err)
	}
	one, none := 1.0, 0.0
	c := Config{Tasks: []string{"fact"}, Variants: variants, Chat: "ChatML", Metric: "recall"}
	r := Result{Item: Item{"fact", 64, 0}, ID: "a", Asks: []Question{{}, {}}}
	for _, v := range variants {
		r.Runs = append(r.Runs, Run{Method: v.Method, Ratio: 1, Bytes: 1, BytesFull: 1, Answers: []Answer{
			{Ask: 0, Score: 1, Recall: &one, Exact: &one}, {Ask: 1, Score: 1, Recall: &one, Exact: &none},
		}})
	}
	report, err := NewReport(c, []Result{r}, Full)
	if err != nil {
		t.Fatal(err)
	}
	var table, csv, svg strings.Builder
	if err := report.WriteTable(&table); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"recall, %   fact", "full  100.0", "exact, %   fact", "full   50.0", "chat template (ChatML)"} {
		if !strings.Contains(table.String(), want) {
			t.Errorf("no %q in\n%s", want, table.String())
		}
	}
	if err := report.WriteCSV(&csv); err != nil || !strings.Contains(csv.String(), ",false,1,0.5,1,") {
		t.Errorf("%v; want score 1, exact 0.5, recall 1 in\n%s", err, csv.String())
	}
	if err := report.Charts()[0].Write(&svg); err != nil || !strings.Contains(svg.String(), "recall, mean") {
		t.Errorf("the drawing does not say recall (%v)", err)
	}

	// A model that is no chat model has the one score.
	report.Config.Chat, report.Config.Metric = "", ""
	table.Reset()
	if err := report.WriteTable(&table); err != nil || strings.Contains(table.String(), "exact") || !strings.Contains(table.String(), "score, %") {
		t.Errorf("%v\n%s", err, table.String())
	}
}
