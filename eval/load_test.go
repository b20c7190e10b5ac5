package eval

import (
	"reflect"
	"strings"
	"testing"

	"keyfold/corpus"
)

func TestRead(t *testing.T) {
	for _, tc := range []struct {
		layout, name, text string
		want               []Example
	}{
		{
			"ruler", "data/niah_single_1.jsonl",
			`{"index": 0, "input": "A magic number is hidden.\nThe grass is green.\nWhat is it? It is", "outputs": ["1234"], "length": 90}
` + "\n" + // an empty line counts
				`{"index": 0, "input": "Grass.\nWhat is it?\n", "outputs": ["1", "2"], "answer_prefix": " They are"}`,
			[]Example{
				{
					ID: "data/niah_single_1.jsonl/1", Task: "niah_single_1",
					Context: "A magic number is hidden.\nThe grass is green.",
					Asks:    []Ask{{Question: "\nWhat is it? It is", Answers: []string{" 1234"}, Items: []string{"1234"}, Metric: "recall", Tokens: 128}},
				},
				{
					ID: "data/niah_single_1.jsonl/3", Task: "niah_single_1", Context: "Grass.",
					Asks: []Ask{{
						Question: "\nWhat is it?\n", Prefix: " They are", Answers: []string{" 1 2"}, Items: []string{"1", "2"}, Metric: "recall", Tokens: 128,
					}},
				},
			},
		},
		{
			"ruler", `qa_2\validation.jsonl`, `{"input": "Paris.\n\nQuestion: Where? Answer:", "outputs": ["Paris", "France"]}`,
			[]Example{{
				ID: `qa_2\validation.jsonl/1`, Task: "qa_2", Context: "Paris.\n",
				Asks: []Ask{{
					Question: "\nQuestion: Where? Answer:", Answers: []string{"Paris", "France"}, Metric: "recall-any", Tokens: 32,
				}},
			}},
		},
		{
			"longbench", "l.jsonl",
			`{"input": "Who? %d", "context": "Ann.", "answers": ["Ann"], "dataset": "qasper", "all_classes": null, "length": 3, "_id": "x"}
{"input": "", "context": "News.", "answers": ["N"], "dataset": "multi_news_e"}
{"input": "Question: How many?\nType:", "context": "C", "answers": ["Num"], "dataset": "trec", "all_classes": ["Num", "Food"]}`,
			[]Example{
				{ID: "l.jsonl/1", Task: "qasper", Context: "Ann.", Asks: []Ask{{
					Question: "\n\nQuestion: Who? %d\n", Prefix: "Answer:", Answers: []string{"Ann"}, Metric: "f1", Tokens: 128,
				}}},
				{ID: "l.jsonl/2", Task: "multi_news_e", Context: "News.", Asks: []Ask{{
					Question: "\n\nA summary of the above in one page:\n", Answers: []string{"N"}, Metric: "rouge-l", Tokens: 512,
				}}},
				{ID: "l.jsonl/3", Task: "trec", Context: "C", Asks: []Ask{{
					Question: "\n\nQuestion: How many?\nType:", Answers: []string{"Num"}, Metric: "classification", FirstLine: true,
					Tokens: 64, Choices: []string{"Num", "Food"},
				}}},
			},
		},
		{
			"gsm8k", "test.jsonl", `{"question": "Tom has 1,000 and 2.", "answer": "1000 + 2 = <<1000+2=1002>>1002\n#### 1,002"}`,
			[]Example{{ID: "test.jsonl/1", Task: "test", Context: "Tom has 1,000 and 2.", Asks: []Ask{{
				Question: "\n", Prefix: "Answer:", Answers: []string{"1,002"}, Metric: "number", Tokens: 256,
			}}}},
		},
	} {
		got, err := Read(strings.NewReader(tc.text), tc.layout, tc.name)
		if err != nil || !reflect.DeepEqual(got, tc.want) {
			t.Errorf("%s %s:\n%+v, %v, want\n%+v", tc.layout, tc.name, got, err, tc.want)
		}
	}
}

