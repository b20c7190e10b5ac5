package engine

import (
	"fmt"
	"math"

	"keyfold/compress"
	"keyfold/layout"
)

// Numbers that are none, NaN and infinity, are found where they arise: in weights
// while they are loaded (readRows), in the logits of every forward pass, and in
// signals when they are measured. Nothing behind has to expect them.

func finite(x float32) bool { return math.Abs(float64(x)) <= math.MaxFloat32 }

// checkNumbers returns an error if a forward pass gave logits that are no numbers.
// next is the position behind its tokens. Where the device chose, the sum over all
// logits is no number if one of them is not.
func (r *result) checkNumbers(next, vocab int) error {
	first := next - len(r.logits)/vocab
	for i, x := range r.logits {
		if !finite(x) {
			return fmt.Errorf("the logit of token %d at position %d (step 12) is %g, want a number", i%vocab, first+i/vocab, x)
		}
	}
	for i, c := range r.chosen {
		if !finite(c.logit) || !finite(c.lse) || c.id < 0 || c.id >= vocab {
			return fmt.Errorf("the logits at position %d (step 12) are not all numbers: ln Σ exp is %g", next-1+i, c.lse)
		}
	}
	return nil
}

// checkSignals returns an error that names the first number of the signals that is none.
func checkSignals(s *compress.Signals) error {
	for i := range s.Heads {
		head := &s.Heads[i]
		lists := [][]float32{head.Mass, head.Cosine, head.ValueNorm, head.Reread, head.Future}
		names := []string{"attention received", "cosine of neighbouring keys", "length of the value",
			"attention when the text is read again", "attention of the text that follows"}
		for _, z := range head.Expected {
			lists, names = append(lists, z), append(names, "expected attention")
		}
		for k, values := range lists {
			for slot, x := range values {
				if !finite(x) {
					return fmt.Errorf("layer %d head %d slot %d: %s is %g, want a number", i/s.NKVHeads, i%s.NKVHeads, slot, names[k], x)
				}
			}
		}
	}
	return nil
}

// saturationSlots is how many slots of every head are looked at for saturation:
// the first tokens, whose keys and values are the largest that a model has.
const saturationSlots = 64

// Saturation counts elements of a cache that were cut to the largest half, 65504:
// elements of an f16 cache, and scales of a quantised one with all their elements.
type Saturation struct {
	Elements int `json:"elements"` // that were cut
	Of       int `json:"of"`       // elements that were looked at
	Slots    int `json:"slots"`    // of every head, the first ones
}

// Saturation looks at the first slots of every head and returns what was cut
// there; nil: nothing. From a GPU it reads them back, one submit per layer.
func (c *Cache) Saturation() (*Saturation, error) {
	if c.Type == layout.CacheF32 {
		return nil, nil
	}
	s := &Saturation{Slots: saturationSlots}
	for l := range c.layers {
		slots := make([]int, len(c.layers[l].heads))
		for h := range slots {
			slots[h] = min(saturationSlots, c.Len(l, h))
		}
		keys, values, err := c.r.readRows(c.layers[l], slots)
		if err != nil {
			return nil, err
		}
		for h := range keys {
			s.Elements += keys[h].Saturated() + values[h].Saturated()
			s.Of += 2 * slots[h] * keys[h].HeadDim
		}
	}
	if s.Elements == 0 {
		return nil, nil
	}
	return s, nil
}
