package gpu

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"
)

// stub is a driver without a GPU. It keeps bytes and copies them, counts what kernels
// are dispatched with instead of running them, and has a clock: a submit takes as long as
// its adapter is fast, and only a read waits for it.
type stub struct {
	rate    float64       // floating-point operations per second
	latency time.Duration // of every read
	work    func() int    // floating-point operations of the submit that is being recorded

	dispatched int // kernels of the submit that is being recorded

	now     time.Time
	free    time.Time // when the queue has done everything
	drained time.Duration
	reads   int
	mapped  int             // bytes of the last read
	submits []time.Duration // what each took

	loseAt, hangAt int    // the submit that loses the device, and that which never ends; 0: none does
	noMemory       string // label of the buffer there is no memory for
	gone           error
}

type stubMemory struct{ data []byte }

func (*stubMemory) free() {}

type stubRecorder struct {
	d          *stub
	commands   []func()
	dispatches int
}

var errGone = errors.New("the device was lost")

func (d *stub) lost() error { return d.gone }
func (d *stub) close()      {}

func (d *stub) allocate(label string, bytes int, _ usage) (memory, error) {
	if label == d.noMemory {
		return nil, errors.New("out of memory")
	}
	return &stubMemory{make([]byte, bytes)}, nil
}

func (d *stub) write(m memory, offset int, data []byte) error {
	copy(m.(*stubMemory).data[offset:], data)
	return nil
}

func (d *stub) read(m memory, bytes int, w wait, use func(data []byte)) error {
	d.reads++
	d.mapped = bytes
	if d.gone != nil {
		return errors.New("mapping failed")
	}
	if d.hangAt > 0 && len(d.submits) >= d.hangAt { // wgpu-native takes the work for done
		d.now = d.now.Add(w.patience + time.Second)
		use(make([]byte, bytes))
		return nil
	}
	if d.free.After(d.now) {
		d.now = d.free
	}
	d.now = d.now.Add(d.latency)
	use(m.(*stubMemory).data[:bytes])
	return nil
}

func (d *stub) bind(pipeline, []bound) (bindGroup, error) { return &stubMemory{}, nil }
func (d *stub) record() (recorder, error)                 { return &stubRecorder{d: d}, nil }

func (d *stub) compile(sources []source) []compiled {
	all := make([]compiled, len(sources))
	for i := range all {
		all[i].pipeline = &stubMemory{}
	}
	return all
}

func (r *stubRecorder) copy(dst memory, dstOffset int, src memory, srcOffset, n int) error {
	r.commands = append(r.commands, func() {
		copy(dst.(*stubMemory).data[dstOffset:dstOffset+n], src.(*stubMemory).data[srcOffset:])
	})
	return nil
}

func (r *stubRecorder) dispatch(pipeline, bindGroup, int, [3]int) { r.dispatches++ }

func (r *stubRecorder) finish(before func() error) error {
	if err := before(); err != nil {
		return err
	}
	d := r.d
	d.dispatched = r.dispatches
	for _, command := range r.commands {
		command()
	}
	took := time.Duration(float64(d.work()) / d.rate * 1e9)
	d.submits = append(d.submits, took)
	if d.loseAt == len(d.submits) {
		d.gone = errGone
	}
	if idle := d.now.Sub(d.free); idle > 0 { // the device had nothing to do
		d.drained += idle
		d.free = d.now
	}
	d.free = d.free.Add(took)
	return nil
}

// device opens the stub as an adapter of that name.
func (d *stub) device(t *testing.T, name string) *Device {
	t.Helper()
	d.now = time.Unix(0, 0)
	d.free = d.now
	dev, err := openOn(func() (driver, adapterInfo, error) {
		return d, adapterInfo{name: name, bindingBytes: 1 << 30, bufferBytes: 1 << 30}, nil
	}, shaderFile)
	if err != nil {
		t.Fatal(err)
	}
	dev.now = func() time.Time { return d.now }
	return dev
}

