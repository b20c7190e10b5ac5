package gpu

import (
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"os"
	"testing"

	"keyfold/internal/kernelcase"
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

// runCases checks what kernels leave on the device against their twins.
func (d *Device) runCases(t *testing.T, cases []kernelcase.Case) {
	t.Helper()
	for _, c := range cases {
		r := newCaseRun(d)
		if err := r.check(c, kernelcase.Strict); err != nil {
			t.Errorf("%s: %v", c.Name, err)
		}
		r.free()
	}
}

// quantised returns a random matrix of the given type with some scales that
// are subnormal halves, which a shader must not flush to zero. It has as many
// columns as the type takes, at least cols.
func quantised(name string, t layout.WeightType, rows, cols int) *layout.Weights {
	r := rng(name)
	cols = divUp(cols, t.ColumnsOf()) * t.ColumnsOf()
	w := &layout.Weights{Type: t, Rows: rows, Cols: cols}
	quants := t.QuantWords(rows, cols)
	w.Words = make([]uint32, quants+t.ScaleWords(rows, cols))
	half := func(scale float64) uint32 { return layout.ToHalf(float32(scale * r.NormFloat64())) }
	for i := range w.Words {
		switch {
		case t == layout.F32:
			w.Words[i] = math.Float32bits(float32(r.NormFloat64()))
		case t == layout.F16:
			scale := 1.0
			if i%5 == 0 {
				scale = 1e-5
			}
			w.Words[i] = half(scale) | half(scale)<<16
		case i < quants, t.ColumnsOf() == layout.LargeBlock && (i-quants)%t.RecordWords() > 0:
			w.Words[i] = r.Uint32()
		default:
			scale := 0.01 / max(1, float64(layout.LargeBlock*t.Group()/64)) // bytes multiply it
			if i%3 == 0 {
				scale = 1e-5
			}
			w.Words[i] = half(scale) | half(scale)<<16
		}
	}
	return w
}

func (d *Device) uploadWeights(t testing.TB, w *layout.Weights) *Weights {
	t.Helper()
	g, err := d.NewWeights("test", w.Cols, layout.Part{Type: w.Type, Rows: w.Rows})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(g.Destroy)
	if err := g.Upload(0, w); err != nil {
		t.Fatal(err)
	}
	return g
}

var weightTypes = layout.WeightTypes
