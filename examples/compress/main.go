//go:build !js

// Compress asks a question of a text whose KV cache several methods have made
// smaller, and shows what is left of the cache and of the answer.
package main

import (
	"context"
	"fmt"
	"log"
	"strings"

	"keyfold/compress"
	"keyfold/engine"
	"keyfold/engine/tokenizer"
	"keyfold/models"
)

const text = `Theo stood at the door and talked with a neighbor. They spoke of the weather.
Sally met an old friend on the road. By coach, that is how Ida came. Penny came by truck.
Lucy traveled by plane. Then they went home, tired and happy.
Question: How did Ida travel?
Answer:`

func main() {
	ctx := context.Background()
	file, err := models.Open()
	if err != nil {
		log.Fatal(err)
	}
	tok, err := tokenizer.FromGGUF(file.Meta)
	if err != nil {
		log.Fatal(err)
	}
	e, err := engine.Open(ctx, file, tok, engine.CPU)
	if err != nil {
		log.Fatal(err)
	}
	defer e.Close()
	tokens, err := tok.Encode(text, tok.AddsBOS())
	if err != nil {
		log.Fatal(err)
	}

	for _, s := range []compress.Settings{
		{Name: "full"},                  // keeps everything
		{Name: "window", Budget: 0.35},  // the first tokens and the most recent ones
		{Name: "snapkv", Budget: 0.35},  // what the last queries attend to
		{Name: "kvmerger", Budget: 0.5}, // folds similar neighbors
	} {
		if err := ask(ctx, e, tokens, s); err != nil {
			log.Fatal(err)
		}
	}
}

// ask reads the tokens, compresses their cache by a method and prints one line
// of what the model goes on with.
func ask(ctx context.Context, e *engine.Engine, tokens []int, s compress.Settings) error {
	method, err := compress.New(s)
	if err != nil {
		return err
	}

	// The engine collects what the method needs to know while it reads the prompt.
	p, err := e.Prefill(ctx, tokens, engine.Settings{Method: method})
	if err != nil {
		return err
	}
	defer p.Free()

	// A plan lists the rows of the new cache; Compress has applied it already.
	plan, signals, err := p.Compress()
	if err != nil {
		return err
	}

	var answer strings.Builder
	err = p.Generate(ctx, engine.Generation{
		N:       4,
		Sampler: engine.Sampler{RepeatPenalty: 1, TopP: 1}, // the likeliest token, always
		Emit: func(t engine.Token) error {
			answer.WriteString(t.Text)
			return nil
		},
	})
	line, _, _ := strings.Cut(strings.TrimSpace(answer.String()), "\n")
	fmt.Printf("%-9s keeps %3d%% of the slots and answers %q\n", s.Name, int(100*plan.Ratio(signals)+0.5), line)
	return err
}
