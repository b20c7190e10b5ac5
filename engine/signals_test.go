//go:build !js

package engine

import (
	"context"
	"strings"
	"testing"

	"keyfold/compress"
	"keyfold/engine/checkpoint"
	"keyfold/layout"
)

// What was not collected is refused, and not answered with zeros.
func TestSignalsThatWereNotCollected(t *testing.T) {
	e := openFixture(t, CPU, checkpoint.F16)
	p := prefill(t, e, someTokens(20), layout.CacheF16, compress.Needs{})
	const noMass = "the prompt was read without counting the attention that its slots receive"
	for method, want := range map[string]string{
		"h2o":      noMass,
		"kvmerger": noMass,
		"cam":      noMass,
		"snapkv":   "the prompt was read with the queries of its last 0 tokens kept, want 64",
		"expected": "the prompt was read without the statistics of its queries behind the first 4 tokens",
		"kvzip":    "the prompt was not read a second time",
		"oracle":   "the tokens that follow the prompt are not known",
	} {
		if _, _, err := p.Decide(newMethod(t, method, 0.5)); err == nil || err.Error() != want {
			t.Errorf("%s: error %v\nwant  %s", method, err, want)
		}
	}
	if err := p.Future(context.Background(), nil); err == nil {
		t.Error("a future without tokens was accepted")
	}
	p = prefill(t, e, someTokens(20), layout.CacheF16, compress.Needs{Expected: &compress.ExpectedOptions{NSkip: 3, Horizon: 512}})
	if _, _, err := p.Decide(newMethod(t, "expected", 0.5)); err == nil || !strings.Contains(err.Error(), "behind the first 4 tokens") {
		t.Errorf("statistics behind the first 3 tokens instead of 4: error %v", err)
	}
	for _, tc := range []struct {
		collected compress.Needs
		m         compress.Method
		want      string
	}{
		{compress.Needs{Mass: true, MassLast: 8}, newMethod(t, "h2o", 0.5),
			"the prompt was read counting the attention paid by the last 8 tokens, want that by all tokens"},
		{compress.Needs{Mass: true}, newMethod(t, "kvmerger", 0, "mass", "last:8"),
			"the prompt was read counting the attention paid by all tokens, want that by the last 8 tokens"},
		{compress.Needs{Mass: true}, newMethod(t, "gvote", 0),
			"the prompt was read without the statistics of its hidden states behind the first 4 tokens"},
		{newMethod(t, "gvote", 0).Needs(), newMethod(t, "gvote", 0, "n_s", "0"),
			"the prompt was read without the statistics of its hidden states behind the first 0 tokens"},
	} {
		p = prefill(t, e, someTokens(40), layout.CacheF16, tc.collected)
		if _, _, err := p.Decide(tc.m); err == nil || err.Error() != tc.want {
			t.Errorf("%s: error %v\nwant  %s", tc.m.Name(), err, tc.want)
		}
	}
	p = prefill(t, e, someTokens(20), layout.CacheF16, compress.Needs{LastQueries: 64})
	signals, err := p.Measure(compress.Needs{LastQueries: 64})
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range []int{0, 21} {
		if _, err := signals.Window(w); err == nil {
			t.Errorf("a window of %d queries of a prompt of 20 tokens was accepted", w)
		}
	}
}

// Signals of another text than the cache's are refused: after tokens that left
// none, and after they were given back.
func TestSignalsOfAnotherText(t *testing.T) {
	e, text := openFixture(t, CPU, checkpoint.F16), someTokens(60)
	for _, m := range []compress.Method{newMethod(t, "h2o", 0.5), newMethod(t, "snapkv", 0.5),
		newMethod(t, "gvote", 0), newMethod(t, "expected", 0.5)} {
		p := prefill(t, e, text[:40], layout.CacheF16, m.Needs())
		if err := p.Read(context.Background(), text[40:]); err != nil {
			t.Fatal(err)
		}
		want := "the signals are those of a text of 40 tokens, the cache holds 60"
		if _, _, err := p.Decide(m); err == nil || err.Error() != want {
			t.Errorf("%s after tokens that nobody traced: error %v\nwant  %s", m.Name(), err, want)
		}
	}
	p := prefillToCompress(t, e, text, layout.CacheF16, newMethod(t, "h2o", 0.5), 0)
	compressPrompt(t, p)
	want := "the prompt has no signals, or they were given back after its only compression"
	if _, _, err := p.Compress(); err == nil || err.Error() != want {
		t.Errorf("compressed a second time: error %v\nwant  %s", err, want)
	}
}
