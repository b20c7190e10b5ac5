// Package kernelcase holds what the kernels are checked with. A case of a kernel
// has inputs made from a seed, the call of its twin, and how far a device's results
// may be from the twin's. Each is written here once, and run in three places: by the
// self-test at every start (the small cases), by gpu's tests (the awkward ones), and by
// cpu's tests for the steps that cpu computes itself.
//
// It is a package of its own because both devices need it, and neither may import
// the other. A new kernel needs one file here, and one line in gpu/cases.go that calls it.
package kernelcase

import (
	"errors"
	"fmt"
	"math"

	"keyfold/layout"
)

// Case is one or more calls on the same data, one after the other.
type Case struct {
	Name  string // what is checked: a kernel and its type, or what is awkward about the shape
	Calls []Call
}

// Call is a kernel with its arguments, which are its exported fields. Outputs
// begin as what a kernel would find: numbers of its own, or words that are no numbers.
type Call interface {
	Twin()             // leaves in the outputs what the kernel should
	Outputs() []Output // in the order of the call's arguments
}

// Twin runs the twins of all calls.
func (c Case) Twin() {
	for _, call := range c.Calls {
		call.Twin()
	}
}

// Outputs returns those of all calls. An array that several calls write is there once.
func (c Case) Outputs() []Output {
	var all []Output
	seen := map[any]bool{}
	for _, call := range c.Calls {
		for _, o := range call.Outputs() {
			key := [2]any{o.Array(), o.From}
			if !seen[key] {
				seen[key] = true
				all = append(all, o)
			}
		}
	}
	return all
}

// one returns a case of one call.
func one(name string, call Call) Case { return Case{name, []Call{call}} }

// Output is an array that a kernel writes, or a part of it. Numbers may be
// Abs + Rel*|want| off; everything else is the same bit for bit.
type Output struct {
	Name     string
	Floats   []float32     // the array: floats,
	Words    []uint32      // words,
	Rows     layout.Rows   // rows of a cache,
	Slots    []layout.Slot // or slots
	From, To int           // the words that are compared
	Exact    bool
	Abs, Rel float64
}

// near returns an output of numbers.
func near(name string, v []float32, abs, rel float64) Output {
	return Output{Name: name, Floats: v, To: len(v), Abs: abs, Rel: rel}
}

// part returns a part of an output.
func (o Output) part(name string, from, to int) Output {
	o.Name, o.From, o.To = name, from, to
	return o
}

// exactly returns outputs that have to be the same bit for bit.
func exactly(name string, words []uint32) Output {
	return Output{Name: name, Words: words, To: len(words), Exact: true}
}

func exactFloats(name string, v []float32) Output {
	return Output{Name: name, Floats: v, To: len(v), Exact: true}
}

func exactRows(name string, rows layout.Rows) Output {
	return Output{Name: name, Rows: rows, To: len(rows.Words), Exact: true}
}

func exactSlots(slots []layout.Slot) Output {
	return Output{Name: "slots", Slots: slots, To: 3 * len(slots), Exact: true}
}

// nearRows returns an output of rows whose numbers are abs + rel*|want| off before
// they are rounded to the type of the cache.
func nearRows(name string, rows layout.Rows, abs, rel float64) Output {
	return Output{Name: name, Rows: rows, To: len(rows.Words), Abs: abs, Rel: rel}
}

// Array identifies the array: the address of its first element.
func (o Output) Array() any {
	switch {
	case o.Floats != nil:
		return &o.Floats[0]
	case o.Words != nil:
		return &o.Words[0]
	case o.Slots != nil:
		return &o.Slots[0]
	}
	return &o.Rows.Words[0]
}

// Want returns the words that are compared, as they are now.
func (o Output) Want() []uint32 {
	switch {
	case o.Floats != nil:
		return layout.FloatWords(o.Floats[o.From:o.To])
	case o.Words != nil:
		return o.Words[o.From:o.To]
	case o.Slots != nil:
		return layout.SlotWords(o.Slots)
	}
	return o.Rows.Words
}

// Strict and Lenient are how far results may be off. Tests are strict. The self-test
// is lenient: it is about drivers that compute something else, and must not turn away
// one that rounds in another way.
var (
	Strict  = Slack{Times: 1, StepsOff: 1.0 / 500}
	Lenient = Slack{Times: 4, StepsOff: 1.0 / 64, Flushes: true}
)

