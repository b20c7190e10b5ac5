package eval

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"

	"keyfold/engine"
	"keyfold/internal/output"
	"keyfold/internal/textfile"
)

// A Journal is a file that a sweep appends each finished example to, so that
// nothing is lost when it stops. Its first line holds the configuration, every
// other line a [Result], all as JSON.
type Journal struct {
	file *os.File
	done []Result
}

// OpenJournal opens the journal at path, or begins one. One that another
// configuration began is refused, unless they differ only in which examples there
// are. The last line may be half written, as a killed process leaves it: it is cut
// off.
func OpenJournal(path string, c Config) (*Journal, error) {
	if !output.IsFile(path) {
		return nil, fmt.Errorf("the journal %s would be no file", path)
	}
	begun, results, err := readJournal(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	j := &Journal{}
	if begun != nil {
		if differ := unlike(begun.Config.withoutSet(), c.withoutSet()); differ != "" {
			return nil, fmt.Errorf("%s was begun with another configuration (%s); finish that one, or delete the file", path, differ)
		}
		j.done = begun.Results
	}
	first, err := json.Marshal(c)
	if err != nil {
		return nil, err
	}
	err = output.Write(path, nil, func(w io.Writer) error {
		_, err := w.Write(slices.Concat(first, []byte("\n"), results))
		return err
	})
	if err != nil {
		return nil, err
	}
	j.file, err = os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	return j, err
}

// ReadJournal reads the journal of a sweep that is not finished: a report of what is
// done, without cells.
func ReadJournal(path string) (*Report, error) {
	r, _, err := readJournal(path)
	if err == nil && r == nil {
		err = fmt.Errorf("the journal %s is empty", path)
	}
	return r, err
}

// readJournal reads the whole lines of a journal, nil where there are none. lines are
// those of the results.
func readJournal(path string) (r *Report, lines []byte, err error) {
	data, err := os.ReadFile(path)
	if err == nil {
		data, err = textfile.UTF8(data[:bytes.LastIndexByte(data, '\n')+1])
	}
	if err != nil {
		return nil, nil, fmt.Errorf("the journal %s: %w", path, err)
	}
	first, lines, found := bytes.Cut(data, []byte("\n"))
	if !found {
		return nil, nil, nil
	}
	r = &Report{}
	if err := json.Unmarshal(first, &r.Config); err != nil {
		return nil, nil, fmt.Errorf("%s is no journal of a sweep: %w", path, err)
	}
	number := 1
	for line := range bytes.Lines(lines) {
		number++
		var result Result
		if err := json.Unmarshal(line, &result); err != nil {
			return nil, nil, fmt.Errorf("%s line %d: %w", path, number, err)
		}
		if len(result.Runs) == 0 {
			return nil, nil, fmt.Errorf("%s line %d is no result: it has no runs", path, number)
		}
		r.Results = append(r.Results, result)
	}
	return r, lines, nil
}

// Done returns the results that were there when the journal was opened.
func (j *Journal) Done() []Result { return j.done }

// Append adds a result. One that was left out is not kept: it will be tried again.
func (j *Journal) Append(r Result) error {
	if r.Skipped != "" {
		return nil
	}
	return j.line(r)
}

// line writes a line at once, so that a stop leaves whole lines, but for the last.
func (j *Journal) line(v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return err
	}
	_, err = j.file.Write(append(data, '\n'))
	return err
}

// Close closes the file and leaves it there.
func (j *Journal) Close() error { return j.file.Close() }

// unlike returns the names of the fields in which two configurations differ,
// with their values where those are short, or "".
func unlike(a, b Config) string {
	fields := func(c Config) map[string]json.RawMessage {
		data, err := json.Marshal(c)
		var m map[string]json.RawMessage
		if err == nil {
			err = json.Unmarshal(data, &m)
		}
		if err != nil {
			panic("BUG: eval: " + err.Error()) // plain strings and numbers
		}
		return m
	}
	first, second := fields(a), fields(b)
	names := map[string]bool{}
	for name := range first {
		names[name] = true
	}
	for name := range second {
		names[name] = true
	}
	var differ []string
	for _, name := range slices.Sorted(maps.Keys(names)) {
		was, is := string(first[name]), string(second[name])
		switch {
		case was == is:
		case len(was)+len(is) > 80:
			differ = append(differ, name)
		default:
			differ = append(differ, fmt.Sprintf("%s was %s and is %s", name, cmp.Or(was, "absent"), cmp.Or(is, "absent")))
		}
	}
	return strings.Join(differ, ", ")
}

// sortResults puts results in the order of [Sweep.Items].
func sortResults(results []Result, tasks []string) {
	slices.SortFunc(results, func(a, b Result) int {
		return cmp.Or(cmp.Compare(a.Number, b.Number), cmp.Compare(a.Length, b.Length),
			cmp.Compare(slices.Index(tasks, a.Task), slices.Index(tasks, b.Task)))
	})
}

