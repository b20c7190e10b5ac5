//go:build !js

package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"keyfold/engine/checkpoint"
	"keyfold/eval"
)

func TestArrayShard(t *testing.T) {
	for _, tc := range []struct {
		env   string
		shard eval.Shard
		from  string // or a part of the error
	}{
		{"", eval.Shard{Index: 0, Of: 1}, ""},
		{"SLURM_JOB_ID=9 SLURM_ARRAY_JOB_ID=9", eval.Shard{Index: 0, Of: 1}, ""},
		{"SLURM_ARRAY_TASK_ID=3 SLURM_ARRAY_TASK_MIN=0 SLURM_ARRAY_TASK_MAX=7 SLURM_ARRAY_TASK_COUNT=8", eval.Shard{Index: 3, Of: 8}, "Slurm array"},
		{"SLURM_ARRAY_TASK_ID=8 SLURM_ARRAY_TASK_MIN=1 SLURM_ARRAY_TASK_COUNT=8", eval.Shard{Index: 7, Of: 8}, "Slurm array"},
		{"SLURM_ARRAY_TASK_ID=1 SLURM_ARRAY_TASK_MIN=1 SLURM_ARRAY_TASK_MAX=8", eval.Shard{Index: 0, Of: 8}, "Slurm array"},
		{"SLURM_ARRAY_TASK_ID=0 SLURM_ARRAY_TASK_MIN=0 SLURM_ARRAY_TASK_MAX=0 SLURM_ARRAY_TASK_COUNT=1", eval.Shard{Index: 0, Of: 1}, "Slurm array"},
		{"JOB_COMPLETION_INDEX=7 JOB_COMPLETIONS=8", eval.Shard{Index: 7, Of: 8}, "Kubernetes Job"},

		{"SLURM_ARRAY_TASK_ID=3", eval.Shard{}, "but only SLURM_ARRAY_TASK_ID=3 is set"},
		{"SLURM_ARRAY_TASK_ID=3 SLURM_ARRAY_TASK_COUNT=8", eval.Shard{}, "but only SLURM_ARRAY_TASK_ID=3 SLURM_ARRAY_TASK_COUNT=8 is set"},
		{"SLURM_ARRAY_TASK_MIN=0 SLURM_ARRAY_TASK_COUNT=8", eval.Shard{}, "needs SLURM_ARRAY_TASK_ID"},
		{"SLURM_ARRAY_TASK_ID=3 SLURM_ARRAY_TASK_MIN=0", eval.Shard{}, "with _MAX or _COUNT"},
		{"SLURM_ARRAY_TASK_ID=x SLURM_ARRAY_TASK_MIN=0 SLURM_ARRAY_TASK_MAX=7", eval.Shard{}, "SLURM_ARRAY_TASK_ID=x is no number"},
		{"SLURM_ARRAY_TASK_ID=-1 SLURM_ARRAY_TASK_MIN=0 SLURM_ARRAY_TASK_MAX=7", eval.Shard{}, "SLURM_ARRAY_TASK_ID=-1 is no number from 0 on"},
		{"SLURM_ARRAY_TASK_ID=8 SLURM_ARRAY_TASK_MIN=0 SLURM_ARRAY_TASK_MAX=7", eval.Shard{}, "SLURM_ARRAY_TASK_ID=8 SLURM_ARRAY_TASK_MIN=0 SLURM_ARRAY_TASK_MAX=7 is not one of all shards"},
		{"SLURM_ARRAY_TASK_ID=0 SLURM_ARRAY_TASK_MIN=1 SLURM_ARRAY_TASK_MAX=7", eval.Shard{}, "is not one of all shards"},
		// --array=1,3,7, --array=0-6:2 and --array=3-4: tasks that are run again.
		{"SLURM_ARRAY_TASK_ID=3 SLURM_ARRAY_TASK_MIN=1 SLURM_ARRAY_TASK_MAX=7 SLURM_ARRAY_TASK_COUNT=3", eval.Shard{}, "without gaps"},
		{"SLURM_ARRAY_TASK_ID=2 SLURM_ARRAY_TASK_MIN=0 SLURM_ARRAY_TASK_MAX=6 SLURM_ARRAY_TASK_COUNT=4", eval.Shard{}, "without gaps"},
		{"SLURM_ARRAY_TASK_ID=3 SLURM_ARRAY_TASK_MIN=3 SLURM_ARRAY_TASK_MAX=4 SLURM_ARRAY_TASK_COUNT=2", eval.Shard{}, "from 0 or 1 on"},
		{"JOB_COMPLETION_INDEX=8 JOB_COMPLETIONS=8", eval.Shard{}, "JOB_COMPLETION_INDEX=8 JOB_COMPLETIONS=8 is no shard"},
		{"JOB_COMPLETION_INDEX=8", eval.Shard{}, "JOB_COMPLETION_INDEX=8 is set without JOB_COMPLETIONS"},
		{"JOB_COMPLETIONS=8", eval.Shard{}, "JOB_COMPLETIONS=8 is set without JOB_COMPLETION_INDEX"},
		{"JOB_COMPLETION_INDEX=0 JOB_COMPLETIONS=0", eval.Shard{}, "is no shard"},
		{"JOB_COMPLETION_INDEX=0 JOB_COMPLETIONS=eight", eval.Shard{}, "JOB_COMPLETIONS=eight is no number"},
		{"JOB_COMPLETION_INDEX=0 JOB_COMPLETIONS=2 SLURM_ARRAY_TASK_ID=0 SLURM_ARRAY_TASK_MIN=0 SLURM_ARRAY_TASK_MAX=1", eval.Shard{}, "are both set"},
	} {
		env := map[string]string{}
		for field := range strings.FieldsSeq(tc.env) {
			name, value, _ := strings.Cut(field, "=")
			env[name] = value
		}
		shard, from, err := arrayShard(func(name string) string { return env[name] })
		switch {
		case tc.shard.Of == 0 && (err == nil || !strings.Contains(err.Error(), tc.from)):
			t.Errorf("%s: %v, %v; want %q", tc.env, shard, err, tc.from)
		case tc.shard.Of > 0 && (err != nil || shard != tc.shard || from != tc.from):
			t.Errorf("%s: %v from %q, %v; want %v from %q", tc.env, shard, from, err, tc.shard, tc.from)
		}
	}
}

