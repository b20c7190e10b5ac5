//go:build !js

// Generate continues a text with the built-in model, token by token.
package main

import (
	"context"
	"fmt"
	"log"

	"keyfold/engine"
	"keyfold/engine/tokenizer"
	"keyfold/models"
)

func main() {
	ctx := context.Background()

	// A checkpoint has the weights and, in GGUF files, the tokenizer. To open a file of
	// your own: checkpoint.Open(path).
	file, err := models.Open()
	if err != nil {
		log.Fatal(err)
	}
	tok, err := tokenizer.FromGGUF(file.Meta)
	if err != nil {
		log.Fatal(err)
	}

	// engine.GPU runs it on WebGPU; engine.Auto takes what is there.
	e, err := engine.Open(ctx, file, tok, engine.CPU)
	if err != nil {
		log.Fatal(err)
	}
	defer e.Close()

	// Prefill reads the prompt into a new KV cache.
	const prompt = "One sunny morning Lily went"
	tokens, err := tok.Encode(prompt, tok.AddsBOS())
	if err != nil {
		log.Fatal(err)
	}
	p, err := e.Prefill(ctx, tokens, engine.Settings{})
	if err != nil {
		log.Fatal(err)
	}
	defer p.Free()

	// Generate feeds each token that it draws to the cache. With a temperature of 0 that
	// is the likeliest one.
	fmt.Print(prompt)
	err = p.Generate(ctx, engine.Generation{
		N:       40,
		Sampler: engine.Sampler{Temperature: 0, RepeatPenalty: 1, TopP: 1},
		Emit: func(t engine.Token) error {
			fmt.Print(t.Text)
			return nil
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println()
}
