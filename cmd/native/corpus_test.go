//go:build !js

package main

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"keyfold/corpus"
	"keyfold/engine/checkpoint"
	"keyfold/engine/tokenizer"
)

func TestCorpusText(t *testing.T) {
	var want []string
	for seed := uint64(7); seed < 12; seed++ {
		d, err := corpus.Mixed(seed, corpus.Size{Tokens: 200})
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, d.Text())
	}
	if got := mustRun(t, "corpus", "-seed", "7", "-docs", "5", "-tokens", "200"); got != strings.Join(want, "\n") {
		t.Errorf("documents 7 to 11 are %q, want %q", got, want)
	}
	d, err := corpus.New("count", corpus.EvalFrom, corpus.Size{Tokens: 512})
	if err != nil {
		t.Fatal(err)
	}
	if got := mustRun(t, "corpus", "-seed", fmt.Sprint(corpus.EvalFrom), "-task", "count"); got != d.Text() {
		t.Errorf("%q, want %q", got, d.Text())
	}
	// Several tasks take turns.
	var turns []string
	for seed := uint64(20); seed < 24; seed++ {
		d, err := corpus.New([]string{"count", "hops"}[seed%2], seed, corpus.Size{Tokens: 200, Dense: true})
		if err != nil {
			t.Fatal(err)
		}
		turns = append(turns, d.Text())
	}
	if got := mustRun(t, "corpus", "-seed", "20", "-docs", "4", "-tokens", "200", "-task", "count,hops", "-dense"); got != strings.Join(turns, "\n") {
		t.Errorf("%q, want %q", got, turns)
	}
	help := mustRun(t, "corpus", "-help")
	for _, task := range corpus.Tasks() {
		if !strings.Contains(help, task.Name) || !strings.Contains(help, task.Help) {
			t.Errorf("the help lacks %s", task.Name)
		}
	}
	if !strings.Contains(help, fmt.Sprint(corpus.EvalFrom)) || !strings.Contains(help, fmt.Sprint(shardTokens)) {
		t.Error("the help has another first seed of evaluation, or other shards")
	}
}

