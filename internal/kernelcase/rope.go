package kernelcase

import (
	"keyfold/layout"
	"keyfold/ref"
)

// RoPE is a call of rope.
type RoPE struct {
	Table                   []float32
	Positions               []uint32
	QKV                     []float32
	Stride, NHeads, HeadDim int
}

// newRoPE turns nHeads heads of each row and leaves `extra` more alone.
func newRoPE(positions []uint32, table []float32, nHeads, extra, headDim int) *RoPE {
	stride := (nHeads + extra) * headDim
	return &RoPE{
		Table: table, Positions: positions, QKV: numbers("qkv", len(positions)*stride, 1),
		Stride: stride, NHeads: nHeads, HeadDim: headDim,
	}
}

func (c *RoPE) Twin() { ref.RoPE(c.Table, c.Positions, c.QKV, c.Stride, c.NHeads, c.HeadDim) }

// Two products of size 1.
func (c *RoPE) Outputs() []Output { return []Output{near("qkv", c.QKV, 1e-6, 1e-6)} }

// RoPECases are awkward shapes.
func RoPECases() []Case {
	var cases []Case
	for _, s := range []struct {
		n, nHeads, extra, headDim int
		base                      float64
		why                       string
	}{
		{1, 1, 0, 2, 10000, "one pair"},
		{3, 12, 4, 8, 10000, "several heads, values left alone"},
		{2, 3, 1, 64, 500000, "another base"},
	} {
		table := layout.RoPETable(0, 901, layout.RoPEFrequencies(s.base, s.headDim, nil))
		cases = append(cases, one(s.why, newRoPE([]uint32{900, 3, 511}[:s.n], table, s.nHeads, s.extra, s.headDim)))
	}
	return cases
}