// A task of an array writes files of its own, unless -shard says which examples to run.
func TestEvalInAnArray(t *testing.T) {
	model, folder := fixtureModel(t, checkpoint.F16), t.TempDir()
	command := func(args ...string) (status int, stdout, stderr string) {
		return keyfold(append([]string{"eval", "-device", "cpu", "-model", model, "-tasks", "fact", "-n", "2", "-length", "200", "-methods", "full"}, args...)...)
	}
	at := func(name string) string { return filepath.Join(folder, name) }
	t.Setenv("SLURM_ARRAY_TASK_ID", "2")
	status, _, stderr := command("-json", at("a.json"))
	if want := "but only SLURM_ARRAY_TASK_ID=2 is set; or give -shard I/N, which is 0/1 for all examples"; status != 2 || !strings.Contains(stderr, want) {
		t.Errorf("half an array: status %d, %q; want %q", status, stderr, want)
	}
	t.Setenv("SLURM_ARRAY_TASK_MIN", "1")
	t.Setenv("SLURM_ARRAY_TASK_COUNT", "2")
	status, _, stderr = command("-json", at("a.json"), "-csv", at("a.b.csv"), "-svg", at("a"))
	if want := "shard 1 of 2, from the Slurm array; files have -1-of-2 in their names\n"; status != 0 || !strings.Contains(stderr, want) {
		t.Errorf("status %d, %q; want %q", status, stderr, want)
	}
	if status, stdout, stderr := command("-json", "-"); status != 0 || !strings.HasPrefix(stdout, "{") {
		t.Errorf("to standard output: status %d, %q, %.20q", status, stderr, stdout)
	}
	if status, _, stderr := command("-json", folder); status != 1 || !strings.Contains(stderr, folder+": is a folder") {
		t.Errorf("to a folder: status %d, %q", status, stderr)
	}
	if status, _, stderr := command("-shard", "0/1", "-json", at("all.json")); status != 0 || strings.Contains(stderr, "shard") {
		t.Errorf("all examples: status %d, %q", status, stderr)
	}
	if status, _, stderr := command("-shard", "0/2", "-json", at("zero.json")); status != 0 || strings.Contains(stderr, "Slurm") {
		t.Errorf("-shard 0/2: status %d, %q", status, stderr)
	}
	for name, want := range map[string]string{"a-1-of-2.json": "{1 2} of 2: [1]", "all.json": "{0 1} of 2: [0 1]", "zero.json": "{0 2} of 2: [0]"} {
		r := readReport(t, at(name))
		var numbers []int
		for _, result := range r.Results {
			numbers = append(numbers, result.Number)
		}
		if got := fmt.Sprintf("%v of %d: %v", r.Config.Shard, r.Config.Examples, numbers); got != want {
			t.Errorf("%s has %s, want %s", name, got, want)
		}
	}
	entries, _ := os.ReadDir(folder)
	var names []string
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	if want := []string{"a-1-of-2", "a-1-of-2.json", "a.b-1-of-2.csv", "all.json", "zero.json"}; !slices.Equal(names, want) {
		t.Errorf("files %v, want %v", names, want)
	}
}