// WriteJSON writes the report with an example a line, so that it can be read
// by eye and by programs alike. Reports are equal where configurations are, but
// for the fields called ms.
func (r *Report) WriteJSON(w io.Writer) error {
	head := struct {
		Config  Config               `json:"configuration"`
		Against string               `json:"against"`
		Version engine.VersionReport `json:"version"`
		Cells   []Cell               `json:"cells"`
		Skipped []Result             `json:"skipped,omitempty"`
	}{r.Config, r.Against, r.Version, r.Cells, r.Skipped}
	data, err := json.MarshalIndent(head, "", " ")
	if err != nil {
		return err
	}
	out := bufio.NewWriter(w)
	out.Write(bytes.TrimSuffix(data, []byte("\n}")))
	out.WriteString(",\n \"examples\": [")
	for i, result := range r.Results {
		if data, err = json.Marshal(result); err != nil {
			return err
		}
		if i > 0 {
			out.WriteByte(',')
		}
		out.WriteString("\n  ")
		out.Write(data)
	}
	out.WriteString("\n ]\n}\n")
	return out.Flush()
}

// ReadJSON reads what WriteJSON wrote.
func ReadJSON(in io.Reader) (*Report, error) {
	data, err := io.ReadAll(in)
	if err == nil {
		data, err = textfile.UTF8(data)
	}
	if err != nil {
		return nil, err
	}
	r := &Report{}
	if err := json.Unmarshal(data, r); err != nil {
		return nil, err
	}
	if r.Config.Shard.Of == 0 {
		return nil, errors.New("no report of a sweep: it has no configuration")
	}
	return r, nil
}

// Merge joins the shards of one sweep. names say in errors which report is
// which. It refuses shards of different configurations, an example that two of
// them have, and any that none has: then it says which shards have no report,
// and how far those are that have a journal, as [ReadJournal] gives it.
func Merge(shards []*Report, names []string, journals []*Report) (Config, []Result, error) {
	whole := slices.Concat(shards, journals)[0].Config
	of := whole.Shard.Of
	whole.Shard = Shard{0, 1}
	var all []Result
	from := map[Item]string{}
	for i, shard := range shards {
		c := shard.Config
		if c.Shard.Of != of {
			return whole, nil, fmt.Errorf("%s is a shard of %d and %s of %d", names[0], of, names[i], c.Shard.Of)
		}
		c.Shard = Shard{0, 1}
		if differ := unlike(whole, c); differ != "" {
			return whole, nil, fmt.Errorf("%s and %s have different configurations (%s)", names[0], names[i], differ)
		}
		results := slices.Concat(shard.Results, shard.Skipped)
		for _, r := range results {
			if other, twice := from[r.Item]; twice {
				return whole, nil, fmt.Errorf("%s and %s both have example %d of %s", other, names[i], r.Number, r.Task)
			}
			from[r.Item] = names[i]
		}
		all = append(all, results...)
	}
	if len(all) != whole.Examples {
		return whole, nil, fmt.Errorf("only %d of %d examples are there; of %d shards %s",
			len(all), whole.Examples, of, lacking(of, shards, journals))
	}
	return whole, all, nil
}

// lacking says which shards of a sweep have no report: those without any file, and
// those that have a journal, with the number of its examples.
func lacking(of int, shards, journals []*Report) string {
	finished, begun := map[int]bool{}, map[int]int{}
	known := []int{of} // shards that have a file, and what is behind the last shard
	for _, s := range shards {
		finished[s.Config.Shard.Index] = true
		known = append(known, s.Config.Shard.Index)
	}
	for _, j := range journals {
		if j.Config.Shard.Of == of {
			begun[j.Config.Shard.Index] = len(j.Results)
			known = append(known, j.Config.Shard.Index)
		}
	}
	slices.Sort(known)
	var missing, unfinished []string
	next := 0
	for _, i := range slices.Compact(known) {
		switch {
		case i == next+1:
			missing = append(missing, fmt.Sprint(next))
		case i > next:
			missing = append(missing, fmt.Sprintf("%d to %d", next, i-1))
		}
		if done, ok := begun[i]; ok && !finished[i] {
			unfinished = append(unfinished, fmt.Sprintf("%d (examples done: %d)", i, done))
		}
		next = i + 1
	}
	var said []string
	if len(missing) > 0 {
		said = append(said, "missing: "+strings.Join(missing, ", "))
	}
	if len(unfinished) > 0 {
		said = append(said, "not finished: "+strings.Join(unfinished, ", "))
	}
	return cmp.Or(strings.Join(said, "; "), "none is missing, but a report has lost examples")
}
