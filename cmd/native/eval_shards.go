//go:build !js

package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"keyfold/eval"
	"keyfold/internal/output"
)

// findShard finds out which examples to run: those that -shard names, or else those of
// the task of a Slurm array or of a Kubernetes Job that this process is. The tasks of an
// array run one command, so each puts its shard into the names of its files.
func (v *evaluation) findShard(fs *flagSet, w io.Writer) error {
	if given(fs, "shard") {
		index, of, ok := strings.Cut(v.shard, "/")
		var err1, err2 error
		v.part.Index, err1 = strconv.Atoi(index)
		v.part.Of, err2 = strconv.Atoi(of)
		if !ok || err1 != nil || err2 != nil || v.part.Index < 0 || v.part.Index >= v.part.Of {
			return usageError("-shard is %q, want I/N with 0 <= I < N", v.shard)
		}
		return nil
	}
	part, from, err := arrayShard(os.Getenv)
	if err != nil {
		return usageError("%v; or give -shard I/N, which is 0/1 for all examples", err)
	}
	v.part = part
	if from == "" {
		return nil
	}
	for _, path := range []*string{&v.json, &v.csv, &v.svg} {
		*path = shardPath(*path, part)
	}
	fmt.Fprintf(w, "shard %d of %d, from the %s; files have -%[1]d-of-%[2]d in their names\n", part.Index, part.Of, from)
	return nil
}

// shardPath returns the path of a shard's own file: out-3-of-8.json for out.json.
// What is no file, such as standard output, a folder or an empty path, stays.
func shardPath(path string, s eval.Shard) string {
	if !output.IsFile(path) {
		return path
	}
	ext := filepath.Ext(path)
	return fmt.Sprintf("%s-%d-of-%d%s", strings.TrimSuffix(path, ext), s.Index, s.Of, ext)
}

// arrayShard returns the shard that the environment names, and what set it: "" where
// nothing did, and the shard is all. Kubernetes tells a Job's Pods their index, but not
// how many there are: the Job's own file says that in JOB_COMPLETIONS.
func arrayShard(getenv func(string) string) (s eval.Shard, from string, err error) {
	slurm, inSlurm, err := numbersIn(getenv,
		"SLURM_ARRAY_TASK_ID", "SLURM_ARRAY_TASK_MIN", "SLURM_ARRAY_TASK_MAX", "SLURM_ARRAY_TASK_COUNT")
	if err != nil {
		return s, "", err
	}
	job, inJob, err := numbersIn(getenv, "JOB_COMPLETION_INDEX", "JOB_COMPLETIONS")
	switch {
	case err != nil:
		return s, "", err
	case inSlurm != "" && inJob != "":
		return s, "", fmt.Errorf("%s and %s are both set, want a Slurm array or a Kubernetes Job", inSlurm, inJob)
	case inSlurm != "":
		s, err = slurmShard(slurm, inSlurm)
		return s, "Slurm array", err
	case inJob != "":
		s, err = jobShard(job, inJob)
		return s, "Kubernetes Job", err
	}
	return eval.Shard{Index: 0, Of: 1}, "", nil
}

// numbersIn returns the variables that are set, and the same as a shell has them.
func numbersIn(getenv func(string) string, names ...string) (map[string]int, string, error) {
	numbers := map[string]int{}
	var set []string
	for _, name := range names {
		value := getenv(name)
		if value == "" {
			continue
		}
		number, err := strconv.Atoi(value)
		if err != nil || number < 0 {
			return nil, "", fmt.Errorf("%s=%s is no number from 0 on", name, value)
		}
		numbers[name] = number
		set = append(set, name+"="+value)
	}
	return numbers, strings.Join(set, " "), nil
}

// slurmShard returns the shard of a task of an array that counts from 0 or 1 without
// gaps. Another one is a part of an array that is run again, and does not say how many
// shards there were.
func slurmShard(slurm map[string]int, set string) (eval.Shard, error) {
	id, hasID := slurm["SLURM_ARRAY_TASK_ID"]
	least, hasMin := slurm["SLURM_ARRAY_TASK_MIN"]
	most, hasMax := slurm["SLURM_ARRAY_TASK_MAX"]
	of, hasCount := slurm["SLURM_ARRAY_TASK_COUNT"]
	if !hasID || !hasMin || !hasMax && !hasCount {
		return eval.Shard{}, fmt.Errorf("a shard of a Slurm array needs SLURM_ARRAY_TASK_ID and _MIN, with _MAX or _COUNT, but only %s is set", set)
	}
	if !hasCount {
		of = most - least + 1
	}
	if !hasMax {
		most = least + of - 1
	}
	if least > 1 || most-least+1 != of || id < least || id > most {
		return eval.Shard{}, fmt.Errorf("the Slurm array of %s is not one of all shards, want tasks from 0 or 1 on without gaps, such as --array=0-7", set)
	}
	return eval.Shard{Index: id - least, Of: of}, nil
}