func TestReadRefuses(t *testing.T) {
	for _, tc := range []struct{ layout, text, want string }{
		{"squad", "{}", `no layout "squad"; there are gsm8k, longbench, ruler`},
		{"gsm8k", "\n \n", "x.jsonl has no line with an example"},
		{"gsm8k", "{\"question\": \"q\", \"answer\": \"#### 1\"}\n{\"question\": ", "x.jsonl line 2: unexpected end"},
		{"gsm8k", `{"question": "q"}`, `x.jsonl line 1: no field "answer"`},
		{"gsm8k", `{"question": "q", "Answer": "#### 1"}`, `no field "answer"`},
		{"gsm8k", `{"question": "q", "answer": "7"}`, `no number behind ####: "7"`},
		{"gsm8k", `{"question": "q", "answer": "7 #### seven"}`, `no number behind ####`},
		{"ruler", `{"input": "a\nb", "outputs": null}`, `line 1: no field "outputs"`},
		{"ruler", `{"input": "a\nb", "outputs": []}`, `"outputs" is empty`},
		{"ruler", `{"input": "a\nb", "outputs": "b"}`, `field "outputs": json: cannot unmarshal string`},
		{"ruler", `{"input": "one line\n", "outputs": ["b"]}`, "has one line, so the question cannot be told"},
		{"ruler", `{"input": "\none line", "outputs": ["b"]}`, "has one line"},
		{"longbench", `{"input": "q", "answers": ["a"], "dataset": "qasper"}`, `no field "context"`},
		{"longbench", `{"input": "q", "context": "c", "answers": ["a"], "dataset": "vcsum"}`, `no metric for the dataset "vcsum"; there are 2wikimqa,`},
		{"longbench", `{"input": "q", "context": "c", "answers": ["a"], "dataset": "trec", "all_classes": null}`, `no field "all_classes"`},
		{"longbench", `{"input": "q", "context": "c", "answers": [], "dataset": "trec"}`, `"answers" is empty`},
	} {
		got, err := Read(strings.NewReader(tc.text), tc.layout, "x.jsonl")
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s %s: %v, %v; want the error %q", tc.layout, tc.text, got, err, tc.want)
		}
	}
}

// What the tables name must exist, and every example must be scorable.
func TestLongBenchMetricsExist(t *testing.T) {
	for name, d := range longBench {
		ask := Ask{Answers: []string{"7"}, Choices: []string{"7"}}
		if got, err := Score(d.metric, "7", ask); err != nil || got < 1-1e-8 {
			t.Errorf("%s: %s of equal texts is %v, %v; want 1", name, d.metric, got, err)
		}
		if d.tokens < 32 || d.question == "" {
			t.Errorf("%s: %+v", name, d)
		}
	}
}

func TestFromCorpus(t *testing.T) {
	d := corpus.Document{
		Task: "pets", Seed: 7, Context: "Rain fell. Ann has a cat. It sleeps.\n",
		Asks: []corpus.Ask{
			{
				Question: "Question: What pet?\nAnswer:", Answer: " a cat", Kind: "pet", Marked: true, Guess: 0.5,
				Evidence: [][2]int{{10, 25}, {25, 36}}, HeldOut: true,
			},
			{Question: "Question: 3 + 4?\nAnswer:", Answer: " 7", Number: true},
		},
	}
	want := Example{ID: "pets/7", Task: "pets", Context: d.Context, Asks: []Ask{
		{
			Question: "Question: What pet?\n", Prefix: "Answer:", Answers: []string{" a cat"}, Metric: "exact", FirstLine: true,
			Kind: "pet", Marked: true, HeldOut: true, Guess: 0.5, Depth: 10.0 / 37, Without: "Rain fell.\n",
		},
		{Question: "Question: 3 + 4?\n", Prefix: "Answer:", Answers: []string{" 7"}, Metric: "number", FirstLine: true},
	}}
	if got := FromCorpus(d); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}
