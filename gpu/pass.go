package gpu

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"time"
)

// Pass records kernels and copies, in order, and submits them together. Like a
// bufio.Writer it keeps its first error and ignores what comes after it, so
// that a forward pass is a list of steps with one check at the end.
type Pass struct {
	d      *Device
	err    error
	rec    recorder // nil while nothing is recorded
	params []byte   // uniform blocks of the dispatches since the last submit
	reads  []*Read
	count  int // dispatches so far, over all submits
	work   int // floating-point operations since the last submit

	list *[]kernelID // where kernels are only noted; nil: they are dispatched
}

// Read is data on its way back from the device.
type Read struct {
	from   *Buffer
	offset int
	data   []byte
}

// Begin starts a pass. Every pass must end with Submit.
func (d *Device) Begin() *Pass { return &Pass{d: d} }

// Dispatches returns how many kernels were recorded so far.
func (p *Pass) Dispatches() int { return p.count }

// Fail makes the pass fail with err unless it has failed before.
func (p *Pass) Fail(err error) {
	if p.err == nil {
		p.err = err
	}
}

// Copy records a copy of n bytes.
func (p *Pass) Copy(dst *Buffer, dstOffset int, src *Buffer, srcOffset, n int) {
	if p.err != nil || n == 0 {
		return
	}
	if dstOffset < 0 || srcOffset < 0 || dstOffset+n > dst.size || srcOffset+n > src.size {
		p.Fail(fmt.Errorf("copy %d bytes from %s[%d:] of %d to %s[%d:] of %d: outside",
			n, src.label, srcOffset, src.size, dst.label, dstOffset, dst.size))
		return
	}
	if !p.open() {
		return
	}
	if err := p.rec.copy(dst.m, dstOffset, src.m, srcOffset, n); err != nil {
		p.Fail(fmt.Errorf("copy to %s: %w", dst.label, err))
	}
}

// Read asks for n bytes of b at offset as they are at the end of the pass. The
// result is valid after Submit.
func (p *Pass) Read(b *Buffer, offset, n int) *Read {
	r := &Read{from: b, offset: offset, data: make([]byte, n)}
	if p.err != nil { // perhaps there is no buffer
		return r
	}
	if offset < 0 || offset%4 != 0 || n%4 != 0 || offset+n > b.size {
		p.Fail(fmt.Errorf("read %d bytes at %d of %s, which has %d", n, offset, b.label, b.size))
	} else if n > 0 {
		p.reads = append(p.reads, r)
	}
	return r
}

// Words returns what was read as 32-bit words.
func (r *Read) Words() []uint32 {
	words := make([]uint32, len(r.data)/4)
	for i := range words {
		words[i] = binary.LittleEndian.Uint32(r.data[4*i:])
	}
	return words
}

// Floats returns what was read as 32-bit floats.
func (r *Read) Floats() []float32 {
	v := make([]float32, len(r.data)/4)
	for i := range v {
		v[i] = math.Float32frombits(binary.LittleEndian.Uint32(r.data[4*i:]))
	}
	return v
}

// Submit sends what was recorded to the device and, if anything is to be read
// back, waits for it. It returns the first error of the pass. The pass is empty
// afterwards and must not be used again.
func (p *Pass) Submit() error {
	if len(p.reads) > 0 {
		p.await(p.reads)
	} else {
		p.flush()
	}
	return p.d.failed(p.err)
}

