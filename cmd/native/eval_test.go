//go:build !js

package main

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"keyfold/engine/checkpoint"
	"keyfold/eval"
)

// evalText is a context of children's-story words; evalQuestions end it.
const evalText = "Once upon a time there was a little girl named Lily. She had a red ball. Tom had a big dog. They liked to play in the park."

var evalQuestions = []string{"Lily saw the", "Tom and his", "One day Lily"}

// evalData writes examples in RULER's layout: the last line is the question.
func evalData(t testing.TB) string {
	t.Helper()
	var lines []string
	for i, question := range evalQuestions {
		line, err := json.Marshal(map[string]any{
			"index": i, "input": fmt.Sprintf("%s %d\n%s", evalText, i, question), "outputs": []string{" dog"},
		})
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, string(line))
	}
	path := filepath.Join(t.TempDir(), "vt_1.jsonl")
	if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func readReport(t testing.TB, path string) *eval.Report {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := eval.ReadJSON(f)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// The full cache's answers are what keyfold run writes behind the whole text.
func TestEvalWritesWhatRunWrites(t *testing.T) {
	data := evalData(t)
	for name, model := range map[string]func(t *testing.T) string{
		"fixture":     func(t *testing.T) string { return fixtureModel(t, checkpoint.F16) },
		"stories260K": func(t *testing.T) string { return sharedData(t, "stories260K/stories260K.gguf") },
	} {
		t.Run(name, func(t *testing.T) {
			model := model(t)
			for _, protocol := range []string{"outside", "inside"} {
				out := filepath.Join(t.TempDir(), "out.json")
				mustRun(t, "eval", "-device", "cpu", "-model", model, "-data", data, "-layout", "ruler", "-protocol", protocol,
					"-methods", "window", "-budgets", "0.4", "-json", out)
				r := readReport(t, out)
				if len(r.Results) != len(evalQuestions) {
					t.Fatalf("%d examples, want %d", len(r.Results), len(evalQuestions))
				}
				for i, result := range r.Results {
					prompt := fmt.Sprintf("%s %d\n%s", evalText, i, evalQuestions[i])
					text := mustRun(t, "run", "-device", "cpu", "-model", model, "-temperature", "0", "-n", "30", prompt)
					want := strings.TrimSuffix(strings.TrimPrefix(text, prompt), "\n")
					if got := result.Runs[0].Answers[0].Wrote; result.Runs[0].Method != eval.Full || got != want {
						t.Errorf("%s, example %d: %s wrote %q, keyfold run %q", protocol, i, result.Runs[0].Method, got, want)
					}
				}
			}
		})
	}
}

// Where only the first line counts, writing stops behind it.
func TestEvalStopsAtALine(t *testing.T) {
	model := sharedData(t, "stories260K/stories260K.gguf")
	line, err := json.Marshal(map[string]any{
		"context": evalText, "input": "Once upon a time", "answers": []string{" there was a dog"}, "dataset": "samsum",
	})
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	data, out := filepath.Join(folder, "data.jsonl"), filepath.Join(folder, "out.json")
	if err := os.WriteFile(data, line, 0o644); err != nil {
		t.Fatal(err)
	}
	mustRun(t, "eval", "-device", "cpu", "-model", model, "-data", data, "-layout", "longbench", "-methods", "full", "-json", out)
	result := readReport(t, out).Results[0]
	prompt := evalText + result.Asks[0].Text
	text := strings.TrimPrefix(mustRun(t, "run", "-device", "cpu", "-model", model, "-temperature", "0", "-n", "200", prompt), prompt)
	want, _, found := strings.Cut(text, "\n")
	if got := result.Runs[0].Answers[0].Wrote; !found || len(want) < 10 || got != want+"\n" {
		t.Errorf("wrote %q, keyfold run %q", got, text)
	}
}

var anyTime = regexp.MustCompile(`"ms":[0-9.e+-]+`)

func withoutTimes(t testing.TB, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return anyTime.ReplaceAllString(string(data), "")
}

// The same command gives the same file; one that was stopped goes on; shards
// join to the whole. Files are complete, and the journal does not stay.
func TestEvalFiles(t *testing.T) {
	model, data, folder := fixtureModel(t, checkpoint.F16), evalData(t), t.TempDir()
	at := func(name string) string { return filepath.Join(folder, name) }
	command := func(args ...string) []string {
		return append([]string{"eval", "-device", "cpu", "-model", model, "-data", data, "-layout", "ruler", "-methods", "gvote"}, args...)
	}
	table := mustRun(t, command("-json", at("whole.json"), "-csv", at("whole.csv"), "-svg", at("whole.svg"))...)
	whole := withoutTimes(t, at("whole.json"))
	for name, want := range map[string]string{"whole.csv": "task,length,method", "whole.svg": "<svg"} {
		if text, err := os.ReadFile(at(name)); err != nil || !strings.Contains(string(text), want) {
			t.Errorf("%s: %v; want %q in it", name, err, want)
		}
	}
	if !strings.Contains(table, "vt_1") || !strings.Contains(table, "gvote") {
		t.Errorf("table\n%s", table)
	}

	// A journal with one result and half of another.
	r := readReport(t, at("whole.json"))
	config, err := json.Marshal(r.Config)
	if err != nil {
		t.Fatal(err)
	}
	result, err := json.Marshal(r.Results[1])
	if err != nil {
		t.Fatal(err)
	}
	partial := fmt.Sprintf("%s\n%s\n%s", config, result, result[:40])
	if err := os.WriteFile(at("again.json.partial"), []byte(partial), 0o644); err != nil {
		t.Fatal(err)
	}
	status, _, stderr := keyfold(command("-json", at("again.json"), "-kv", "f32")...)
	if status != 1 || !strings.Contains(stderr, `again.json.partial was begun with another configuration (kv was "f16" and is "f32")`) {
		t.Errorf("another configuration ends with status %d: %s", status, stderr)
	}
	status, _, stderr = keyfold(command("-json", at("again.json"))...)
	if status != 0 || !strings.Contains(stderr, "goes on after 1 of 3 examples") {
		t.Fatalf("going on ends with status %d: %s", status, stderr)
	}
	if got := withoutTimes(t, at("again.json")); got != whole {
		t.Errorf("going on gives\n%s\nwant\n%s", got, whole)
	}

	var shards []string
	for i := range 2 {
		shards = append(shards, at(fmt.Sprintf("shard%d.json", i)))
		mustRun(t, command("-shard", fmt.Sprintf("%d/2", i), "-json", shards[i])...)
	}
	if got := mustRun(t, "eval", "-merge", shards[1]+","+shards[0], "-json", at("merged.json")); got != table {
		t.Errorf("the table of shards\n%s\nwant\n%s", got, table)
	}
	if got := withoutTimes(t, at("merged.json")); got != whole {
		t.Errorf("shards join to\n%s\nwant\n%s", got, whole)
	}
	if status, _, stderr := keyfold("eval", "-merge", shards[0]); status != 1 || !strings.Contains(stderr, "only 2 of 3 examples are there; of 2 shards missing: 1") {
		t.Errorf("one shard alone ends with status %d: %s", status, stderr)
	}
	if left, _ := filepath.Glob(at("*.partial")); len(left) > 0 {
		t.Errorf("journals are left: %v", left)
	}
}

// Lines that cannot be asked are left out and listed; where a line is taken out of the
// file later, what is done stays done.
func TestEvalLeavesOut(t *testing.T) {
	model, folder := fixtureModel(t, checkpoint.F16), t.TempDir()
	data, out := filepath.Join(folder, "qa_1.jsonl"), filepath.Join(folder, "out.json")
	line := func(context, answer string) string {
		text, err := json.Marshal(map[string]any{"input": context + "\nWho came?", "outputs": []string{answer}})
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	write := func(lines ...string) {
		if err := os.WriteFile(data, []byte(strings.Join(lines, "\n")), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	args := []string{"eval", "-device", "cpu", "-model", model, "-data", data, "-layout", "ruler", "-methods", "window", "-budgets", "0.5", "-json", out}
	long := line(strings.Repeat(evalText, 50), "Ida")
	write(line(evalText, "Ida"), long, line(evalText, ""), line(evalText+" Rain fell.", "Tom"))
	status, stdout, stderr := keyfold(args...)
	if status != 0 || !strings.Contains(stdout, "left out: 2 of 4 examples") || !strings.Contains(stdout, "the model's context 1024") || !strings.Contains(stdout, `the reference "" is empty`) {
		t.Errorf("status %d (%s)\n%s", status, stderr, stdout)
	}
	if !strings.Contains(stderr, "which is a guess") || !strings.Contains(stderr, `its question is "\nWho came?"`) {
		t.Errorf("how questions were split is not shown: %s", stderr)
	}
	r := readReport(t, out)
	if len(r.Results) != 2 || len(r.Skipped) != 2 || !r.Config.Data.Guessed || r.Version.Kernels == "" {
		t.Fatalf("%d results, %d left out, %+v", len(r.Results), len(r.Skipped), r.Config.Data)
	}

	// Stopped behind the first result, and the file was mended meanwhile.
	config, err := json.Marshal(r.Config)
	if err != nil {
		t.Fatal(err)
	}
	result, err := json.Marshal(r.Results[1])
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(out+".partial", fmt.Appendf(nil, "%s\n%s\n", config, result), 0o644); err != nil {
		t.Fatal(err)
	}
	write(line(evalText, "Ida"), line(evalText+" Rain fell.", "Tom"))
	status, stdout, stderr = keyfold(args...)
	if status != 0 || !strings.Contains(stderr, "goes on after 1 of 2 examples") || strings.Contains(stdout, "left out") {
		t.Errorf("status %d (%s)\n%s", status, stderr, stdout)
	}

	write(long, long)
	if status, _, stderr := keyfold(args...); status != 1 || !strings.Contains(stderr, "none of 2 examples could be asked: context, question") {
		t.Errorf("nothing to ask: status %d, %s", status, stderr)
	}
}

// RULER's needles are hidden in the file that -haystack names, or else in the text that
// Go has; the report says which text that was. Other tasks need none.
func TestEvalHaystack(t *testing.T) {
	model, folder := fixtureModel(t, checkpoint.F16), t.TempDir()
	hay, out := filepath.Join(folder, "rain.txt"), filepath.Join(folder, "out.json")
	text := strings.Repeat("It is so. Is it? No, it is not. ", 100)
	if err := os.WriteFile(hay, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	command := func(tasks string, more ...string) []string {
		return append([]string{"eval", "-device", "cpu", "-model", model, "-n", "1", "-length", "900", "-methods", "full", "-json", out, "-tasks", tasks}, more...)
	}
	sum := func(text []byte) string { return fmt.Sprintf("%x", sha256.Sum256(text)) }

	mustRun(t, command("niah_single_2", "-haystack", hay)...)
	c := readReport(t, out).Config
	if c.Haystack == nil || c.Haystack.Name != "rain.txt" || c.Haystack.SHA256 != sum([]byte(text)) {
		t.Errorf("the report has the haystack %+v", c.Haystack)
	}
	mustRun(t, command("niah_single_2")...)
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	newton, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(root)), "src", "testdata", "Isaac.Newton-Opticks.txt"))
	if err != nil {
		t.Fatal(err)
	}
	if c := readReport(t, out).Config; c.Haystack == nil || c.Haystack.SHA256 != sum(newton) {
		t.Errorf("the report has the haystack %+v, want Opticks", c.Haystack)
	}

	t.Setenv("PATH", "")
	status, _, stderr := keyfold(command("niah_single_2")...)
	if want := "niah_single_2 needs a text to hide needles in (exec: \"go\": executable file not found in $PATH): name one with -haystack FILE"; status != 1 || !strings.Contains(stderr, want) {
		t.Errorf("without Go: status %d, %q; want %q", status, stderr, want)
	}
	mustRun(t, command("niah_single_1")...)
	if c := readReport(t, out).Config; c.Haystack != nil {
		t.Errorf("niah_single_1 has the haystack %+v", c.Haystack)
	}
}

func TestEvalRefuses(t *testing.T) {
	data, model := evalData(t), fixtureModel(t, checkpoint.F16)
	for _, tc := range []struct {
		status int
		want   string
		args   string
	}{
		{2, "-n is 0", "-n 0"},
		{2, "-seeds is 0", "-seeds 0"},
		{2, "-score-tokens is 0", "-score-tokens 0"},
		{2, `-protocol is "both", want outside or inside`, "-protocol both"},
		{2, `-device is "tpu"`, "-device tpu"},
		{2, `-kv is "q4"`, "-kv q4"},
		{2, `-tasks: no task "poetry"; there are`, "-tasks fact,poetry"},
		{2, "-tasks: fact is listed twice", "-tasks fact,fact"},
		{2, `-length is "64,64"`, "-length 64,64"},
		{2, `-length: "long" is not a number`, "-length long"},
		{2, `-budgets: "2" is not a number`, "-budgets 2"},
		{2, `-methods: unknown method "h3o"`, "-methods h3o"},
		{2, `-against is "gvote", want one of -methods`, "-methods window -against gvote"},
		{2, `-shard is "2/2"`, "-shard 2/2"},
		{2, `-shard is "1"`, "-shard 1"},
		{2, "-layout is \"\"", "-data " + data},
		{2, "-layout is that of -data", "-layout ruler"},
		{2, "want it without -tasks", "-data " + data + " -layout ruler -tasks fact"},
		{2, "-text is for the task perplexity", "-text " + data},
		{1, "longer than the model's context of 1024", "-device cpu -length 2000 -model " + model},
		{1, "there is no example from number 7 on", "-device cpu -data " + data + " -layout ruler -first 7 -model " + model},
		{2, "-protocol inside is about questions", "-protocol inside -tasks fact,perplexity"},
		{2, "-chat is about questions", "-chat -tasks fact,perplexity"},
		{2, `-metric is "f1", want exact or recall`, "-metric f1"},
		{2, "-metric is about the corpus", "-metric recall -layout ruler -data " + data},
		{1, "-chat: the model has no chat template", "-chat -device cpu -model " + model},
		{2, "-score-tokens is for the task perplexity", "-score-tokens 9 -tasks fact"},
		{2, "-trained, -removed, -text and -haystack are about the corpus", "-trained -layout ruler -data " + data},
		{2, "-trained, -removed, -text and -haystack are about the corpus", "-haystack a.txt -layout ruler -data " + data},
		{2, "-haystack is for RULER's tasks with needles in a text, which -tasks lacks", "-haystack a.txt -tasks fact,vt"},
		{1, "-haystack: open none.txt", "-haystack none.txt -tasks niah_single_2 -device cpu -model " + model},
		{1, "is what -haystack " + data + " reads", "-tasks niah_single_2 -haystack " + data + " -json " + data},
		{2, "-merge and -tasks are both given", "-tasks fact -merge none.json"},
		{1, "-json none/out.json: there is no folder none", "-json none/out.json"},
		{1, "no such file", "-merge none.json"},
		{1, "-merge: " + data, "-merge " + data},
	} {
		status, stdout, stderr := keyfold(append([]string{"eval"}, strings.Fields(tc.args)...)...)
		if status != tc.status || !strings.Contains(stderr, tc.want) {
			t.Errorf("keyfold eval %s: status %d, %q; want status %d and %q", tc.args, status, stderr, tc.status, tc.want)
		}
		if stdout != "" {
			t.Errorf("keyfold eval %s printed %q", tc.args, stdout)
		}
	}
}
