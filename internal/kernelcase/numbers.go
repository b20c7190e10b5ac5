package kernelcase

import (
	"math"
	"slices"

	"keyfold/layout"
)

// seed is chosen so that no choice of a token and no vote hangs on a rounding
// error; a test looks.
const seed = 1

// bits returns random bits: other ones for every name and index.
func bits(name string, i int) uint32 {
	stream := uint32(0)
	for _, b := range []byte(name) {
		stream = layout.Hash(seed, stream, uint32(b))
	}
	return layout.Hash(seed, stream, uint32(i))
}

// numbers returns n numbers between -2 and 2, times scale.
func numbers(name string, n int, scale float32) []float32 {
	v := make([]float32, n)
	stream := bits(name, 0)
	for i := range v {
		v[i] = scale * (4*layout.Uniform(layout.Hash(seed, stream, uint32(i))) - 2)
	}
	return v
}

// random returns numbers from 0 to n-1, one after the other.
type random struct {
	stream, i uint32
}

func newRandom(name string) *random { return &random{stream: bits(name, 1)} }

func (r *random) below(n int) int {
	r.i++
	return int(layout.Hash(seed, r.stream, r.i) >> 4 % uint32(n))
}

// fraction returns a number between 0 and 1.
func (r *random) fraction() float32 {
	r.i++
	return layout.Uniform(layout.Hash(seed, r.stream, r.i))
}

// perm returns the numbers from 0 to n-1 in some order.
func (r *random) perm(n int) []int {
	p := make([]int, n)
	for i := range p {
		j := r.below(i + 1)
		p[i], p[j] = p[j], i
	}
	return p
}

// nothing is no number as f32, as two halves and as two scales, so that what a kernel
// does not write is never taken for a result.
const nothing = 0xfff8fff8

func unwrittenWords(n int) []uint32 { return slices.Repeat([]uint32{nothing}, n) }

func unwritten(n int) []float32 {
	return slices.Repeat([]float32{math.Float32frombits(nothing)}, n)
}

// weights returns a matrix of numbers of size 0.1 to 0.3, of as many columns as t
// takes, at least cols. Every third word of halves (F16 elements, or scales) is
// subnormal; a device that takes them for 0 ruins quantised models.
func weights(t layout.WeightType, rows, cols int) *layout.Weights {
	exponents := [...]uint32{
		layout.F16: 0x3000_3000, layout.Q8_0: 0x1800_1800, layout.Q4_0: 0x2800_2800,
		layout.Q8M: 0x1400_1400, layout.Q4M: 0x2400_2400, layout.Q4K: 0x1400_0c00, layout.Q8K: 0x1400_0400,
	}
	cols = (cols + t.ColumnsOf() - 1) / t.ColumnsOf() * t.ColumnsOf()
	w := &layout.Weights{Type: t, Rows: rows, Cols: cols}
	quants := t.QuantWords(rows, cols)
	w.Words = make([]uint32, quants+t.ScaleWords(rows, cols))
	for i := range w.Words {
		h := layout.Hash(seed, 0, uint32(i))
		record := i - quants // its number, where a word begins one
		if t.ColumnsOf() == layout.LargeBlock {
			if record < 0 || record%t.RecordWords() > 0 {
				w.Words[i] = h
				continue
			}
			record /= t.RecordWords()
		}
		switch {
		case t == layout.F32:
			h = math.Float32bits(layout.Uniform(h)/2 - 0.25)
		case t == layout.F16 || i >= quants:
			h &= 0x83ff83ff // signs and mantissas
			switch {
			case t == layout.F16 || record%3 != 0:
				h |= exponents[t]
			case record%6 == 3:
				h = h&0x80008000 | 0x00010001 // 6e-8, the smallest half
			}
		}
		w.Words[i] = h
	}
	return w
}