// await submits what was recorded, waits until the device has done it, and
// fills the reads.
//
// It does not take wgpu-native's word for it, which stops waiting after five
// seconds and hands out the staging buffer as if the work were done, with what
// an earlier submit left in it. (It also frees what the work still uses. So submits
// are kept far shorter than that, see [Device.MostWork], and the driver is told which
// may take long nevertheless.) Every submit that is
// waited for copies its own number, as its last act, to the front of the staging
// buffer, where nothing else is ever written.
func (p *Pass) await(reads []*Read) {
	if p.err != nil {
		p.flush()
		return
	}
	d := p.d
	total := 4
	for _, r := range reads {
		total += len(r.data)
	}
	if err := d.stage(total); err != nil {
		p.Fail(err)
	}
	at := 4
	for _, r := range reads {
		if p.err == nil {
			p.Copy(d.staging, at, r.from, r.offset, len(r.data))
			at += len(r.data)
		}
	}
	d.submits++
	if p.err == nil {
		offset := len(p.params)
		p.params = binary.LittleEndian.AppendUint32(p.params, d.submits)
		p.Copy(d.staging, 0, d.params, offset, 4)
	}
	p.flush()
	if p.err == nil {
		p.err = d.fetch(reads, total, d.submits, d.howLong())
	}
	if p.err != nil {
		d.queue = queue{}
	}
	if d.staging != nil && d.staging.size > mostStaging {
		d.staging.Destroy()
		d.staging = nil
	}
}

// mostStaging is the size of a staging buffer that is kept: tokens need no more, and what
// needs more is read so rarely that a buffer of its own costs little.
const mostStaging = 1 << 20

// stage makes sure that the staging buffer has so many bytes.
func (d *Device) stage(bytes int) (err error) {
	if d.staging == nil || d.staging.size < bytes {
		d.staging.Destroy()
		d.staging, err = d.newBuffer("staging", bytes, mapRead|copyDst)
	}
	return err
}

// How long submits may take before the device is given up.
const (
	patience     = 30 * time.Second
	longPatience = 10 * time.Minute // while a kernel may be compiled, and on a CPU that is busy otherwise
)

// howLong says what is known about the submits that were not waited for yet.
func (d *Device) howLong() wait {
	q := d.queue
	if d.emulated {
		// The kernels for real GPUs, which tests run here, take any time.
		return wait{q.cold || q.work > d.MostWork()/10 || !d.Software, longPatience}
	}
	w := wait{long: q.work > d.MostWork(), patience: patience}
	if q.cold {
		w = wait{true, longPatience}
	}
	return w
}

// waited notes what the submits took that the device has done now.
func (d *Device) waited() {
	q := d.queue
	d.queue = queue{}
	if q.busy && !q.cold && d.profile == nil {
		d.pace.note(q.work, q.largest, d.now().Sub(q.since))
	}
}

// fetch maps so many bytes of the staging buffer, waits until they hold the number of
// the submit, and fills the reads from them.
func (d *Device) fetch(reads []*Read, bytes int, number uint32, w wait) (err error) {
	defer catch("read back", &err)
	for start := d.now(); ; time.Sleep(5 * time.Millisecond) {
		done := false
		err := d.driver.read(d.staging.m, bytes, w, func(data []byte) {
			at := 4
			for _, r := range reads {
				at += copy(r.data, data[at:at+len(r.data)])
			}
			done = binary.LittleEndian.Uint32(data) == number
		})
		if lost := d.driver.lost(); lost != nil {
			d.pace.lost()
			return lost
		}
		if err != nil {
			d.pace.lost()
			return fmt.Errorf("read back: %w", err)
		}
		if done {
			d.waited()
			return nil
		}
		if d.now().Sub(start) > w.patience {
			d.pace.lost()
			return fmt.Errorf("a submit was not finished within %v", w.patience)
		}
	}
}

// open makes sure that there is a recorder.
func (p *Pass) open() bool {
	if p.rec == nil {
		rec, err := p.d.driver.record()
		if err != nil {
			p.Fail(err)
			return false
		}
		p.rec = rec
	}
	return true
}

// flush submits what was recorded so far, unless the pass has failed.
func (p *Pass) flush() {
	if p.rec == nil {
		return
	}
	defer func() { p.rec, p.params, p.work = nil, p.params[:0], 0 }()
	defer catch("submit", &p.err)
	err := p.rec.finish(func() error {
		if p.err == nil {
			p.err = p.d.driver.lost()
		}
		if p.err == nil {
			p.err = p.d.params.Upload(0, p.params)
		}
		return p.err
	})
	if err != nil && p.err == nil {
		p.err = fmt.Errorf("submit: %w", err)
	}
	p.d.queue.add(p.work, p.d.now())
}

