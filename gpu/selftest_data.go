package gpu

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"keyfold/layout"
)

// selfTest collects the checks, and the buffers to free in the end.
type selfTest struct {
	d       *Device
	checks  []Check
	buffers []*Buffer
	samples uint32 // drawn so far, each with other numbers
	over    bool   // a browser reports errors late and by events: after one, no submit is believed
	err     error
}

// check runs a kernel and compares what it leaves in its outputs.
func (s *selfTest) check(kernel string, record func(p *Pass), outputs ...output) {
	if s.err != nil || s.over {
		return
	}
	p := s.d.Begin()
	record(p)
	var reads []*Read
	for _, o := range outputs {
		reads = append(reads, p.Read(o.buf, 4*o.at, 4*len(o.want)))
	}
	err := p.Submit()
	for i, o := range outputs {
		if err == nil {
			err = o.compare(reads[i].Words())
		}
	}
	s.checks = append(s.checks, Check{kernel, err})
	s.over = s.d.driver.lost() != nil
}

// output is what a kernel should leave in a buffer: words from element at on,
// the same bit for bit, or numbers that may be abs + rel*|want| off.
//
// Where numbers are quantised, a rounding error before that decides now and then
// which of two neighbouring steps one falls on: of those written, one in 64 may
// be a step off.
type output struct {
	name     string
	buf      *Buffer
	at       int
	want     []uint32
	numbers  func(words []uint32) []float32 // in the words; nil: bit for bit
	abs, rel float64
	step     float64 // of quantised numbers, else 0
}

func (o output) compare(got []uint32) error {
	bad, first := 0, ""
	differ := func(i int, got, want any) {
		if bad++; bad == 1 {
			first = fmt.Sprintf("%s[%d] = %v, want %v", o.name, o.at+i, got, want)
		}
	}
	if o.numbers == nil {
		for i, want := range o.want {
			if got[i] != want {
				differ(i, got[i], want)
			}
		}
	} else {
		o.compareNumbers(o.numbers(got), o.numbers(o.want), differ)
	}
	switch bad {
	case 0:
		return nil
	case 1:
		return errors.New(first)
	}
	return fmt.Errorf("%s, and %d more are wrong", first, bad-1)
}

func (o output) compareNumbers(got, want []float32, differ func(i int, got, want any)) {
	written, stepOff := 0, []int{}
	for i, w := range want {
		if w == w {
			written++
		}
		if math.Float32bits(got[i]) == math.Float32bits(w) { // as must be what a kernel leaves alone
			continue
		}
		off, most := math.Abs(float64(got[i])-float64(w)), o.abs+o.rel*math.Abs(float64(w))
		switch {
		case off <= most:
		case off <= most+o.step:
			stepOff = append(stepOff, i)
		default: // a NaN too
			differ(i, got[i], w)
		}
	}
	if len(stepOff) > divUp(written, 64) {
		for _, i := range stepOff {
			differ(i, got[i], want[i])
		}
	}
}

func oneFloat(words []uint32) []float32 {
	v := make([]float32, len(words))
	for i, word := range words {
		v[i] = math.Float32frombits(word)
	}
	return v
}

// mirror is an array on both sides: what the twin makes of it, and the device.
type mirror struct {
	twin []float32
	buf  *Buffer
	at   int
}

func (m mirror) part(from, to int) mirror { return mirror{m.twin[from:to], m.buf, from} }

func (m mirror) same(name string) output {
	return output{name: name, buf: m.buf, at: m.at, want: layout.FloatWords(m.twin)}
}

func (m mirror) near(name string, abs, rel float64) output {
	return output{name, m.buf, m.at, layout.FloatWords(m.twin), oneFloat, abs, rel, 0}
}

// upload returns words on the device.
func (s *selfTest) upload(words []uint32) *Buffer {
	if s.err != nil {
		return nil
	}
	b, err := s.d.NewBuffer("self-test", 4*len(words))
	if err == nil {
		s.buffers = append(s.buffers, b)
		err = b.UploadWords(0, words)
	}
	s.err = err
	return b
}

func (s *selfTest) floats(v []float32) mirror { return mirror{v, s.upload(layout.FloatWords(v)), 0} }
func (s *selfTest) numbers(n int) mirror      { return s.floats(s.sample(n)) }
func (s *selfTest) unwritten(n int) mirror    { return s.floats(unwritten(n)) }

// selfTestSeed is chosen so that no choice of a token and no vote hangs on a
// rounding error.
const selfTestSeed = 1

// Where the samples of these choices begin, so that a test can look at them.
const ballotSamples, logitSamples = 1005, 2000

// sample returns n numbers between -2 and 2.
func (s *selfTest) sample(n int) []float32 {
	s.samples++
	v := make([]float32, n)
	for i := range v {
		v[i] = 4*layout.Uniform(layout.Hash(selfTestSeed, s.samples, uint32(i))) - 2
	}
	return v
}

// logits returns two rows of logits. The second has a tie, which the first wins.
func (s *selfTest) logits(vocab int) []float32 {
	s.samples = logitSamples
	v := s.sample(2 * vocab)
	v[vocab+9], v[vocab+40], v[vocab+73] = 2.5, 2.5, 2.5
	return v
}

