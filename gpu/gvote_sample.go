package gpu

import "fmt"

// GVoteSample records `samples` draws of a hidden state with the mean and
// variance that [Pass.GVoteStats] left of count rows. A draw depends on seed,
// layer, its own number and the column, not on how many are drawn.
//
//	state  (2, dim): mean, M2
//	h      (samples, dim)  overwritten
//
// CPU twin: [ref.GVoteSample].
func (p *Pass) GVoteSample(state, h *Buffer, dim, samples, count int, seed, layer uint32) {
	p.want("gvote_sample", "state", state, 2*dim, "2*dim")
	p.want("gvote_sample", "h", h, samples*dim, "samples*dim")
	if count < 1 || layer >= 1<<16 || samples >= 1<<16 {
		p.Fail(fmt.Errorf("gvote_sample: %d samples of %d rows in layer %d, want at least 1 row, fewer than 65536 samples and layers",
			samples, count, layer))
	}
	p.dispatch(kernelID{name: "gvote_sample", parts: [2]string{"random"}}, [3]int{divUp(dim, 64), samples, 1},
		[]uint32{uint32(dim), uint32(count), seed, layer}, // struct Params in gvote_sample.wgsl
		state, h)
}
