package eval

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"keyfold/corpus"
)

// A document of the corpus and the same in a file of RULER's are asked the same.
func TestRULERBothWays(t *testing.T) {
	haystack, err := corpus.NewHaystack(strings.Repeat("Light is bent by glass. It has colours. ", 400))
	if err != nil {
		t.Fatal(err)
	}
	for _, task := range corpus.RULERTasks() {
		d, err := corpus.New(task.Name, corpus.EvalFrom, corpus.Size{Tokens: 1200, Haystack: haystack})
		if err != nil {
			t.Fatal(err)
		}
		from := d.Asks[0]
		line, err := json.Marshal(map[string]any{
			"index": 0, "input": d.Context + strings.TrimSuffix(from.Question, from.Prefix), "outputs": from.Items, "answer_prefix": from.Prefix,
		})
		if err != nil {
			t.Fatal(err)
		}
		read, err := Read(strings.NewReader(string(line)), "ruler", task.Name+"/validation.jsonl")
		if err != nil {
			t.Fatal(err)
		}
		got := FromCorpus(d)
		if err := got.Asks[0].checkReferences(); err != nil {
			t.Errorf("%s: %v", task.Name, err)
		}
		if known := got.Asks[0].Without != ""; known != (len(from.Evidence) > 0) {
			t.Errorf("%s: the context without evidence is known: %v", task.Name, known)
		}
		// What a file does not tell.
		read[0].ID = got.ID
		ask := &read[0].Asks[0]
		ask.Marked, ask.Guess, ask.Depth, ask.Without = got.Asks[0].Marked, got.Asks[0].Guess, got.Asks[0].Depth, got.Asks[0].Without
		if !reflect.DeepEqual(got, read[0]) {
			t.Errorf("%s: from the corpus\n%+v\nfrom a file\n%+v", task.Name, got, read[0])
		}
		kind, _, _ := strings.Cut(task.Name, "_")
		if want := map[string]int{"niah": 128, "vt": 30, "cwe": 120, "fwe": 50}[kind]; ask.Tokens != want || ask.Metric != "recall" {
			t.Errorf("%s: %s of %d tokens, want recall of %d", task.Name, ask.Metric, ask.Tokens, want)
		}
		half := strings.Join(from.Items[len(from.Items)/2:], " and ")
		want := float64((len(from.Items)+1)/2) / float64(len(from.Items))
		for answer, want := range map[string]float64{from.Answer: 1, strings.ToUpper(half): want, "": 0} {
			if score, err := Score(ask.Metric, answer, *ask); err != nil || score != want {
				t.Errorf("%s: %q scores %g, %v; want %g", task.Name, answer, score, err, want)
			}
		}
	}
}
