// Command testreport reads what "go test -json" prints and shows it as "go
// test" does: one line per package, and all that a failed test said. At its end
// it lists every test that was skipped, and why.
//
//	go test -json ./... | testreport
//
// With CI=true in the environment it fails if a test was skipped for another
// reason than that the files in shared/data, which lie beside the repository,
// are absent, or that "make test-real" runs it. It leaves failed tests to the
// exit status of go test.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
)

func main() {
	os.Exit(report(os.Stdin, os.Stdout, os.Getenv("CI") == "true"))
}

// event is a line of "go test -json"; see "go doc test2json".
type event struct {
	Action     string
	Package    string
	ImportPath string // of a package that does not build
	Test       string
	Output     string
}

// skip is a test that did not run.
type skip struct{ name, reason string }

// report copies the events in r to w and returns the exit status.
func report(r io.Reader, w io.Writer, ci bool) int {
	run := &run{w: w, output: map[event]*strings.Builder{}}
	lines := bufio.NewReader(r)
	for {
		line, err := lines.ReadBytes('\n')
		var e event
		if len(line) > 0 && json.Unmarshal(line, &e) != nil {
			fmt.Fprintf(w, "%s", line) // not an event: go test itself complains
		}
		run.take(e)
		if err != nil {
			break
		}
	}

	fmt.Fprintf(w, "\n%d tests and subtests passed, %d skipped\n", run.passed, len(run.skips))
	slices.SortFunc(run.skips, func(a, b skip) int { return strings.Compare(a.name, b.name) })
	status := 0
	for _, s := range run.skips {
		fmt.Fprintf(w, "skipped %s: %s\n", s.name, s.reason)
		if ci && !strings.Contains(s.reason, "shared/data") && !strings.Contains(s.reason, "make test-real") {
			fmt.Fprintln(w, "        which CI does not allow: only what needs shared/data, or what make test-real runs, may be skipped there")
			status = 1
		}
	}
	return status
}

// A run is what has been read so far.
type run struct {
	w      io.Writer
	output map[event]*strings.Builder // by package and test, until it ends
	skips  []skip
	passed int
}

// said returns what a package or test has said, and forgets it.
func (r *run) said(key event) string {
	text := ""
	if b := r.output[key]; b != nil {
		text = b.String()
	}
	delete(r.output, key)
	return text
}

// take reads one event.
func (r *run) take(e event) {
	key := event{Package: e.Package, Test: e.Test}
	switch e.Action {
	case "output":
		if r.output[key] == nil {
			r.output[key] = &strings.Builder{}
		}
		r.output[key].WriteString(e.Output)
	case "build-output":
		fmt.Fprint(r.w, e.Output)
	case "pass":
		text := r.said(key)
		if e.Test != "" {
			r.passed++
		} else {
			fmt.Fprint(r.w, lastLine(text))
		}
	case "skip":
		text := r.said(key)
		if e.Test != "" {
			r.skips = append(r.skips, skip{e.Package + "." + e.Test, reason(text)})
		}
	case "fail":
		if e.Test == "" {
			// What ends a package, a panic or a time limit, leaves tests without an end.
			for other := range r.output {
				if other.Package == e.Package && other.Test != "" {
					fmt.Fprint(r.w, r.said(other))
				}
			}
		}
		fmt.Fprint(r.w, r.said(key))
	}
}

// reason returns what a skipped test said, on one line, without the lines of
// the test framework and without what it logged before: the message of the
// skip is the last one, and its further lines are indented more.
func reason(output string) string {
	var message []string
	for line := range strings.Lines(output) {
		if strings.HasPrefix(line, "=== ") || strings.HasPrefix(strings.TrimSpace(line), "--- SKIP") {
			continue
		}
		if !strings.HasPrefix(line, "        ") {
			message = nil
		}
		message = append(message, strings.TrimSpace(line))
	}
	return strings.Join(message, " ")
}

// lastLine returns the line of a package that passed: "ok", its path, its time.
func lastLine(output string) string {
	at := strings.LastIndexByte(strings.TrimSuffix(output, "\n"), '\n')
	return output[at+1:]
}
