package gpu

import (
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"testing"

	"keyfold/layout"
)

var nan = float32(math.NaN())

// bothTypes opens the device twice: as it is, and with Software turned round, so
// that the kernels for GPUs and those for software adapters are both checked
// whatever this machine has.
func bothTypes(t *testing.T, test func(t *testing.T, d *Device)) {
	d := openForTest(t)
	for _, software := range []bool{d.Software, !d.Software} {
		t.Run(fmt.Sprintf("software=%v", software), func(t *testing.T) {
			d.Software = software
			test(t, d)
		})
	}
}

// allVariants opens the device and lets one kernel after the other do each task.
func allVariants(t *testing.T, tasks []Task, test func(t *testing.T, d *Device)) {
	d := openForTest(t)
	for _, task := range tasks {
		for _, v := range d.variants(task) {
			t.Run(fmt.Sprintf("%v/%v", task, v), func(t *testing.T) {
				defer d.try(task, v)()
				test(t, d)
			})
		}
	}
}

// openForTest opens the device of this machine. Without one the test is
// skipped, unless REQUIRE_GPU=1 makes that a failure.
func openForTest(t testing.TB) *Device {
	t.Helper()
	d, err := Open()
	if err != nil {
		if os.Getenv("REQUIRE_GPU") == "1" {
			t.Fatal(err)
		}
		t.Skipf("needs a WebGPU adapter: %v", err)
	}
	t.Cleanup(d.Close)
	t.Logf("adapter: %s (%s), software=%v", d.Name, d.Backend, d.Software)
	return d
}

// normals returns n normally distributed floats times scale. Different names
// give different numbers.
func normals(name string, n int, scale float32) []float32 {
	r := rng(name)
	v := make([]float32, n)
	for i := range v {
		v[i] = scale * float32(r.NormFloat64())
	}
	return v
}

// rng returns a generator seeded by a name.
func rng(name string) *rand.Rand {
	h := fnv.New64a()
	h.Write([]byte(name))
	return rand.New(rand.NewPCG(h.Sum64(), 1))
}

