//go:build !js

package engine

import (
	"context"
	"strings"
	"testing"

	"keyfold/engine/checkpoint"
	"keyfold/engine/tokenizer"
)

// TestReader: the texts of all tokens are the text less what ends it, whatever the tokens are, and
// the first token that completes a stop text is the last one.
func TestReader(t *testing.T) {
	tok, err := tokenizer.FromGGUF(fixtureFile(t, checkpoint.F32).Meta)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		written    string
		stops      []string
		want, stop string
	}{
		{"the key of the house", nil, "the key of the house", ""},
		{"the key of the house", []string{"key"}, "the ", "key"},
		{"the key of the house", []string{"y of", "of"}, "the ke", "y of"},
		{"the key of the house", []string{"of", "y of"}, "the ke", "y of"},
		{"the key of the house", []string{"key", "key of"}, "the ", "key"}, // which is there first
		{"the key of the house", []string{"the"}, "", "the"},
		{"the key of the house", []string{"houses", "house!"}, "the key of the house", ""},
		{"a\n\nUser: b", []string{"\nUser:"}, "a\n", "\nUser:"},
		{"aaab", []string{"aab"}, "a", "aab"},
		{"ababac", []string{"abac"}, "ab", "abac"},
		{"grün, grüner", []string{"ün,"}, "gr", "ün,"},
		{"日本語だ", []string{"語"}, "日本", "語"},
		{"日本語だ", []string{"誠"}, "日本語だ", ""}, // shares its first bytes
		{"<|im_end|", []string{"<|im_end|>"}, "<|im_end|", ""},
	} {
		ids, err := tok.Encode("x"+c.written, false)
		if err != nil {
			t.Fatal(err)
		}
		before, err := tok.Encode("x", false)
		if err != nil {
			t.Fatal(err)
		}
		r, err := newReader(tok, before, c.stops)
		if err != nil {
			t.Fatal(err)
		}
		got, stop := "", ""
		for i, id := range ids[len(before):] {
			var text string
			text, stop = r.next(id)
			if got += text; stop == "" {
				continue
			}
			whole, _ := tok.Decode(ids[:len(before)+i])
			if strings.Contains(whole, stop) {
				t.Errorf("%q, %q: found late", c.written, c.stops)
			}
			break
		}
		if stop == "" {
			got += r.rest()
		}
		if got != c.want || stop != c.stop {
			t.Errorf("%q with stops %q: %q, ended by %q, want %q and %q", c.written, c.stops, got, stop, c.want, c.stop)
		}
	}
	if _, err := newReader(tok, nil, []string{"a", ""}); err == nil {
		t.Error("the empty text ends a text")
	}
	if _, err := newReader(nil, nil, []string{"a"}); err == nil {
		t.Error("a text is found without a tokenizer")
	}
}

// TestStopText: any stretch of what a model writes can be made to end it, on both devices; nothing
// of it is printed, and no token is written behind it.
func TestStopText(t *testing.T) {
	for _, kind := range []DeviceKind{CPU, GPU} {
		if kind == GPU {
			openFixture(t, GPU, checkpoint.F32) // skips where there is none
		}
		e := openFixture(t, kind, checkpoint.F32)
		tok, err := tokenizer.FromGGUF(fixtureFile(t, checkpoint.F32).Meta)
		if err != nil {
			t.Fatal(err)
		}
		e.Tokenizer = tok
		p, err := e.Prefill(context.Background(), someTokens(40), Settings{})
		if err != nil {
			t.Fatal(err)
		}
		defer p.Free()
		write := func(stops ...string) (text string, n int, stop *Stop) {
			fork, err := p.Fork()
			if err != nil {
				t.Fatal(err)
			}
			defer fork.Free()
			err = fork.Generate(context.Background(), Generation{N: 24, Sampler: greedy, Stop: stops, Emit: func(token Token) error {
				text, n = text+token.Text, n+1
				return nil
			}})
			if err != nil {
				t.Fatal(err)
			}
			return text, n, fork.Stop
		}
		all, n, stop := write()
		if stop.Reason != StopLength || n != 24 || len(all) < 12 {
			t.Fatalf("%s: %q, %v", kind, all, stop)
		}
		for from := 0; from+5 < len(all); from += 3 {
			want := all[from : from+5]
			text, fewer, stop := write("never there", want)
			if stop.Reason != StopText || stop.Text != want || text != all[:strings.Index(all, want)] || fewer > n {
				t.Errorf("%s: with %q %q and %+v after %d tokens, of %q", kind, want, text, stop, fewer, all)
			}
		}
		if text, _, stop := write("never there"); text != all || stop.Reason != StopLength {
			t.Errorf("%s: %q and %v, want %q", kind, text, stop, all)
		}
	}
}
