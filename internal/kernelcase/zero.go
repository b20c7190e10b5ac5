package kernelcase

import (
	"fmt"

	"keyfold/ref"
)

// Zero is a call of zero for the first N words.
type Zero struct {
	X []uint32
	N int
}

func newZero(words, n int) *Zero { return &Zero{unwrittenWords(words), n} }

func (c *Zero) Twin() { ref.Zero(c.X[:c.N]) }

func (c *Zero) Outputs() []Output { return []Output{exactly("x", c.X)} }

// ZeroCases are awkward lengths.
func ZeroCases() []Case {
	var cases []Case
	for _, n := range []int{1, 63, 64, 1000} {
		cases = append(cases, one(fmt.Sprintf("%d words", n), newZero(n+5, n)))
	}
	return cases
}