func TestCorpusRefuses(t *testing.T) {
	full := t.TempDir()
	if err := os.WriteFile(filepath.Join(full, "0003.tokens"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		status int
		want   string
		args   string
	}{
		{2, "-docs is 0, want at least 1", "-docs 0"},
		{2, "-tokens is 0, want at least 1", "-tokens 0"},
		{2, `-task has "chess"`, "-task count,chess"},
		{2, "run from training into evaluation, which begins at 4294967296", "-seed 4294967290 -docs 7"},
		{2, "run over the last seed", "-seed 18446744073709551615"},
		{2, `unexpected argument "a"`, "a"},
		{1, "finds no room in 10 tokens", "-task hops -tokens 10"},
		{1, "none.gguf", "-model none.gguf"},
		{1, "0003.tokens is there already", "-shards " + full},
	} {
		status, stdout, stderr := keyfold(append([]string{"corpus"}, strings.Fields(tc.args)...)...)
		if status != tc.status || !strings.Contains(stderr, tc.want) || stdout != "" {
			t.Errorf("keyfold corpus %s: status %d, %q, printed %q; want status %d and %q", tc.args, status, stderr, stdout, tc.status, tc.want)
		}
	}
	if status, _, stderr := keyfold("corpus", "-seed", "4294967290", "-docs", "6", "-tokens", "200"); status != 0 {
		t.Errorf("the last training seeds: %s", stderr)
	}
}

// fixtureTokenizer returns the tokenizer of the fixture.
func fixtureTokenizer(t testing.TB) (path string, tok *tokenizer.Tokenizer) {
	t.Helper()
	path = fixtureModel(t, checkpoint.F16)
	tok, err := readTokenizer(path, 0)
	if err != nil {
		t.Fatal(err)
	}
	return path, tok
}

// The shards hold the ids of whole documents, and the weights are those of the
// answers, which are found here by encoding everything before them.
func TestCorpusShards(t *testing.T) {
	defer func(n int) { shardTokens = n }(shardTokens)
	shardTokens = 6000
	path, tok := fixtureTokenizer(t)
	folder := filepath.Join(t.TempDir(), "shards")
	const docs, tokens = 40, 700
	mustRun(t, "corpus", "-docs", fmt.Sprint(docs), "-tokens", fmt.Sprint(tokens), "-model", path, "-shards", folder)
	encode := func(text string) []int {
		ids, err := tok.Encode(text, true)
		if err != nil {
			t.Fatal(err)
		}
		return ids
	}
	read := func(number int, ending string) []byte {
		data, err := os.ReadFile(filepath.Join(folder, fmt.Sprintf("%04d.%s", number, ending)))
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	seed := uint64(1)
	answers := 0
	number := 0
	for ; seed <= docs; number++ {
		raw, weights := read(number, "tokens"), read(number, "weights")
		if len(raw) != 2*len(weights) || len(weights) > shardTokens {
			t.Fatalf("shard %d: %d bytes of tokens, %d weights", number, len(raw), len(weights))
		}
		at := 0
		for line := range strings.Lines(string(read(number, "docs"))) {
			d, err := corpus.Mixed(seed, corpus.Size{Tokens: tokens, Count: func(s string) int { return len(encode(s)) - 1 }})
			if err != nil {
				t.Fatal(err)
			}
			ids := encode(d.Text())
			want := docLine{d.Task, seed, at, at + len(ids) + 1, []askLine{}}
			for _, a := range d.Asks {
				want.Asks = append(want.Asks, askLine{a.Kind, a.Guess})
			}
			var got docLine
			if err := json.Unmarshal([]byte(line), &got); err != nil || !reflect.DeepEqual(got, want) {
				t.Fatalf("seed %d: %+v, %v, want %+v", seed, got, err, want)
			}
			if len(ids) > tokens {
				t.Errorf("seed %d: %d tokens, want %d at most", seed, len(ids), tokens)
			}
			marks := make([]byte, len(ids)+1)
			text := d.Context
			for i, a := range d.Asks {
				from := encode(text + a.Question)
				to := encode(text + a.Question + a.Answer)
				if !slices.Equal(ids[:len(from)], from) || !slices.Equal(ids[:len(to)], to) {
					t.Errorf("seed %d: the answer %q is joined with what is around it", seed, a.Answer)
				}
				for k := len(from); k < len(to); k++ {
					marks[k] = byte(i + 1)
				}
				answers++
				text += a.Question + a.Answer + "\n"
			}
			ids = append(ids, tok.EOS())
			for i, id := range ids {
				if at+i >= len(weights) {
					t.Fatalf("seed %d: shard %d ends early", seed, number)
				}
				if got := int(binary.LittleEndian.Uint16(raw[2*(at+i):])); got != id || weights[at+i] != marks[i] {
					t.Fatalf("seed %d: token %d is %d with weight %d, want %d with %d", seed, i, got, weights[at+i], id, marks[i])
				}
			}
			at += len(ids)
			seed++
		}
		if at != len(weights) {
			t.Errorf("shard %d has %d tokens, want %d", number, len(weights), at)
		}
	}
	if number < 3 || answers < docs {
		t.Errorf("%d shards with %d answers", number, answers)
	}
	if left, _ := filepath.Glob(filepath.Join(folder, "*")); len(left) != 3*number {
		t.Errorf("files %v, want three for each of %d shards", left, number)
	}
}

// A run that fails leaves no shard behind, not even those that were complete.
func TestCorpusShardsAreWholeOrAbsent(t *testing.T) {
	defer func(n int) { shardTokens = n }(shardTokens)
	shardTokens = 100 // less than any document: each is a shard
	path, tok := fixtureTokenizer(t)
	folder := t.TempDir()
	// With this size some documents have no room for a question. Find one
	// that follows two others.
	const tokens = 300
	c := corpusBatches{tasks: []string{"arithmetic"}, size: corpus.Size{Tokens: tokens}, tok: tok}
	seed := uint64(1)
	for good := 0; ; seed++ {
		if _, err := c.make(seed); err == nil {
			good++
		} else if good >= 2 {
			break
		} else {
			good = 0
		}
		if seed == 1000 {
			t.Fatal("choose a size that is too small for some documents only")
		}
	}
	args := []string{"corpus", "-seed", fmt.Sprint(seed - 2), "-tokens", fmt.Sprint(tokens), "-task", "arithmetic", "-model", path, "-shards", folder}
	status, _, stderr := keyfold(append(args, "-docs", "3")...)
	if status != 1 || !strings.Contains(stderr, "finds no room") {
		t.Errorf("status %d, %q, want 1 and that there is no room", status, stderr)
	}
	if left, _ := filepath.Glob(filepath.Join(folder, "*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	mustRun(t, append(args, "-docs", "2")...)
}
