package eval

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

// References that every answer has, or that none can be, are refused by every metric.
func TestReferences(t *testing.T) {
	for _, tc := range []struct {
		metric string
		answer string
		want   string // "": it is fit
	}{
		{"recall", "", "is empty"}, {"recall", " \n", "is empty"}, {"recall", ".", "nearly every answer"}, {"recall", " a", "nearly every answer"},
		{"recall-any", "A", "nearly every answer"}, {"recall-any", "7", ""}, {"recall-any", "猫", ""}, {"recall", "Ida", ""}, {"recall", "é", ""},
		{"f1", "the", "no words"}, {"f1", "a cat", ""}, {"f1", "-", "no words"},
		{"rouge-l", "...", "no words"}, {"rouge-l", "It rained.", ""},
		{"number", "seven", "no number"}, {"number", "-7", ""}, {"count", "", "is empty"}, {"retrieval", "Paragraph", "no number"}, {"retrieval", "Paragraph 3", ""},
		{"classification", "Food", ""}, {"classification", "Foods", "none of the classes"},
		{"edit-similarity", " ", "is empty"}, {"edit-similarity", "x = 1", ""},
	} {
		for _, answers := range [][]string{{tc.answer}, {"Food 7", tc.answer}} {
			if tc.metric == "classification" {
				answers = []string{"Food", tc.answer}
			}
			err := Ask{Answers: answers, Metric: tc.metric, Choices: []string{"Food", "Num"}}.checkReferences()
			if (err == nil) != (tc.want == "") || err != nil && (!isUnfit(err) || !strings.Contains(err.Error(), tc.want)) {
				t.Errorf("%s of %q: %v, want %q", tc.metric, answers, err, tc.want)
			}
		}
	}
	if err := (Ask{Metric: "classification", Answers: []string{"Food"}, Choices: []string{"Food", ""}}).checkReferences(); err == nil {
		t.Error("an empty class is not refused")
	}
	if err := (Ask{Metric: "recall", Answers: []string{" Ida ."}, Items: []string{"Ida", "."}}).checkReferences(); err == nil {
		t.Error("an item that every answer has is not refused")
	}
	if err := (Ask{Metric: "f1"}).checkReferences(); err == nil {
		t.Error("a question without references is not refused")
	}
}

// A line that cannot be asked leaves the others; a file of any system is read.
func TestReadKeepsGoodLines(t *testing.T) {
	const good = `{"input": "Rain fell.\nWho came?", "outputs": ["Ida"]}`
	for name, bad := range map[string]string{
		"empty outputs": `{"input": "a\nb", "outputs": []}`, "an empty reference": `{"input": "a\nb", "outputs": ["Ida", ""]}`,
		"one line": `{"input": "ab", "outputs": ["Ida"]}`, "no input": `{"input": "", "outputs": ["Ida"]}`,
	} {
		got, err := Read(strings.NewReader("\xef\xbb\xbf"+bad+"\r\n"+good+"\r\n"), "ruler", "qa_1.jsonl")
		if err != nil || len(got) != 2 || got[0].Unfit == "" || got[0].Task != "qa_1" || got[1].Unfit != "" || got[1].Context != "Rain fell." {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
		if _, err := Read(strings.NewReader(bad), "ruler", "x"); err == nil || !strings.Contains(err.Error(), "x line 1: ") {
			t.Errorf("%s alone: %v", name, err)
		}
	}
	if _, err := Read(strings.NewReader("\xff\xfe{\x00}\x00"), "ruler", "x"); err == nil || !strings.Contains(err.Error(), "UTF-16LE") {
		t.Errorf("another encoding: %v", err)
	}
}

// Every layout says how it splits.
func TestSplit(t *testing.T) {
	for _, layout := range Layouts() {
		if how, guessed := Split(layout); how == "" || guessed != (layout == "ruler") {
			t.Errorf("%s: %q, guessed %v", layout, how, guessed)
		}
	}
}

// Scores below a guess, and splits, are pointed out below the table.
func TestNotes(t *testing.T) {
	c, results := madeUp(t)
	table := func() string {
		t.Helper()
		r, err := NewReport(c, results, Full)
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		if err := r.WriteTable(&b); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	if text := table(); strings.Contains(text, "nothing") || strings.Contains(text, "left out") {
		t.Errorf("a good table has notes:\n%s", text)
	}
	for i := range results {
		if results[i].Task == "fact" {
			for j := range results[i].Runs[0].Answers {
				results[i].Runs[0].Answers[j].Score = 0.5
			}
		}
	}
	if text := table(); !strings.Contains(text, "fact of 64 tokens: the full cache scores 50.0 %, no more than a guess (50.0 %)") || strings.Contains(text, "needle of 64 tokens:") {
		t.Errorf("a score of a guess is not pointed out:\n%s", text)
	}
	for i := range results {
		for j := range results[i].Asks {
			results[i].Asks[j].Guess = 0
		}
		if results[i].Task == "fact" {
			for j := range results[i].Runs[0].Answers {
				results[i].Runs[0].Answers[j].Score = 0
			}
		}
	}
	c.Data = &File{Name: "qa.jsonl", Split: "the last line is the question", Guessed: true}
	for i := range 7 {
		results = append(results, Result{Item: Item{"fact", 64, 10 + i}, ID: fmt.Sprintf("qa.jsonl/%d", i), Skipped: "too long"})
	}
	text := table()
	for _, want := range []string{
		"fact of 64 tokens: the full cache scores 0 %", "qa.jsonl: the last line is the question (a guess", "left out: 7 of 11 examples\n",
		"qa.jsonl/4: too long\n", "and 2 more",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the notes lack %q:\n%s", want, text)
		}
	}
}
