package eval

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// madeUp returns a configuration and results that no model made: two tasks, two
// numbers, the full cache and two variants, one of them with two seeds.
func madeUp(t testing.TB) (Config, []Result) {
	t.Helper()
	variants, err := Variants("window,gvote", []float64{0.5}, 2)
	if err != nil {
		t.Fatal(err)
	}
	c := Config{KV: "f16", Protocol: Outside, Tasks: []string{"fact", "needle"}, Lengths: []int{64}, N: 2, Examples: 4,
		Variants: variants, Shard: Shard{0, 1}}
	run := func(method string, budget float64, seed uint32, ratio float64, full, score [2]float64) Run {
		r := Run{Method: method, Budget: budget, Seed: seed, Ratio: ratio, Slots: [][]int{{int(64 * ratio)}},
			Bytes: int(6400 * ratio), BytesFull: 6400}
		for i := range score {
			r.Answers = append(r.Answers, Answer{Ask: i, Score: score[i], Full: full[i], Change: change(full[i], score[i]),
				KL: 0.1 * (1 - ratio), DeltaNLL: 0.2 * (1 - ratio)})
		}
		return r
	}
	scores := map[Item][4][2]float64{ // full, window, gvote with two seeds
		{"fact", 64, 0}:   {{1, 1}, {0, 1}, {1, 1}, {0, 1}},
		{"fact", 64, 1}:   {{1, 0}, {0, 0}, {1, 1}, {1, 0}},
		{"needle", 64, 0}: {{1, 1}, {1, 1}, {1, 1}, {1, 1}},
		{"needle", 64, 1}: {{1, 1}, {0, 1}, {1, 1}, {1, 1}},
	}
	var results []Result
	for _, number := range []int{1, 0} { // results come in any order
		for _, task := range c.Tasks {
			it := Item{task, 64, number}
			s := scores[it]
			results = append(results, Result{Item: it, ID: task + "/" + string(rune('0'+number)), Tokens: 64,
				Asks: []Question{
					{Marked: task == needle, Guess: 0.25, Depth: 0.1},
					{Marked: task == needle, Guess: 0.75, Depth: 1},
				},
				Runs: []Run{
					run(Full, 0, 1, 1, s[0], s[0]),
					run("window", 0.5, 1, 0.5, s[0], s[1]),
					run("gvote", 0, 1, 0.25, s[0], s[2]),
					run("gvote", 0, 2, 0.75, s[0], s[3]),
				}})
		}
	}
	return c, results
}

// A journal gives back what was appended, without a half written last line.
func TestJournal(t *testing.T) {
	c, results := madeUp(t)
	path := filepath.Join(t.TempDir(), "j")
	open := func() *Journal {
		t.Helper()
		j, err := OpenJournal(path, c)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { j.Close() })
		return j
	}
	j := open()
	for _, r := range results[:2] {
		if err := j.Append(r); err != nil {
			t.Fatal(err)
		}
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, append(data, data[:len(data)/2]...), 0o644); err != nil { // whole lines and a half
		t.Fatal(err)
	}
	if _, err := OpenJournal(path, c); err == nil || !strings.Contains(err.Error(), "line 4") {
		t.Errorf("a configuration among the results: %v", err)
	}
	if err := os.WriteFile(path, append(data, `{"task":"fact","len`...), 0o644); err != nil {
		t.Fatal(err)
	}
	if r, err := ReadJournal(path); err != nil || len(r.Results) != 2 || r.Config.Examples != 4 {
		t.Errorf("reading gives %+v, %v; want 2 of 4 examples", r, err)
	}
	j = open()
	if got := reportJSON(t, c, j.Done()); got != reportJSON(t, c, results[:2]) {
		t.Errorf("the journal gives back %s", got)
	}
	if err := j.Append(results[2]); err != nil {
		t.Fatal(err)
	}
	if got := len(open().Done()); got != 3 {
		t.Errorf("%d results behind a half written one, want 3", got)
	}
	if _, err := ReadJournal(path + "2"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no journal: %v", err)
	}
	if err := os.WriteFile(path+"2", []byte(`{"kv":"f1`), 0o644); err != nil { // half of its first line
		t.Fatal(err)
	}
	if _, err := ReadJournal(path + "2"); err == nil || !strings.Contains(err.Error(), "is empty") {
		t.Errorf("an empty journal: %v", err)
	}
	if err := os.WriteFile(path, []byte("Once upon a time\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenJournal(path, c); err == nil || !strings.Contains(err.Error(), "no journal") {
		t.Errorf("a story as a journal: %v", err)
	}
	if left, _ := os.ReadFile(path); string(left) != "Once upon a time\n" {
		t.Errorf("what was no journal is now %q", left)
	}
}

