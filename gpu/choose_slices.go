package gpu

import (
	"math"

	"keyfold/layout"
)

// Words of a summary and of a draw in summary.wgsl.
const (
	summaryWords = 8
	drawWords    = 15
)

// chooser is memory for a choice while it is made.
type chooser struct {
	slices *Buffer // (n_slices, summaryWords)
	draw   *Buffer // (drawWords) how far it is
}

// newChooser allocates it for any vocabulary.
func (d *Device) newChooser() (c chooser, err error) {
	if c.slices, err = d.NewBuffer("slices", 4*summaryWords*layout.MostSlices); err != nil {
		return c, err
	}
	c.draw, err = d.NewBuffer("draw", 4*drawWords)
	return c, err
}

// chooseSlices records what a round of choose has to know of each slice of row `row` of logits.
//
//	c.draw    how far the draw is; in round 0 it is not read
//	c.slices  overwritten
//
// CPU twin: [ref.ChooseSlices].
func (p *Pass) chooseSlices(c chooser, logits *Buffer, vocab, row int, d layout.Draw, position uint32, round int) {
	p.want("choose_slices", "logits", logits, (row+1)*vocab, "(row+1)*vocab")
	_, size := layout.VocabSlice(vocab, 0)
	p.dispatch(kernelID{name: "choose_slices", parts: [2]string{"summary", "random"}}, [3]int{layout.VocabSlices(vocab), 1, 1},
		[]uint32{ // struct Params in choose_slices.wgsl
			uint32(vocab), uint32(size), uint32(row), d.Seed, position, math.Float32bits(d.Temperature), uint32(round),
		}, logits, c.draw, c.slices)
}
