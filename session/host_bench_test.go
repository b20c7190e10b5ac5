package session

import (
	"strings"
	"testing"

	"keyfold/engine"
	"keyfold/engine/checkpoint"
	"keyfold/models"
)

// BenchmarkTokenOnTheHost is what the session adds to the engine's benchmark of this name for a
// token: its description for the page, as JSON, with the attention to 400 tokens of a prompt.
func BenchmarkTokenOnTheHost(b *testing.B) {
	s := &Session{Open: func(Request) (*checkpoint.File, error) { return models.OpenFixture() }}
	var shown *Token
	ask := func(req Request) {
		s.Handle(req, func(e Event) {
			if e.Failed != nil {
				b.Fatal(e.Failed.Message)
			}
			if e.Token != nil {
				shown = e.Token
			}
		})
	}
	ask(Request{Do: "load", Device: "cpu"})
	text := strings.Repeat("the key lies under the old stone. ", 12)
	ask(Request{Do: "run", Prompt: text, Method: "kvmerger", Budget: 0.5, N: 12, Seed: 3,
		Sampler: &Sampler{Temperature: 0.9, TopP: 1, RepeatPenalty: 1}})
	r := s.run
	token := engine.Token{ID: shown.ID, Quality: &engine.Quality{KL: 0.01}}
	for _, c := range shown.Top {
		token.Likeliest = append(token.Likeliest, engine.Likely{ID: c.ID, Logprob: c.Logprob})
	}
	token.FullLikeliest = token.Likeliest
	for _, rows := range r.contents {
		token.Attention = append(token.Attention, make([]float32, len(rows)+64))
	}
	columns, shadow := newColumns(s.engine.Tokenizer, r.tokens), engine.NewShadow(r.fullText(), false)
	b.Logf("%d tokens in %d heads", len(r.tokens), len(r.contents))
	for b.Loop() {
		Encode(Event{Token: r.describeToken(token, r.text.Cache, columns, shadow)})
		r.report.Tokens, r.written = r.report.Tokens[:0], r.written[:0]
	}
	b.ReportMetric(b.Elapsed().Seconds()*1e3/float64(b.N), "ms/token")
}