func (d *Device) uploadWords(t testing.TB, words []uint32) *Buffer {
	t.Helper()
	b, err := d.NewBuffer("test", 4*max(1, len(words)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Destroy)
	if err := b.UploadWords(0, words); err != nil {
		t.Fatal(err)
	}
	return b
}

func (d *Device) upload(t testing.TB, v []float32) *Buffer {
	t.Helper()
	return d.uploadWords(t, layout.FloatWords(v))
}

// poisoned returns a buffer of n NaNs, so that an element never written fails.
func (d *Device) poisoned(t testing.TB, n int) *Buffer {
	t.Helper()
	v := make([]float32, n)
	for i := range v {
		v[i] = nan
	}
	return d.upload(t, v)
}

// run submits what record records and returns the first n words of out.
func (d *Device) run(t testing.TB, out *Buffer, n int, record func(p *Pass)) *Read {
	t.Helper()
	p := d.Begin()
	record(p)
	r := p.Read(out, 0, 4*n)
	if err := p.Submit(); err != nil {
		t.Fatal(err)
	}
	return r
}

// tol is a tolerance: |got - want| <= abs + rel*|want|.
type tol struct{ abs, rel float64 }

func checkClose(t testing.TB, what string, got, want []float32, tl tol) {
	t.Helper()
	if msg := diff(got, want, tl); msg != "" {
		t.Errorf("%s: %s", what, msg)
	}
}

// diff describes how got differs from want, or returns "".
func diff(got, want []float32, tl tol) string {
	if len(got) != len(want) {
		return fmt.Sprintf("len %d, want %d", len(got), len(want))
	}
	bad, worst, at := 0, 0.0, -1
	for i := range want {
		e := math.Abs(float64(got[i]) - float64(want[i]))
		limit := tl.abs + tl.rel*math.Abs(float64(want[i]))
		if e <= limit { // false for NaN, so NaN is always out of tolerance
			continue
		}
		bad++
		if at < 0 || e/limit > worst || math.IsNaN(e) {
			worst, at = e/limit, i
		}
	}
	if bad == 0 {
		return ""
	}
	return fmt.Sprintf("%d of %d elements out of tolerance; worst [%d] = %g, want %g (%.1fx the limit)",
		bad, len(want), at, got[at], want[at], worst)
}

// A comparison that cannot fail is worse than none, so prove that it can.
func TestDiffCatchesErrors(t *testing.T) {
	want := []float32{1, 2, 3}
	tl := tol{abs: 1e-6, rel: 1e-5}
	for name, got := range map[string][]float32{
		"off by 1e-4": {1, 2, 3.0001},
		"NaN":         {1, nan, 3},
		"short":       {1, 2},
		"unwritten":   {nan, nan, nan},
	} {
		if diff(got, want, tl) == "" {
			t.Errorf("%s: diff reported no difference", name)
		}
	}
	if msg := diff([]float32{1, 2, 3}, want, tl); msg != "" {
		t.Errorf("equal slices: %s", msg)
	}
}

// testCache is one layer's cache on both sides: the twin's buffers and the
// device's, with the same contents.
type testCache struct {
	layout.Cache
	GPU *Cache
}

// newTestCache fills a ragged cache: lens[h] slots of head h, with room for
// `room` more behind them. Positions differ from slots, some biases are not 0.
func newTestCache(t testing.TB, d *Device, name string, ct layout.CacheType, headDim int, lens []int, room int) *testCache {
	t.Helper()
	c := &testCache{}
	total := 0
	for _, n := range lens {
		c.Heads = append(c.Heads, layout.Head{Offset: total, Len: n})
		total += n + room
	}
	c.K, c.V = layout.NewRows(ct, headDim, total), layout.NewRows(ct, headDim, total)
	c.Slots = make([]layout.Slot, total)
	keys, values := normals(name+" keys", total*headDim, 1), normals(name+" values", total*headDim, 1)
	r := rng(name + " slots")
	for _, head := range c.Heads {
		pos := uint32(0)
		for slot := head.Offset; slot < head.Offset+head.Len; slot++ {
			c.K.Put(slot, keys[slot*headDim:(slot+1)*headDim])
			c.V.Put(slot, values[slot*headDim:(slot+1)*headDim])
			n := uint32(1 + r.IntN(3))
			pos += n
			c.Slots[slot] = layout.Slot{Pos: pos, N: n, Bias: float32(math.Log(float64(n)))}
		}
	}
	c.GPU = &Cache{
		Type: ct, HeadDim: headDim, NKVHeads: len(lens), Longest: slices.Max(lens),
		K: d.uploadWords(t, c.K.Words), V: d.uploadWords(t, c.V.Words),
		Slots: d.uploadWords(t, SlotWords(c.Slots)), Heads: d.uploadWords(t, headWords(c.Heads)),
	}
	return c
}

func headWords(heads []layout.Head) []uint32 {
	var words []uint32
	for _, h := range heads {
		words = append(words, uint32(h.Offset), uint32(h.Len))
	}
	return words
}

type cacheCase struct {
	name    string
	headDim int
	lens    []int // slots before, per KV head
	group   int   // query heads per KV head
}

// cacheCases are the shapes that cache kernels are tested on.
var cacheCases = []cacheCase{
	{"one slot", 4, []int{0}, 1},
	{"stories260K: GQA", 8, []int{37, 37, 37, 37}, 2},
	{"ragged heads", 16, []int{5, 64, 1, 130}, 1},
	{"one KV head for all", 64, []int{65}, 4},
	{"wide heads", 128, []int{33, 12}, 2},
	{"one block", 32, []int{1, 70}, 2},
	{"three blocks", 96, []int{20, 3}, 1},
}

// casesFor are the shapes that caches of type ct can have, and of more.
func casesFor(ct layout.CacheType, more ...cacheCase) []cacheCase {
	return slices.DeleteFunc(slices.Concat(cacheCases, more), func(c cacheCase) bool { return ct.Check(c.headDim) != nil })
}