// zeros submits n kernels, which it says have so much work each, and waits for them.
func (d *stub) zeros(dev *Device, b *Buffer, n, work int) error {
	p := dev.Begin()
	d.work = func() int { return p.work }
	for range n {
		p.spend(work)
		p.Zero(b, 1)
	}
	p.Read(b, 0, 4)
	return p.Submit()
}

// Whatever the adapter, no submit takes long once it is known, and the fast ones always
// have something to do. Prompts are read in passes of 68 GFLOP (SmolLM2-135M, 256 tokens).
func TestSubmitsAreBoundedInTime(t *testing.T) {
	const most = 2 * submitTime
	for _, rate := range []float64{5e9, 20e9, 50e9, 130e9, 500e9, 2e12, 10e12, 50e12} {
		for _, latency := range []time.Duration{200 * time.Microsecond, 3 * time.Millisecond, 30 * time.Millisecond, 100 * time.Millisecond} {
			name := fmt.Sprintf("stub of %g GFLOP/s with %v", rate/1e9, latency)
			t.Run(name, func(t *testing.T) {
				d := &stub{rate: rate, latency: latency, work: func() int { return 0 }}
				dev := d.device(t, name)
				b, err := dev.NewBuffer("zeros", 4)
				if err != nil {
					t.Fatal(err)
				}
				pass := func(n, work int) {
					if err := d.zeros(dev, b, n, work); err != nil {
						t.Fatal(err)
					}
				}
				for range 3 { // the self-test
					pass(1, 1000)
				}
				pass(400, 170_000_000)
				t.Logf("start: %d submits, the longest %v", len(d.submits), slices.Max(d.submits))
				if longest := slices.Max(d.submits); longest > max(most, time.Duration(1.01*firstWork/rate*1e9)) {
					t.Errorf("at the start a submit took %v", longest)
				}
				for range 5 {
					pass(400, 170_000_000)
				}
				start, reads := d.now, d.reads
				d.submits, d.drained = nil, 0
				for range 20 {
					pass(400, 170_000_000)
				}
				if longest := slices.Max(d.submits); longest > most {
					t.Errorf("a submit took %v", longest)
				}
				if got, want := float64(dev.MostWork()), min(rate*submitTime.Seconds(), 68e9); got < 0.8*want {
					t.Errorf("%g operations a submit, want %g", got, want)
				}
				took, waits := d.now.Sub(start), d.reads-reads
				if needed := 20 + int(took/queuedTime)*5/4; waits > needed {
					t.Errorf("%d waits in %v, want %d at most", waits, took, needed)
				}
				t.Logf("then: %d submits, the longest %v; %d waits in %v, idle for %v", len(d.submits), slices.Max(d.submits), waits, took, d.drained)

				if again := (&stub{rate: rate}).device(t, name); again.MostWork() != dev.MostWork() {
					t.Errorf("opened again it begins with %d, not %d", again.MostWork(), dev.MostWork())
				}
			})
		}
	}
}

// A kernel that does less per second than others gets smaller submits, and the device is
// not given less for that where it decodes.
func TestPaceFollowsTheWork(t *testing.T) {
	d := &stub{rate: 1e12, work: func() int { return 0 }}
	dev := d.device(t, "stub that varies")
	b, err := dev.NewBuffer("zeros", 4)
	if err != nil {
		t.Fatal(err)
	}
	run := func(rate float64, times, n int) {
		t.Helper()
		d.rate, d.submits = rate, nil
		for range times {
			if err := d.zeros(dev, b, n, 100_000_000); err != nil {
				t.Fatal(err)
			}
		}
	}
	run(1e12, 10, 1000)
	fast := dev.MostWork()
	if fast < 40e9 || fast > 60e9 {
		t.Errorf("%d GFLOP a submit at 1 TFLOP/s, want about 50", fast/1e9)
	}
	run(1e11, 20, 3) // a token: 3 ms
	if dev.MostWork() != fast {
		t.Errorf("tokens changed the work of a submit to %d", dev.MostWork())
	}
	run(2e10, 10, 1000)
	if last := d.submits[len(d.submits)-2]; last > 2*submitTime {
		t.Errorf("a submit of slower kernels takes %v", last)
	}
}