// dispatch records one kernel.
//
//	groups   workgroups along x, y, z; nothing is recorded if one is 0; of kernels that
//	         are folded any number along x
//	params   the words of the shader's struct Params, in order
//	buffers  in the order of the shader's binding numbers
func (p *Pass) dispatch(id kernelID, groups [3]int, params []uint32, buffers ...*Buffer) {
	if p.err != nil || groups[0] == 0 || groups[1] == 0 || groups[2] == 0 {
		return
	}
	if p.list != nil {
		*p.list = append(*p.list, id)
		return
	}
	k, err := p.d.proved(id)
	if err != nil {
		p.Fail(err)
		return
	}
	if len(buffers) != len(k.bindings) {
		panic(fmt.Sprintf("BUG: gpu: %v takes %d buffers, got %d", id, len(k.bindings), len(buffers)))
	}
	if len(params) != k.params {
		panic(fmt.Sprintf("BUG: gpu: %v has %d parameters, got %d", id, k.params, len(params)))
	}
	if k.folds {
		groups = p.d.fold(groups[0])
	} else if most := slices.Max(groups[:]); most > p.d.Limits.Groups {
		p.Fail(fmt.Errorf("%s: %v workgroups, this device allows %d along an axis", id.name, groups, p.d.Limits.Groups))
		return
	}
	group, err := p.d.bindGroup(k, buffers)
	if err != nil {
		p.Fail(err)
		return
	}
	if len(p.params) == paramStride*maxDispatches {
		p.flush()
	}
	if p.d.profile != nil {
		p.d.profile.before(p, id, buffers)
	}
	offset := len(p.params)
	for _, word := range params {
		p.params = binary.LittleEndian.AppendUint32(p.params, word)
	}
	p.params = append(p.params, make([]byte, paramStride-4*len(params))...)
	if !p.open() {
		return
	}
	p.count++
	p.rec.dispatch(k.pipeline, group, offset, groups)
	if p.d.profile != nil {
		p.d.profile.after(p)
	}
	if !k.warm {
		k.warm, p.d.queue.cold = true, true
		if p.d.emulated {
			// A software adapter compiles at the first dispatch, for seconds where
			// heads are wide: one kernel per submit, or the wait gets too long.
			p.await(nil)
		}
	}
}

// fold spreads n workgroups over x and y, with a few more where they do not come out even.
// Kernels that are folded number them x + y * num_workgroups.x, in 32 bits: so y never
// exceeds the limit.
func (d *Device) fold(n int) [3]int {
	rows := divUp(n, d.Limits.Groups)
	return [3]int{divUp(n, rows), rows, 1}
}

// spend announces a dispatch of about so many floating-point operations. If the
// submit would have more than [Device.MostWork], what was recorded is submitted first. It
// is waited for on a software adapter, to learn the pace of others, and about once a
// second. In between the device always has the next submit before it ends one.
func (p *Pass) spend(operations int) {
	if p.list != nil {
		return
	}
	d, work := p.d, p.work
	if d.emulated {
		work += d.queue.work
	}
	if work > 0 && work+operations > d.MostWork() {
		if d.emulated || d.pace.waits(d.queue.work+p.work) {
			p.await(nil)
		} else {
			p.flush()
		}
	}
	p.work += operations
}

// want fails the pass if b holds fewer than n elements of 4 bytes.
func (p *Pass) want(kernel, name string, b *Buffer, n int, why string) {
	if p.err == nil && b.size < 4*n {
		p.Fail(fmt.Errorf("%s: buffer %s holds %d elements, want %s = %d", kernel, name, b.size/4, why, n))
	}
}

// divUp returns a / b, rounded up.
func divUp(a, b int) int { return (a + b - 1) / b }
