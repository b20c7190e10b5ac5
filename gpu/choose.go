package gpu

import (
	"math"

	"keyfold/layout"
)

// ChosenWords is what the choice of a token takes: its id, its logit as f32 and
// ln Σ exp(logit) as f32.
const ChosenWords = 3

// Choose records the choice of a token from row `row` of logits.
//
//	logits  (at least row+1, vocab)
//	chosen  (at least at+1, ChosenWords) words: row at is overwritten
//
// CPU twin: [ref.Choose].
func (p *Pass) Choose(logits, chosen *Buffer, vocab, row, at int, d layout.Draw, position uint32) {
	p.want("choose", "logits", logits, (row+1)*vocab, "(row+1)*vocab")
	p.want("choose", "chosen", chosen, ChosenWords*(at+1), "3*(at+1)")
	topK := uint32(d.TopK)
	if topK == 0 {
		topK = math.MaxUint32
	}
	c := p.d.chooser
	slices, rounds, alone := p.d.chooseRounds(vocab, d)
	for round := range rounds {
		if slices > 0 {
			p.chooseSlices(c, logits, vocab, row, d, position, round)
		}
		further := 0
		if slices == 0 || round == rounds-1 {
			further = alone
		}
		p.dispatch(kernelID{name: "choose", parts: [2]string{"summary", "random"}}, [3]int{1, 1, 1},
			[]uint32{ // struct Params in choose.wgsl
				uint32(vocab), uint32(slices), uint32(row), uint32(at), d.Seed, position, math.Float32bits(d.Temperature),
				topK, math.Float32bits(d.TopP), math.Float32bits(d.MinP), uint32(round), uint32(further),
			}, logits, c.slices, c.draw, chosen)
	}
}

// chooseRounds returns how many slices of a vocabulary workgroups of their own go over, and how
// often: where filters may refuse a token three times, and six where top-p is of what top-k keeps,
// which is enough for nearly all draws. The last of these rounds is followed by others in one workgroup.
//
// On software adapters, where threads that wait for each other are slow, one workgroup does it all,
// for at least 40 rounds. They are dispatches of as many as llvmpipe lets a thread do.
func (d *Device) chooseRounds(vocab int, draw layout.Draw) (slices, rounds, alone int) {
	slices = layout.VocabSlices(vocab)
	topK, topP := draw.TopK > 0 && draw.TopK < vocab, draw.TopP < 1
	filtered := draw.Temperature > 0 && (topK || topP || draw.MinP > 0)
	switch {
	case d.Software && filtered:
		alone = max(1, softwareTurns/(2*divUp(vocab, 64)+20)-1) // each reads its tokens twice, and so does the first round
		return 0, divUp(40, alone), alone
	case d.Software:
		return 0, 1, 0
	case !filtered:
		return slices, 1, 0
	case slices <= 4:
		return slices, 1, vocab
	case topK && topP:
		return slices, 6, vocab
	}
	return slices, 3, vocab
}
