//go:build !js

// Newmethod compresses a cache by a method of its own: of similar neighbors it
// keeps one.
package main

import (
	"context"
	"fmt"
	"log"

	"keyfold/compress"
	"keyfold/engine"
	"keyfold/engine/tokenizer"
	"keyfold/models"
)

// unlike keeps the slots whose keys differ from the key before them:
// cos(k_i, k_{i-1}) <= limit.
type unlike struct{ limit float32 }

func (m unlike) Name() string { return "unlike" }

// Needs asks for the only signal that Plan reads. The engine measures it on the
// device that the cache lies on.
func (m unlike) Needs() compress.Needs { return compress.Needs{Cosine: true} }

// Plan lists the slots to keep, for every KV head of every layer. A row that
// keeps a slot has its n and bias. The newest slot has to stay, and so have
// pinned ones.
func (m unlike) Plan(s *compress.Signals) (*compress.Plan, error) {
	plan := &compress.Plan{
		Method:  m.Name(),
		Options: map[string]any{"limit": float64(m.limit)},
		Heads:   make([][]compress.Row, len(s.Heads)),
	}
	for h, head := range s.Heads {
		for slot := range head.Slots() {
			pinned := head.Pinned != nil && head.Pinned[slot]
			newest := slot == head.Slots()-1
			if head.Cosine[slot] > m.limit && !newest && !pinned {
				continue // dropped
			}
			plan.Heads[h] = append(plan.Heads[h], compress.Row{
				Rule: compress.Keep, Pivot: slot, Slots: []int{slot}, N: head.N[slot], Bias: head.Bias[slot],
			})
		}
	}
	return plan, nil
}

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
	tokens, err := tok.Encode("Mara keeps her lantern in the barn. One day the sky was clear, and Mara went for a walk.", tok.AddsBOS())
	if err != nil {
		log.Fatal(err)
	}

	p, err := e.Prefill(ctx, tokens, engine.Settings{Method: unlike{limit: 0.5}})
	if err != nil {
		log.Fatal(err)
	}
	defer p.Free()
	plan, signals, err := p.Compress() // which also checks the plan
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s keeps %d of %d slots\n", plan.Method, plan.Rows(), signals.Total())
	for layer := range signals.NLayers {
		fmt.Printf("layer %d:", layer)
		for head := range signals.NKVHeads {
			fmt.Printf(" %3d", p.Cache.Len(layer, head))
		}
		fmt.Println(" slots")
	}
}