// A jobFile is one of docs/sweeps: how many shards it starts, which variables a shard
// has, and the command that it runs.
type jobFile struct {
	of      int
	env     func(index int) map[string]string
	command func() []string // without the program's name
}

// slurmFile reads the Slurm script, which the system's shell runs, with a keyfold that
// only says what it was given.
func slurmFile(t *testing.T) jobFile {
	script := filepath.Join(docs(t), "sweeps", "slurm.sh")
	m := regexp.MustCompile(`(?m)^#SBATCH --array=0-(\d+)$`).FindStringSubmatch(readText(t, script))
	if m == nil {
		t.Fatal("slurm.sh has no --array")
	}
	var last int
	fmt.Sscan(m[1], &last)
	bin := t.TempDir()
	if err := os.WriteFile(filepath.Join(bin, "keyfold"), []byte("#!/bin/sh\nprintf '%s\\n' \"$@\"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	return jobFile{
		of: last + 1,
		env: func(index int) map[string]string {
			return map[string]string{
				"SLURM_ARRAY_TASK_ID": fmt.Sprint(index), "SLURM_ARRAY_TASK_MIN": "0",
				"SLURM_ARRAY_TASK_MAX": fmt.Sprint(last), "SLURM_ARRAY_TASK_COUNT": fmt.Sprint(last + 1),
			}
		},
		command: func() []string {
			cmd := exec.Command("sh", script)
			cmd.Env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"))
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Fatalf("slurm.sh: %v: %s", err, out)
			}
			return strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
		},
	}
}

// kubernetesFile reads the Kubernetes Job.
func kubernetesFile(t *testing.T) jobFile {
	text := readText(t, filepath.Join(docs(t), "sweeps", "kubernetes.yaml"))
	find := func(pattern string) string {
		m := regexp.MustCompile(pattern).FindStringSubmatch(text)
		if m == nil {
			t.Fatalf("kubernetes.yaml has no %s", pattern)
		}
		return m[1]
	}
	find(`(?m)^  (completionMode: Indexed)$`)
	var of int
	fmt.Sscan(find(`(?m)^  completions: (\d+)`), &of)
	name, value := find(`(?m)^ +- name: (\w+)  # Kubernetes tells`), find(`(?m)^ +value: "(\d+)"$`)
	var command []string
	if err := json.Unmarshal([]byte(find(`command: (\[[^\]]*\])`)), &command); err != nil || command[0] != "./keyfold" {
		t.Fatalf("kubernetes.yaml: %v in the command %q", err, command)
	}
	return jobFile{
		of: of,
		env: func(index int) map[string]string {
			return map[string]string{"JOB_COMPLETION_INDEX": fmt.Sprint(index), name: value}
		},
		command: func() []string {
			if err := os.MkdirAll("results", 0o755); err != nil { // the volume has it
				t.Fatal(err)
			}
			return command[1:]
		},
	}
}