// jobShard returns the shard of a Pod of an indexed Job.
func jobShard(job map[string]int, set string) (eval.Shard, error) {
	index, hasIndex := job["JOB_COMPLETION_INDEX"]
	of, hasOf := job["JOB_COMPLETIONS"]
	switch {
	case !hasIndex:
		return eval.Shard{}, fmt.Errorf("%s is set without JOB_COMPLETION_INDEX, which Kubernetes sets where a Job has completionMode: Indexed", set)
	case !hasOf:
		return eval.Shard{}, fmt.Errorf("%s is set without JOB_COMPLETIONS, which the Job's env has to set to its completions", set)
	case index >= of:
		return eval.Shard{}, fmt.Errorf("%s is no shard, want an index below the completions", set)
	}
	return eval.Shard{Index: index, Of: of}, nil
}

// mergeCommand is eval with -merge, which joins reports instead of running.
func (v *evaluation) mergeCommand(t terminal, fs *flagSet) error {
	if err := onlyGiven(fs, "merge", "against", "json", "csv", "svg"); err != nil {
		return err
	}
	if err := v.findReports(); err != nil {
		return err
	}
	if err := v.checkOutputs(); err != nil {
		return err
	}
	return v.mergeReports(t)
}

// shardFile finds the report of a shard, or its journal, by its name.
var shardFile = regexp.MustCompile(`^(.+-\d+-of-\d+\.json)(\.partial)?$`)

// findReports finds the reports that -merge names. Of a folder they are those of all
// shards in it, also those that have only a journal so far.
func (v *evaluation) findReports() error {
	for path := range strings.SplitSeq(v.merge, ",") {
		entries, err := os.ReadDir(path)
		if err != nil { // it is a file, or fails where it is opened
			v.reports = append(v.reports, path)
			continue
		}
		var found []string
		for _, entry := range entries {
			if m := shardFile.FindStringSubmatch(entry.Name()); m != nil {
				found = append(found, filepath.Join(path, m[1]))
			}
		}
		if len(found) == 0 {
			return fmt.Errorf("-merge: the folder %s has no file of a shard, such as out-0-of-8.json", path)
		}
		v.reports = append(v.reports, slices.Compact(found)...) // a journal is listed behind its report
	}
	return nil
}

// mergeReports joins the reports of all shards. Examples that failed make it fail in
// the end, as they do where they were run.
func (v *evaluation) mergeReports(t terminal) error {
	var shards, unfinished []*eval.Report
	var names, failed []string
	for _, name := range v.reports {
		shard, err := openReport(name)
		if errors.Is(err, fs.ErrNotExist) {
			journal, journalErr := eval.ReadJournal(name + journalEnding)
			if journalErr == nil {
				unfinished = append(unfinished, journal)
				continue
			}
			if !errors.Is(journalErr, fs.ErrNotExist) {
				err = journalErr
			}
		}
		if err != nil {
			return fmt.Errorf("-merge: %w", err)
		}
		shards, names = append(shards, shard), append(names, name)
		if n, reason := eval.Failures(shard.Skipped); n > 0 {
			s := shard.Config.Shard
			failed = append(failed, fmt.Sprintf("shard %d of %d is not finished, %d of its %d examples failed (%s)",
				s.Index, s.Of, n, len(shard.Results)+len(shard.Skipped), reason))
		}
	}
	c, results, err := eval.Merge(shards, names, unfinished)
	if err != nil {
		return fmt.Errorf("-merge: %w", err)
	}
	err = v.write(t, c, results)
	if len(failed) > 0 {
		err = cmp.Or(err, errors.New(strings.Join(failed, "; ")))
	}
	return err
}

// openReport reads the report of a sweep.
func openReport(path string) (*eval.Report, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	r, err := eval.ReadJSON(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return r, nil
}
