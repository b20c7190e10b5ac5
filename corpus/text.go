package corpus

import (
	"embed"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// The sentences and words of the corpus are text files. All but plots.txt and
// problems.txt, which have forms of their own, are lists of sections:
//
//	# a comment
//	== name of the section
//	field: its value
//	list:
//	    one line
//	    another line
//
// Only words.txt and plot_questions.txt do without sections: they have fields.
//
//go:embed *.txt
var files embed.FS

// A line is a line of a text file, without the space around it.
type line struct {
	number   int
	indented bool
	text     string
}

// contentLines returns the lines of a text that are neither empty nor comments.
func contentLines(text string) []line {
	var lines []line
	number := 0
	for raw := range strings.Lines(text) {
		number++
		trimmed := strings.TrimSpace(raw)
		if trimmed == "" || trimmed[0] == '#' {
			continue
		}
		lines = append(lines, line{number, raw[0] == ' ' || raw[0] == '\t', trimmed})
	}
	return lines
}

// errorAt is an error about a line of a text file.
func errorAt(file string, number int, format string, args ...any) error {
	return fmt.Errorf("corpus/%s:%d: %s", file, number, fmt.Sprintf(format, args...))
}

// must returns the value of a function that reads a file of the corpus. The
// files are a part of the program, and so are mistakes in them.
func must[T any](value T, err error) T {
	if err != nil {
		panic("BUG: " + err.Error())
	}
	return value
}

// load returns the text of a file of the corpus.
func load(file string) string {
	return string(must(files.ReadFile(file)))
}

// A section of a text file has fields, which its reader takes one by one.
type section struct {
	name   string
	file   string
	number int // of the line where it begins
	fields map[string]field
	err    error // the first
}

// A field has one value on its own line, or a list of lines below it.
type field struct {
	number int
	list   bool
	lines  []line
}

// readSections reads a text and makes something of every section. A field that
// the function does not take is an error.
func readSections[T any](file, text string, read func(*section) T) ([]T, error) {
	sections, err := parseSections(file, text)
	if err != nil {
		return nil, err
	}
	var out []T
	for _, s := range sections {
		value := read(s)
		for _, key := range slices.Sorted(maps.Keys(s.fields)) {
			s.fail(s.fields[key].number, "a section has no field %q here", key)
		}
		if s.err != nil {
			return nil, s.err
		}
		out = append(out, value)
	}
	return out, nil
}

// parseSections divides a text into sections and their fields.
func parseSections(file, text string) ([]*section, error) {
	var sections []*section
	var s *section
	key := ""
	for _, l := range contentLines(text) {
		name, isHead := strings.CutPrefix(l.text, "== ")
		if isHead || s == nil {
			s = &section{name: name, file: file, number: l.number, fields: map[string]field{}}
			sections = append(sections, s)
			key = ""
			if isHead {
				continue
			}
			s.name = ""
		}
		if l.indented {
			f, ok := s.fields[key]
			if !ok || !f.list {
				return nil, errorAt(file, l.number, "a line of a list without a list: %q", l.text)
			}
			f.lines = append(f.lines, l)
			s.fields[key] = f
			continue
		}
		before, after, ok := strings.Cut(l.text, ":")
		if !ok {
			return nil, errorAt(file, l.number, "want a field, its name and a colon: %q", l.text)
		}
		if _, twice := s.fields[before]; twice {
			return nil, errorAt(file, l.number, "a second %q", before)
		}
		key = before
		f := field{number: l.number, list: after == ""}
		if !f.list {
			f.lines = []line{{number: l.number, text: strings.TrimSpace(after)}}
		}
		s.fields[key] = f
	}
	return sections, nil
}

// fail notes an error, unless there is one already.
func (s *section) fail(number int, format string, args ...any) {
	if s.err == nil {
		s.err = errorAt(s.file, number, format, args...)
	}
}

// take takes a field out of the section.
func (s *section) take(key string) (field, bool) {
	f, ok := s.fields[key]
	delete(s.fields, key)
	if ok && len(f.lines) == 0 {
		s.fail(f.number, "%s is empty", key)
		return field{}, false
	}
	return f, ok
}

// has says whether the section has a field that is not taken yet.
func (s *section) has(key string) bool {
	_, ok := s.fields[key]
	return ok
}

// need fails for fields that the section lacks.
func (s *section) need(keys ...string) {
	for _, key := range keys {
		if !s.has(key) {
			s.fail(s.number, "%q has no %q", s.name, key)
		}
	}
}

// value takes a field of one line, or "".
func (s *section) value(key string) string {
	f, ok := s.take(key)
	if !ok {
		return ""
	}
	if f.list {
		s.fail(f.number, "%s has one value, not a list", key)
	}
	return f.lines[0].text
}

// flag takes a field that says yes.
func (s *section) flag(key string) bool {
	f, number := s.has(key), s.fields[key].number
	if value := s.value(key); f && value != "yes" {
		s.fail(number, "%s is %q, want yes, or no such line", key, value)
	}
	return f
}

// frame takes a field that is one frame, or "".
func (s *section) frame(key string) frame {
	number := s.fields[key].number
	f := frame(s.value(key))
	if err := f.check(); err != nil {
		s.fail(number, "%v", err)
	}
	return f
}

// frames takes a list of frames; those after a line with a bar are held out.
func (s *section) frames(key string) frameList {
	var l frameList
	f, _ := s.take(key)
	held := false
	for _, line := range f.lines {
		if line.text == "|" {
			held = true
			continue
		}
		if err := frame(line.text).check(); err != nil {
			s.fail(line.number, "%v", err)
		}
		l.add(frame(line.text), held)
	}
	return l
}

// words takes a list of words: the section's own, one of words.txt by its name,
// numbers ("1 to 40") or all dates.
func (s *section) words(key string) list {
	f, ok := s.take(key)
	switch {
	case !ok:
		return list{}
	case f.list:
		return f.words()
	}
	name := f.lines[0].text
	if low, high, ok := numberRange(name); ok {
		return numbers(low, high)
	}
	if name == "dates" {
		return dates()
	}
	l, ok := wordLists[name]
	if !ok {
		s.fail(f.number, "words.txt has no list %q", name)
	}
	return l
}

// words returns the words of a list, which commas separate; those after a bar
// are held out.
func (f field) words() list {
	var text strings.Builder
	for _, line := range f.lines {
		text.WriteString(line.text + " ")
	}
	train, held, _ := strings.Cut(text.String(), "|")
	return list{commaSeparated(train), commaSeparated(held)}
}

// numberRange takes a field "2 to 30", or zeros.
func (s *section) numberRange(key string) [2]int {
	if !s.has(key) {
		return [2]int{}
	}
	number := s.fields[key].number
	value := s.value(key)
	low, high, ok := numberRange(value)
	if !ok {
		s.fail(number, "%s is %q, want two numbers, the greater last: 2 to 30", key, value)
	}
	return [2]int{low, high}
}

// numberRange reads "2 to 30".
func numberRange(text string) (low, high int, ok bool) {
	before, after, ok := strings.Cut(text, " to ")
	low, errLow := strconv.Atoi(before)
	high, errHigh := strconv.Atoi(after)
	return low, high, ok && errLow == nil && errHigh == nil && low <= high
}

// commaSeparated returns the parts of a text between its commas.
func commaSeparated(text string) []string {
	var out []string
	for part := range strings.SplitSeq(text, ",") {
		if part = strings.TrimSpace(part); part != "" {
			out = append(out, part)
		}
	}
	return out
}