// sampleDraws are the draws from the second of them, each with a filter that
// drops what would have been drawn without.
var sampleDraws = []struct {
	name string
	draw layout.Draw
}{
	{"temperature 0", layout.Draw{TopP: 1}},
	{"temperature 0.8", layout.Draw{Seed: 7, Temperature: 0.8, TopP: 1}},
	{"top-k", layout.Draw{Seed: 7, Temperature: 3, TopK: 9, TopP: 1}},
	{"top-p", layout.Draw{Seed: 7, Temperature: 3, TopP: 0.2}},
	{"min-p", layout.Draw{Seed: 7, Temperature: 3, TopP: 1, MinP: 0.6}},
}

// covariance returns a symmetric matrix for each head, its diagonal large.
func (s *selfTest) covariance(nHeads, headDim int) mirror {
	v := s.sample(nHeads * headDim * headDim)
	for h := range nHeads {
		m := v[h*headDim*headDim:]
		for i := range headDim {
			m[i*headDim+i] += 3
			for j := range i {
				m[i*headDim+j] = m[j*headDim+i]
			}
		}
	}
	return s.floats(v)
}

// unwritten returns n numbers that are not a number, as f32, as two halves and
// as two scales, so that what a kernel does not write is never taken for a result.
func unwritten(n int) []float32 {
	return slices.Repeat([]float32{math.Float32frombits(0xfff8fff8)}, n)
}

// sampleWeights returns a matrix of numbers of size 0.1 to 0.3. Every third word
// of halves (F16 elements, or scales) is subnormal; a device that takes them for
// 0 ruins quantised models.
func sampleWeights(t layout.WeightType, rows, cols int) *layout.Weights {
	exponent := [...]uint32{layout.F16: 0x3000, layout.Q8_0: 0x1800, layout.Q4_0: 0x2800, layout.Q8M: 0x1400}
	w := &layout.Weights{Type: t, Rows: rows, Cols: cols}
	quants := t.QuantWords(rows, cols)
	w.Words = make([]uint32, quants+t.ScaleWords(rows, cols))
	for i := range w.Words {
		h := layout.Hash(selfTestSeed, 0, uint32(i))
		switch {
		case t == layout.F32:
			h = math.Float32bits(layout.Uniform(h)/2 - 0.25)
		case t == layout.F16 || i >= quants:
			h &= 0x83ff83ff // signs and mantissas
			if i%3 > 0 {
				h |= exponent[t] * 0x10001
			}
		}
		w.Words[i] = h
	}
	return w
}

// sampleCache is one layer's cache on both sides.
type sampleCache struct {
	cpu layout.Cache
	gpu *Cache
}

// cache returns a cache of 80 slots: 66 slots, 6 behind them and a free one, then
// 1 and 6 behind it. Its rows are samples, or unwritten words.
func (s *selfTest) cache(t layout.CacheType, headDim int, written bool) *sampleCache {
	const slots = 80
	c := &sampleCache{cpu: layout.Cache{
		K: layout.NewRows(t, headDim, slots), V: layout.NewRows(t, headDim, slots),
		Heads:    []layout.Head{{Offset: 0, Len: 66}, {Offset: 73, Len: 1}},
		Appended: 6,
	}}
	for slot := range slots {
		if written {
			c.cpu.K.Put(slot, s.sample(headDim))
			c.cpu.V.Put(slot, s.sample(headDim))
		}
		n := uint32(1 + slot%3)
		c.cpu.Slots = append(c.cpu.Slots, layout.Slot{Pos: uint32(3 * slot / 2), N: n, Bias: float32(math.Log(float64(n)))})
	}
	if !written {
		c.cpu.K.Words, c.cpu.V.Words = layout.FloatWords(unwritten(len(c.cpu.K.Words))), layout.FloatWords(unwritten(len(c.cpu.V.Words)))
	}
	c.gpu = &Cache{
		Type: t, HeadDim: headDim, NKVHeads: len(c.cpu.Heads), Longest: 66, Appended: 6, K: s.upload(c.cpu.K.Words), V: s.upload(c.cpu.V.Words),
		Slots: s.upload(SlotWords(c.cpu.Slots)), Heads: s.upload([]uint32{0, 66, 73, 1}),
	}
	return c
}

// keys and values are what the rows of a cache should be.
func (c *sampleCache) keys(abs, rel float64) output {
	return rowsOutput("k", c.gpu.K, c.cpu.K, abs, rel)
}
func (c *sampleCache) values(abs, rel float64) output {
	return rowsOutput("v", c.gpu.V, c.cpu.V, abs, rel)
}

func rowsOutput(name string, buf *Buffer, rows layout.Rows, abs, rel float64) output {
	numbers := func(words []uint32) []float32 {
		got := layout.Rows{Type: rows.Type, HeadDim: rows.HeadDim, Words: words}
		v := make([]float32, len(words)/rows.Type.RowWords(rows.HeadDim)*rows.HeadDim)
		for slot := range len(v) / rows.HeadDim {
			got.Get(v[slot*rows.HeadDim:(slot+1)*rows.HeadDim], slot)
		}
		return v
	}
	const most = 4 // of sampled numbers, doubled by a value_scale
	step := [...]float64{layout.CacheQ8_0: most / 127.0, layout.CacheQ4_0: most / 8.0}[rows.Type]
	return output{name, buf, 0, rows.Words, numbers, abs, rel, step}
}

// count returns "1 row" or "9 rows".
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
