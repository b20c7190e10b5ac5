//go:build !js

package realmodel

import (
	"context"
	"slices"
	"strings"
	"testing"

	"keyfold/engine"
	"keyfold/engine/chat"
	"keyfold/engine/checkpoint"
)

// chatCase is a conversation and how the model goes on.
type chatCase struct {
	Messages []chat.Message `json:"messages"`
	Prompt   string         `json:"prompt"` // as the template writes it
	IDs      []int          `json:"ids"`    // of the prompt
	Wrote    []int          `json:"wrote"`  // the likeliest tokens behind it, up to one that ends a turn, or 48
	Text     string         `json:"text"`   // that they are
}

// The model's own template makes the prompts that transformers makes of it.
func TestRealPrompts(t *testing.T) {
	e := realEngine(t, engine.CPU)
	f, err := checkpoint.Open(modelPath)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	template, err := chat.New(chat.Source(f.Meta), e.Tokenizer)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range references(t) {
		for _, c := range r.Chats {
			if ids, err := template.Encode(c.Messages); err != nil || !slices.Equal(ids, c.IDs) {
				t.Errorf("%v: tokens %v (%v), want %v, which are %q", c.Messages, ids, err, c.IDs, c.Prompt)
			}
		}
	}
}

// The model answers with the tokens that transformers chooses, and ends where its turn ends.
func TestRealChats(t *testing.T) {
	for _, kind := range []engine.DeviceKind{engine.CPU, engine.GPU} {
		t.Run(string(kind), func(t *testing.T) {
			e := realEngine(t, kind)
			for name, r := range references(t) {
				if kind == engine.GPU && name == "shared" {
					continue // a software adapter writes 1.5 tokens a second
				}
				chats := r.Chats
				if kind == engine.GPU {
					chats = chats[:1]
				}
				for _, c := range chats {
					compareAnswer(t, e, c)
				}
			}
		})
	}
}

func compareAnswer(t *testing.T, e *engine.Engine, c chatCase) {
	t.Helper()
	p, err := e.Prefill(context.Background(), c.IDs, engine.Settings{})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Free()
	var wrote []int
	var text strings.Builder
	stream := e.Tokenizer.Stream()
	greedy := engine.Sampler{RepeatPenalty: 1, TopP: 1}
	err = p.Generate(context.Background(), engine.Generation{N: 48, Sampler: greedy, Emit: func(token engine.Token) error {
		wrote = append(wrote, token.ID)
		text.WriteString(stream.Next(token.ID))
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	text.WriteString(stream.Rest())
	if !slices.Equal(wrote, c.Wrote) || strings.TrimSpace(text.String()) != strings.TrimSpace(c.Text) {
		t.Errorf("behind %q: tokens %v, %q; want %v, %q", c.Prompt, wrote, text.String(), c.Wrote, c.Text)
	}
	want := engine.StopLength
	if len(c.Wrote) < 48 {
		want = engine.StopToken
	}
	if p.Stop == nil || p.Stop.Reason != want {
		t.Errorf("behind %q: it stopped because of %v, want %s", c.Prompt, p.Stop, want)
	}
}