// Slack says how far results may be off.
type Slack struct {
	Times    float64 // factor on Abs and Rel
	StepsOff float64 // share of quantised numbers that may be one step off
	Flushes  bool    // subnormal halves may become 0
}

// Compare compares what a device left in the output with what the twin did. Its
// error names the first element that is wrong.
func (o Output) Compare(got []uint32, slack Slack) error {
	d := differences{name: o.Name, from: o.From}
	want := o.Want()
	switch {
	case len(got) != len(want):
		return fmt.Errorf("%s has %d words, want %d", o.Name, len(got), len(want))
	case o.Exact:
		for i, w := range want {
			if got[i] != w {
				d.add(i, got[i], w)
			}
		}
	case o.Floats != nil:
		for i, w := range want {
			if g, w := math.Float32frombits(got[i]), math.Float32frombits(w); got[i] != want[i] && !o.close(g, w, slack, 0) {
				d.add(i, g, w)
			}
		}
	default:
		o.compareRows(got, slack, &d)
	}
	return d.err()
}

// close reports whether a number is near enough, and never for one that is none.
func (o Output) close(got, want float32, slack Slack, half float64) bool {
	limit := slack.Times*(o.Abs+o.Rel*math.Abs(float64(want))) + half*math.Abs(float64(want))
	return math.Abs(float64(got)-float64(want)) <= limit
}

// compareRows compares the numbers in rows of a cache. A device may round a half up
// or down, so elements or scales are a step of 2^-10 off. Where numbers are quantised, a
// rounding error before that decides now and then on which of two neighbouring steps
// one falls, so a few may be one step of their block off.
func (o Output) compareRows(words []uint32, slack Slack, d *differences) {
	rows := layout.Rows{Type: o.Rows.Type, HeadDim: o.Rows.HeadDim, Words: words}
	half, tiny := 0.0, 0.0
	if o.Rows.Type != layout.CacheF32 {
		half = 1.1 / 1024
	}
	if o.Rows.Type == layout.CacheF16 && slack.Flushes {
		tiny = 6.2e-5
	}
	got, want := make([]float32, rows.HeadDim), make([]float32, rows.HeadDim)
	var off differences
	off.name = o.Name
	written := 0
	for slot := range len(words) / rows.Type.RowWords(rows.HeadDim) {
		rows.Get(got, slot)
		o.Rows.Get(want, slot)
		for i, w := range want {
			if w == w {
				written++
			}
			loose := o
			loose.Abs += tiny / slack.Times
			switch {
			case math.Float32bits(got[i]) == math.Float32bits(w), loose.close(got[i], w, slack, half):
			case math.Abs(float64(got[i])-float64(w)) <= step(rows.Type, want, i):
				off.add(slot*rows.HeadDim+i, got[i], w)
			default: // a NaN too
				d.add(slot*rows.HeadDim+i, got[i], w)
			}
		}
	}
	if float64(off.n) > 1+slack.StepsOff*float64(written) {
		d.join(off)
	}
}

// step returns a step of the block of element i, and a little; 0 where nothing is quantised.
func step(t layout.CacheType, row []float32, i int) float64 {
	if !t.Quantised() {
		return 0
	}
	steps, top := map[layout.CacheType]float64{layout.CacheQ8_0: 127, layout.CacheQ4_0: 8}[t], 0.0
	first := i / layout.Block * layout.Block
	for _, x := range row[first : first+layout.Block] {
		top = max(top, math.Abs(float64(x)))
	}
	return 1.01 * top / steps
}

// differences counts elements that are wrong and describes the first.
type differences struct {
	name  string
	from  int
	n     int
	first string
}

func (d *differences) add(i int, got, want any) {
	if d.n++; d.n == 1 {
		d.first = fmt.Sprintf("%s[%d] = %v, want %v", d.name, d.from+i, got, want)
	}
}

func (d *differences) join(other differences) {
	if d.n == 0 {
		d.first = other.first
	}
	d.n += other.n
}

func (d *differences) err() error {
	switch d.n {
	case 0:
		return nil
	case 1:
		return errors.New(d.first)
	}
	return fmt.Errorf("%s, and %d more are wrong", d.first, d.n-1)
}