// A journal of another configuration is refused, and the difference named.
func TestJournalOfAnotherConfiguration(t *testing.T) {
	c, _ := madeUp(t)
	for want, change := range map[string]func(*Config){
		`kv was "f16" and is "f32"`:         func(c *Config) { c.KV = "f32" },
		"methods":                           func(c *Config) { c.Variants = c.Variants[:1] },
		`device`:                            func(c *Config) { c.Device.Kind = "gpu" },
		`data was absent and is {"name":""`: func(c *Config) { c.Data = &File{Name: "x"} },
		`score_tokens was 0 and is 9`:       func(c *Config) { c.ScoreTokens = 9 },
		`trained was false and is true`:     func(c *Config) { c.Trained = true },
	} {
		path := filepath.Join(t.TempDir(), "j")
		j, err := OpenJournal(path, c)
		if err != nil {
			t.Fatal(err)
		}
		j.Close()
		other := c
		change(&other)
		if _, err := OpenJournal(path, other); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

func TestJSONReadsBack(t *testing.T) {
	c, results := madeUp(t)
	r, err := NewReport(c, results, Full)
	if err != nil {
		t.Fatal(err)
	}
	var first, second bytes.Buffer
	if err := r.WriteJSON(&first); err != nil {
		t.Fatal(err)
	}
	again, err := ReadJSON(bytes.NewReader(first.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	if err := again.WriteJSON(&second); err != nil {
		t.Fatal(err)
	}
	if first.String() != second.String() {
		t.Errorf("%s\nreads back as\n%s", &first, &second)
	}
	if len(again.Results) != 4 || len(again.Cells) != 6 {
		t.Errorf("%d examples and %d cells, want 4 and 6", len(again.Results), len(again.Cells))
	}
	for _, text := range []string{"", "[]", "{}", first.String()[:200]} {
		if _, err := ReadJSON(strings.NewReader(text)); err == nil {
			t.Errorf("%.20q is read as a report", text)
		}
	}
}

// Shards join to the whole, in any order; anything else is refused.
func TestMerge(t *testing.T) {
	c, results := madeUp(t)
	shard := func(index int, results ...Result) *Report {
		part := c
		part.Shard = Shard{index, 2}
		return &Report{Config: part, Results: results}
	}
	first, second := shard(0, results[2], results[3]), shard(1, results[0], results[1])
	merged, all, err := Merge([]*Report{first, second}, []string{"a", "b"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := reportJSON(t, merged, all), reportJSON(t, c, results); got != want {
		t.Errorf("the shards join to\n%s\nwant\n%s", got, want)
	}
	other := shard(1, results[0], results[1])
	other.Config.Protocol = Inside
	third := shard(1)
	third.Config.Shard.Of = 3
	type reports = []*Report
	for want, tc := range map[string]struct{ shards, journals reports }{
		"different configurations (protocol was":                                         {reports{first, other}, nil},
		"x is a shard of 2 and y of 3":                                                   {reports{first, third}, nil},
		"x and y both have example 0 of fact":                                            {reports{first, first, second}, nil},
		"only 2 of 4 examples are there; of 2 shards missing: 0":                         {reports{second}, nil},
		"only 2 of 4 examples are there; of 2 shards missing: 1":                         {reports{first}, reports{third}},
		"of 2 shards not finished: 1 (examples done: 1)":                                 {reports{first}, reports{shard(1, results[0])}},
		"only 0 of 4 examples are there; of 2 shards missing: 0; not finished: 1 (examp": {nil, reports{shard(1)}},
		"only 3 of 4 examples are there; of 2 shards none is missing, but a report":      {reports{first, shard(1, results[0])}, reports{shard(1)}},
	} {
		if _, _, err := Merge(tc.shards, []string{"x", "y", "z"}[:len(tc.shards)], tc.journals); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}
