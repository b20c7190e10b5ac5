package gpu

import "math"

// Choose records the choice of a token from row `row` of logits.
//
//	logits  (at least row+1, vocab)
//	chosen  (3) words, overwritten: id, its logit as f32, ln Σ exp(logit) as f32
//
// Temperature 0 takes the largest logit; otherwise Gumbel noise of (seed,
// position, id) is added to logit/temperature, which draws from the softmax.
// CPU twin: [ref.Choose].
func (p *Pass) Choose(logits, chosen *Buffer, vocab, row int, seed, position uint32, temperature float32) {
	p.want("choose", "logits", logits, (row+1)*vocab, "(row+1)*vocab")
	p.want("choose", "chosen", chosen, 3, "3")
	p.dispatch(kernelID{name: "choose", parts: [2]string{"random"}}, [3]int{1, 1, 1},
		[]uint32{uint32(vocab), uint32(row), seed, position, math.Float32bits(temperature)}, // struct Params in choose.wgsl
		logits, chosen)
}