// docs returns the folder of documents, wherever the test goes.
func docs(t *testing.T) string {
	path, err := filepath.Abs("../../docs")
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func readText(t *testing.T, path string) string {
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// The job files of docs/sweeps run all shards, of which one was stopped, and the command
// of docs/sweeps.md joins them to what one process gives. Before they are complete it says
// which are missing and which are not finished.
func TestJobFiles(t *testing.T) {
	merge := regexp.MustCompile(`(?m)^    keyfold (eval -merge .*)$`).FindStringSubmatch(readText(t, filepath.Join(docs(t), "sweeps.md")))
	if merge == nil {
		t.Fatal("sweeps.md has no command that merges")
	}
	model := fixtureModel(t, checkpoint.F16)
	small := []string{"-model", model, "-tasks", "fact", "-n", "10", "-length", "200", "-methods", "window", "-budgets", "0.5", "-seeds", "1"}
	for name, read := range map[string]func(*testing.T) jobFile{"slurm.sh": slurmFile, "kubernetes.yaml": kubernetesFile} {
		t.Run(name, func(t *testing.T) {
			job := read(t)
			if job.of != 8 {
				t.Fatalf("%d shards, want 8: two of the ten examples are below", job.of)
			}
			t.Chdir(t.TempDir())
			shard := func(index int, args ...string) (status int, stdout, stderr string) {
				for name, value := range job.env(index) {
					t.Setenv(name, value)
				}
				return keyfold(slices.Concat(job.command(), small, args)...)
			}
			status, table, stderr := shard(0, "-shard", "0/1", "-json", "whole.json")
			if status != 0 {
				t.Fatalf("all examples: status %d, %s", status, stderr)
			}

			// Shard 1 was stopped after one of its examples, 1 and 9.
			r := readReport(t, "whole.json")
			r.Config.Shard = eval.Shard{Index: 1, Of: 8}
			config, err := json.Marshal(r.Config)
			if err != nil {
				t.Fatal(err)
			}
			result, err := json.Marshal(r.Results[9])
			if err != nil {
				t.Fatal(err)
			}
			journal := "results/sweep-1-of-8.json.partial"
			if err := os.WriteFile(journal, fmt.Appendf(nil, "%s\n%s\n", config, result), 0o644); err != nil {
				t.Fatal(err)
			}
			run := func(index int, want string) {
				status, _, stderr := shard(index)
				if status != 0 || !strings.Contains(stderr, want) {
					t.Fatalf("shard %d: status %d, %q; want %q", index, status, stderr, want)
				}
			}
			fails := func(want string) {
				t.Helper()
				if status, stdout, stderr := keyfold(strings.Fields(merge[1])...); status != 1 || stdout != "" || !strings.Contains(stderr, want) {
					t.Errorf("merging ends with status %d, %q; want %q", status, stderr, want)
				}
			}
			fails("only 0 of 10 examples are there; of 8 shards missing: 0, 2 to 7; not finished: 1 (examples done: 1)")
			for _, index := range []int{7, 4, 0, 2, 3} {
				run(index, fmt.Sprintf("shard %d of 8, from the ", index))
			}
			fails("only 6 of 10 examples are there; of 8 shards missing: 5 to 6; not finished: 1 (examples done: 1)")
			run(1, "goes on after 1 of 2 examples in "+journal)
			run(5, "shard 5 of 8")
			fails("only 9 of 10 examples are there; of 8 shards missing: 6\n")
			run(6, "shard 6 of 8")
			if got := mustRun(t, strings.Fields(merge[1])...); got != table {
				t.Errorf("the table of shards\n%s\nwant\n%s", got, table)
			}
			if got, want := withoutTimes(t, "sweep.json"), withoutTimes(t, "whole.json"); got != want {
				t.Errorf("shards join to\n%s\nwant\n%s", got, want)
			}
			if left, _ := filepath.Glob("results/*.partial"); len(left) > 0 {
				t.Errorf("journals are left: %v", left)
			}
		})
	}
}

// A shard whose examples failed joins the others, and merging says what is to be done
// again. A folder without shards, and a journal that cannot be read, are refused.
func TestMergeOfFailedShards(t *testing.T) {
	t.Chdir(t.TempDir())
	model := fixtureModel(t, checkpoint.F16)
	for i := range 2 {
		mustRun(t, "eval", "-device", "cpu", "-model", model, "-tasks", "fact", "-n", "4", "-length", "200", "-methods", "full",
			"-shard", fmt.Sprintf("%d/2", i), "-json", fmt.Sprintf("a-%d-of-2.json", i))
	}
	r := readReport(t, "a-1-of-2.json")
	failed := r.Results[1]
	failed.Runs, failed.Skipped, failed.Failed = nil, "the device was lost", true
	r.Results, r.Skipped = r.Results[:1], []eval.Result{failed}
	f, err := os.Create("a-1-of-2.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := r.WriteJSON(f); err != nil {
		t.Fatal(err)
	}
	f.Close()
	if err := os.WriteFile("a-1-of-2.json.partial", nil, 0o644); err != nil { // what failed keeps its journal
		t.Fatal(err)
	}
	status, stdout, stderr := keyfold("eval", "-merge", ".", "-json", "all.json")
	want := "shard 1 of 2 is not finished, 1 of its 2 examples failed (the device was lost)"
	if status != 1 || !strings.Contains(stderr, want) || !strings.Contains(stdout, "left out: 1 of 4 examples") {
		t.Errorf("status %d, %q, %q; want %q", status, stderr, stdout, want)
	}
	if n := len(readReport(t, "all.json").Results); n != 3 {
		t.Errorf("%d examples in the file, want 3", n)
	}

	if err := os.WriteFile("b.json.partial", []byte("Once upon a time\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir("empty", 0o755); err != nil {
		t.Fatal(err)
	}
	for merge, want := range map[string]string{
		"a-0-of-2.json,b.json":  "-merge: b.json.partial is no journal of a sweep",
		"a-0-of-2.json,c.json":  "-merge: open c.json: no such file",
		"empty":                 "the folder empty has no file of a shard",
		". -json a-0-of-2.json": "is what -merge a-0-of-2.json reads",
	} {
		args := append([]string{"eval", "-merge"}, strings.Fields(merge)...)
		if status, _, stderr := keyfold(args...); status != 1 || !strings.Contains(stderr, want) {
			t.Errorf("-merge %s: status %d, %q; want %q", merge, status, stderr, want)
		}
	}
}

// A shard may have no example that can be asked, or none at all: it is empty, and the
// others are the sweep.
func TestEmptyShards(t *testing.T) {
	data, model := evalData(t), fixtureModel(t, checkpoint.F16)
	t.Chdir(t.TempDir())
	lines := strings.Split(readText(t, data), "\n")
	lines[1] = `{"input": "Who came?\nWho came?", "outputs": [""]}`
	if err := os.WriteFile("qa_1.jsonl", []byte(strings.Join(lines, "\n")), 0o644); err != nil {
		t.Fatal(err)
	}
	command := []string{"eval", "-device", "cpu", "-model", model, "-data", "qa_1.jsonl", "-layout", "ruler", "-methods", "window", "-budgets", "0.5",
		"-json", "out.json", "-csv", "out.csv", "-svg", "out.svg"}
	table := mustRun(t, command...)
	t.Setenv("JOB_COMPLETIONS", "4")
	for i := range 4 {
		t.Setenv("JOB_COMPLETION_INDEX", fmt.Sprint(i))
		mustRun(t, command...)
		svg := fmt.Sprintf("out-%d-of-4.svg", i)
		if _, err := os.Stat(svg); (err == nil) != (i%2 == 0) {
			t.Errorf("the drawing of shard %d: %v", i, err)
		}
	}
	if got := mustRun(t, "eval", "-merge", "."); got != table || !strings.Contains(table, "left out: 1 of 3 examples") {
		t.Errorf("the table of shards\n%s\nwant\n%s", got, table)
	}
}

// A journal that another process of the same shard has removed is no failure.
func TestFinishWithoutJournal(t *testing.T) {
	v := &evaluation{json: filepath.Join(t.TempDir(), "a.json")}
	if err := v.finish(nil); err != nil {
		t.Error(err)
	}
}
