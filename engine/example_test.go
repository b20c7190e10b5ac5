//go:build !js

package engine_test

import (
	"context"
	"fmt"
	"log"

	"keyfold/compress"
	"keyfold/engine"
	"keyfold/engine/tokenizer"
	"keyfold/models"
)

// A run: open a model, read a prompt, compress its cache, go on.
func Example() {
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

	tokens, err := tok.Encode("Mara keeps her lantern in the barn.\nQuestion: Where does Mara keep her lantern?\nAnswer:", tok.AddsBOS())
	if err != nil {
		log.Fatal(err)
	}
	method, err := compress.New(compress.Settings{Name: "snapkv", Budget: 0.6})
	if err != nil {
		log.Fatal(err)
	}
	p, err := e.Prefill(ctx, tokens, engine.Settings{Method: method})
	if err != nil {
		log.Fatal(err)
	}
	defer p.Free()
	if _, _, err := p.Compress(); err != nil {
		log.Fatal(err)
	}
	var ids []int
	err = p.Generate(ctx, engine.Generation{
		N: 3, Sampler: engine.Sampler{RepeatPenalty: 1, TopP: 1},
		Emit: func(t engine.Token) error {
			ids = append(ids, t.ID)
			return nil
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	answer, err := tok.Decode(ids)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(answer)
	// Output:
	// in the barn
}
