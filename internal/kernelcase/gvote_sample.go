package kernelcase

import (
	"fmt"

	"keyfold/ref"
)

// GVoteSample is a call of gvote_sample.
type GVoteSample struct {
	State, H            []float32
	Dim, Samples, Count int
	Seed, Layer         uint32
}

func newGVoteSample(dim, samples, count int, layer uint32) *GVoteSample {
	state := numbers("state", 2*dim, 1)
	for c := range dim {
		state[dim+c] = float32(count) * state[dim+c] * state[dim+c]
	}
	return &GVoteSample{
		State: state, H: unwritten(samples * dim), Dim: dim, Samples: samples, Count: count, Seed: 7, Layer: layer,
	}
}

func (c *GVoteSample) Twin() {
	ref.GVoteSample(c.State, c.H, c.Dim, c.Samples, c.Count, c.Seed, c.Layer)
}

// Polynomials and two roots in f32, all within a few roundings of numbers up to 6 deviations.
func (c *GVoteSample) Outputs() []Output { return []Output{near("h", c.H, 1e-5, 0)} }

// GVoteSampleCases are awkward shapes.
func GVoteSampleCases() []Case {
	var cases []Case
	for _, s := range [][3]int{{1, 1, 1}, {63, 2, 100}, {64, 8, 7}, {288, 5, 200}} {
		for _, layer := range []uint32{0, 3} {
			cases = append(cases, one(fmt.Sprint(s, " layer ", layer), newGVoteSample(s[0], s[1], s[2], layer)))
		}
	}
	return cases
}
