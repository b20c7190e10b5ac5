//go:build !js

// Command results runs the experiment of docs/results.md and writes its tables.
//
// Every sweep that has no summary in docs/results yet is run by `keyfold eval`,
// which goes on where it was stopped. Its report, with all answers, stays in
// build/results; the summary is what the repository keeps. Measurements, which
// ask no questions, are taken here, unless their file is there and of the same
// model. Then the tables and drawings are made from those files alone.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"keyfold/eval"
)

func main() {
	keyfold := flag.String("keyfold", "build/keyfold", "`PATH` of the command that runs sweeps")
	raw := flag.String("raw", "build/results", "`DIR` for whole reports")
	docs := flag.String("docs", "docs", "`DIR` of results.md and results/")
	only := flag.String("only", "", "run the sweep or measurement `NAME` alone, anew; - runs none")
	flag.Parse()
	if err := run(*keyfold, *raw, *docs, *only); err != nil {
		fmt.Fprintln(os.Stderr, "results:", err)
		os.Exit(1)
	}
}

func run(keyfold, raw, docs, only string) error {
	dir := filepath.Join(docs, "results")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for _, m := range measurements { // a few minutes, so before the sweeps
		if only == "" || only == m.name {
			if err := m.run(dir, only != ""); err != nil {
				return err
			}
		}
	}
	for _, s := range sweeps {
		path := filepath.Join(dir, s.name+".json")
		_, err := os.Stat(path)
		if only == s.name || only == "" && errors.Is(err, fs.ErrNotExist) {
			if err := s.run(keyfold, filepath.Join(raw, s.name+".json"), path); err != nil {
				return err
			}
		}
	}
	k, err := readAll(dir)
	if err != nil {
		return err
	}
	path := filepath.Join(docs, "results.md")
	old, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	filled, err := fill(string(old), k)
	if err != nil {
		return err
	}
	if err := replaceFile(path, []byte(filled)); err != nil {
		return err
	}
	return draw(k, dir)
}

// run runs a sweep and writes its summary. One that needs a file which is not
// there is left out, and said so.
func (s sweep) run(keyfold, raw, path string) error {
	for _, name := range []string{"STORIES260K", "TINYSTORIES"} {
		if strings.Contains(s.args, "$"+name) && os.Getenv(name) == "" {
			fmt.Fprintf(os.Stderr, "the sweep %s is left out: the environment's %s names no file\n", s.name, name)
			return nil
		}
	}
	if err := os.MkdirAll(filepath.Dir(raw), 0o755); err != nil {
		return err
	}
	args := []string{"eval", "-device", "cpu", "-json", raw}
	for _, arg := range strings.Fields(s.args) {
		args = append(args, os.ExpandEnv(arg))
	}
	fmt.Fprintln(os.Stderr, s.name)
	cmd := exec.Command(keyfold, args...)
	cmd.Stderr = os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("the sweep %s: %w", s.name, err)
	}
	file, err := os.Open(raw)
	if err != nil {
		return err
	}
	defer file.Close()
	report, err := eval.ReadJSON(file)
	if err != nil {
		return err
	}
	summary, err := summarise("keyfold eval -device cpu "+s.args, report.Config, report.Results)
	if err != nil {
		return err
	}
	return summary.write(path)
}

// kept is what the repository keeps of all runs, by their names.
type kept struct {
	sweeps map[string]*Summary
	keys   map[string]*Measured[KeyMap]
	inputs map[string]*Measured[Input]
	speed  *Measured[Speed]
}

// readAll reads the files of a folder; of what has not run there is none.
func readAll(dir string) (*kept, error) {
	k := &kept{map[string]*Summary{}, map[string]*Measured[KeyMap]{}, map[string]*Measured[Input]{}, nil}
	for _, s := range sweeps {
		summary, err := readJSON[Summary](filepath.Join(dir, s.name+".json"))
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			return nil, err
		default:
			k.sweeps[s.name] = summary
		}
	}
	for _, model := range []string{"", "-260k"} {
		var err error
		if k.keys["similarity"+model], err = readMeasured[KeyMap](dir, "similarity"+model); err != nil {
			return nil, err
		}
		if k.inputs["inputs"+model], err = readMeasured[Input](dir, "inputs"+model); err != nil {
			return nil, err
		}
	}
	var err error
	k.speed, err = readMeasured[Speed](dir, "speed")
	return k, err
}
