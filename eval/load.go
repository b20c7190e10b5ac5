package eval

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strings"

	"keyfold/corpus"
	"keyfold/internal/textfile"
)

// Layouts returns the names of the file layouts that Read knows.
func Layouts() []string { return slices.Sorted(maps.Keys(layouts)) }

// A fileLayout says how a line becomes an example. task is what the file's name says.
type fileLayout struct {
	read    func(line []byte, task string) (Example, error)
	split   string // how the question is told from the context
	guessed bool   // the layout does not say it
}

var layouts = map[string]fileLayout{
	"ruler":     {readRULER, `the question is the last line of the field "input"`, true},
	"longbench": {readLongBench, `context and question are the fields "context" and "input"`, false},
	"gsm8k":     {readGSM8K, `the field "question" is the context, and what is asked is "Answer:"`, false},
}

// Split returns how a layout tells questions from contexts, in words, and whether
// that is a guess.
func Split(layout string) (how string, guessed bool) {
	return layouts[layout].split, layouts[layout].guessed
}

// Read reads a file of one JSON object per line, as three benchmarks are
// published. name is the file's path; empty lines are skipped.
//
// "ruler" has index, input and outputs, and may have answer_prefix. Input is
// context and question in one string. The question, which is asked after the
// context was compressed, is the last line of it that is not empty, with the
// line break before it, all that follows and the answer_prefix: RULER's
// templates for base models put the question on a line of its own. The task is
// the file's name, or its folder's where the file is called validation or
// test, and qa_1 and qa_2 want any of the outputs, others all.
//
// "longbench" has input, context, answers, dataset and all_classes. The
// dataset decides on metric, length and question; the wording of the question
// is ours. The five Chinese datasets are not read: three of them need words
// separated.
//
// "gsm8k" has question and answer, with the result behind "####". The problem
// is the context.
//
// Read fails at the first line that is not JSON or lacks a field, and says
// which line that is. An example that cannot be asked, such as one with an empty
// reference, is there with the reason in Unfit; Read fails if all are like that.
func Read(r io.Reader, layout, name string) ([]Example, error) {
	as, ok := layouts[layout]
	if !ok {
		return nil, fmt.Errorf("no layout %q; there are %s", layout, strings.Join(Layouts(), ", "))
	}
	task := taskOf(name)
	data, err := io.ReadAll(r)
	if err == nil {
		data, err = textfile.UTF8(data)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	var examples []Example
	var refused error // the first line that cannot be asked
	fit := 0
	for i, line := range bytes.Split(data, []byte("\n")) {
		if line = bytes.TrimSpace(line); len(line) == 0 {
			continue
		}
		e, err := as.example(line, task)
		switch {
		case err == nil:
			fit++
		case isUnfit(err):
			e.Task, e.Unfit = cmp.Or(e.Task, task), err.Error()
		}
		if err != nil {
			err = fmt.Errorf("%s line %d: %w", name, i+1, err)
			refused = cmp.Or(refused, err)
		}
		if err != nil && !isUnfit(err) {
			return nil, err
		}
		e.ID = fmt.Sprintf("%s/%d", name, i+1)
		examples = append(examples, e)
	}
	switch {
	case len(examples) == 0:
		return nil, fmt.Errorf("%s has no line with an example", name)
	case fit == 0:
		return nil, refused
	}
	return examples, nil
}

// example reads a line and checks its references.
func (as fileLayout) example(line []byte, task string) (Example, error) {
	e, err := as.read(line, task)
	for _, ask := range e.Asks {
		if err == nil {
			err = ask.checkReferences()
		}
	}
	return e, err
}

// taskOf returns the task that a path names: qa_1 for qa_1.jsonl and for
// qa_1/validation.jsonl.
func taskOf(name string) string {
	name = strings.ReplaceAll(name, `\`, "/")
	task := strings.TrimSuffix(path.Base(name), path.Ext(name))
	if dir := path.Dir(name); (task == "validation" || task == "test") && dir != "." {
		return path.Base(dir)
	}
	return task
}

// decode reads a line into fields by name, and fails if one is absent or null.
func decode(line []byte, fields map[string]any) error {
	var found map[string]json.RawMessage
	if err := json.Unmarshal(line, &found); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		raw, ok := found[name]
		if !ok || string(raw) == "null" {
			return fmt.Errorf("no field %q", name)
		}
		if err := json.Unmarshal(raw, fields[name]); err != nil {
			return fmt.Errorf("field %q: %w", name, err)
		}
	}
	return nil
}

// rulerTokens is how long RULER lets an answer get, by the task's first word.
var rulerTokens = map[string]int{"niah": 128, "vt": 30, "cwe": 120, "fwe": 50, "qa": 32}

func readRULER(line []byte, task string) (Example, error) {
	var input string
	var outputs []string
	if err := decode(line, map[string]any{"input": &input, "outputs": &outputs}); err != nil {
		return Example{}, err
	}
	if len(outputs) == 0 {
		return Example{}, unfitf(`field "outputs" is empty`)
	}
	cut := strings.LastIndexByte(strings.TrimRight(input, " \t\r\n"), '\n')
	if cut < 0 || strings.TrimSpace(input[:cut]) == "" {
		return Example{}, unfitf(`field "input" has one line, so the question cannot be told from the context`)
	}
	var rest struct {
		AnswerPrefix string `json:"answer_prefix"`
	}
	if err := json.Unmarshal(line, &rest); err != nil {
		return Example{}, err
	}
	return Example{Task: task, Context: input[:cut], Asks: []Ask{rulerAsk(task, input[cut:], rest.AnswerPrefix, outputs)}}, nil
}

// rulerAsk makes a question of RULER. Its outputs are what the answer lists, and
// are teacher-forced together; in qa any of them is the answer.
func rulerAsk(task, question, prefix string, outputs []string) Ask {
	kind, _, _ := strings.Cut(task, "_")
	ask := Ask{Question: question, Prefix: prefix, Metric: "recall", Tokens: rulerTokens[kind]}
	if kind == "qa" {
		ask.Answers, ask.Metric = outputs, "recall-any"
		return ask
	}
	ask.Answers, ask.Items = []string{corpus.RULERAnswer(task, question+prefix, outputs)}, outputs
	return ask
}

// A dataset is what LongBench fixes for all questions of one kind.
type dataset struct {
	metric   string
	tokens   int    // the most tokens of an answer
	line     bool   // only the first line of the answer counts
	question string // %s is the field input
}

// Questions end so that an answer can follow at once. In a few-shot dataset
// input ends in "Type:", "Answer:" or "Summary:" itself.
const (
	askQuestion = "\n\nQuestion: %s\nAnswer:"
	askShot     = "\n\n%s"
	askSummary  = "\n\nA summary of the above in one page:\n"
	askLine     = "%s\nThe code goes on with this line:\n"
	askCount    = "\n\nHow many different paragraphs are above, if copies of one count once?\nAnswer:"
	askWhich    = "\n\nAbstract: %s\nWhich paragraph is this an abstract of? Answer with its number.\nAnswer: Paragraph"
)

var longBench = map[string]dataset{
	"narrativeqa":          {"f1", 128, false, askQuestion},
	"qasper":               {"f1", 128, false, askQuestion},
	"multifieldqa_en":      {"f1", 64, false, askQuestion},
	"hotpotqa":             {"f1", 32, false, askQuestion},
	"2wikimqa":             {"f1", 32, false, askQuestion},
	"musique":              {"f1", 32, false, askQuestion},
	"triviaqa":             {"f1", 32, true, askShot},
	"gov_report":           {"rouge-l", 512, false, askSummary},
	"multi_news":           {"rouge-l", 512, false, askSummary},
	"qmsum":                {"rouge-l", 512, false, askQuestion},
	"samsum":               {"rouge-l", 128, true, askShot},
	"trec":                 {"classification", 64, true, askShot},
	"passage_count":        {"count", 32, false, askCount},
	"passage_retrieval_en": {"retrieval", 32, false, askWhich},
	"lcc":                  {"edit-similarity", 64, false, askLine},
	"repobench-p":          {"edit-similarity", 64, false, askLine},
}

func readLongBench(line []byte, _ string) (Example, error) {
	var input, context, name string
	var answers []string
	fields := map[string]any{"input": &input, "context": &context, "answers": &answers, "dataset": &name}
	if err := decode(line, fields); err != nil {
		return Example{}, err
	}
	// LongBench-E appends _e to the names of its shares.
	d, ok := longBench[strings.TrimSuffix(name, "_e")]
	if !ok {
		return Example{}, fmt.Errorf("no metric for the dataset %q; there are %s", name,
			strings.Join(slices.Sorted(maps.Keys(longBench)), ", "))
	}
	if len(answers) == 0 {
		return Example{Task: name}, unfitf(`field "answers" is empty`)
	}
	question, prefix := cutPrefix(strings.Replace(d.question, "%s", input, 1))
	ask := Ask{Question: question, Prefix: prefix, Answers: answers, Metric: d.metric, FirstLine: d.line, Tokens: d.tokens}
	if d.metric == "classification" {
		if err := decode(line, map[string]any{"all_classes": &ask.Choices}); err != nil {
			return Example{}, err
		}
	}
	return Example{Task: name, Context: context, Asks: []Ask{ask}}, nil
}

func readGSM8K(line []byte, task string) (Example, error) {
	var question, answer string
	if err := decode(line, map[string]any{"question": &question, "answer": &answer}); err != nil {
		return Example{}, err
	}
	_, result, ok := strings.Cut(answer, "####")
	if _, isNumber := answerNumber(result); !ok || !isNumber {
		return Example{}, unfitf(`field "answer" has no number behind ####: %q`, answer)
	}
	ask := Ask{Question: "\n", Prefix: "Answer:", Answers: []string{strings.TrimSpace(result)}, Metric: "number", Tokens: 256}
	return Example{Task: task, Context: question, Asks: []Ask{ask}}, nil
}