// After a loss the adapter begins with half, and whoever waits is told its name.
func TestLossHalvesTheWork(t *testing.T) {
	for _, tc := range []struct {
		name string
		stub stub
		want string
	}{
		{"lost", stub{loseAt: 2}, "stub, lost: the device was lost"},
		{"hangs", stub{hangAt: 2}, "stub, hangs: a submit was not finished within 30s"},
		{"hangs while it compiles", stub{hangAt: 1}, "stub, hangs while it compiles: a submit was not finished within 10m0s"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			d, name := &tc.stub, "stub, "+tc.name
			d.rate, d.work = 1e12, func() int { return 0 }
			dev := d.device(t, name)
			b, err := dev.NewBuffer("zeros", 4)
			if err != nil {
				t.Fatal(err)
			}
			for err == nil && len(d.submits) < 5 {
				err = d.zeros(dev, b, 1, 1000)
			}
			if err == nil || err.Error() != tc.want {
				t.Errorf("error %v, want %q", err, tc.want)
			}
			if again := (&stub{}).device(t, name); again.MostWork() != firstWork/2 {
				t.Errorf("opened again it begins with %d, want %d", again.MostWork(), firstWork/2)
			}
		})
	}
}

// A buffer that there is no memory for is an error that names it, whichever it is.
func TestNoMemory(t *testing.T) {
	d := &stub{noMemory: "params"}
	open := func() (driver, adapterInfo, error) {
		return d, adapterInfo{name: "small stub", bindingBytes: 1 << 30, bufferBytes: 1 << 30}, nil
	}
	if _, err := openOn(open, shaderFile); err == nil {
		t.Error("opened without memory")
	}
	for _, label := range []string{"staging", "zeros"} {
		d := &stub{noMemory: label, rate: 1e12}
		dev := d.device(t, "small stub")
		b, err := dev.NewBuffer("zeros", 4)
		if err == nil {
			err = d.zeros(dev, b, 1, 1000)
		}
		if err == nil || err.Error() != fmt.Sprintf("small stub: allocate %s of %d bytes: out of memory", label, map[string]int{"staging": 8, "zeros": 4}[label]) {
			t.Errorf("%s: %v", label, err)
		}
	}
}

// A wait maps what is read and no more, whatever was read before, and memory beyond a
// megabyte is given back: after a read, and after one that fails.
func TestStagingIsWhatIsRead(t *testing.T) {
	d := &stub{rate: 1e12, work: func() int { return 0 }}
	dev := d.device(t, "stub that is read")
	b, err := dev.NewBuffer("zeros", 4*mostStaging)
	if err != nil {
		t.Fatal(err)
	}
	read := func(sizes ...int) error {
		p := dev.Begin()
		for _, n := range sizes {
			p.Read(b, 0, n)
		}
		return p.Submit()
	}
	before := dev.LiveBytes()
	for _, sizes := range [][]int{{4}, {4 * mostStaging}, {4}, {4, 8, 12}, {mostStaging - 4}, {mostStaging}, {8}, {2 * mostStaging, 2 * mostStaging}, {4}} {
		total := 4 // the number of the submit
		for _, n := range sizes {
			total += n
		}
		if err := read(sizes...); err != nil {
			t.Fatal(err)
		}
		if d.mapped != total {
			t.Errorf("reading %v mapped %d bytes, want %d", sizes, d.mapped, total)
		}
		if held := dev.LiveBytes() - before; held > mostStaging {
			t.Errorf("after reading %v the staging buffer has %d bytes", sizes, held)
		}
	}
	d.loseAt = len(d.submits) + 1
	if err := read(4 * mostStaging); err == nil {
		t.Error("read from a lost device")
	}
	if held := dev.LiveBytes() - before; held > mostStaging {
		t.Errorf("after a loss the staging buffer has %d bytes", held)
	}
}
