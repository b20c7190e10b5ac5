package gpu

import (
	"sync"
	"time"
)

const (
	submitTime = 50 * time.Millisecond // what one submit should take: a screen is drawn between two
	firstWork  = 2_000_000_000         // floating-point operations of a submit to an adapter that is not known yet
	leastWork  = 20_000_000            // of any submit; whatever has less says what a wait takes by itself
	mostWork   = 1 << 44               // of any submit
	queuedTime = time.Second           // of submits, after which the device is waited for
)

// pace is how much work an adapter gets in one submit. It learns that from what it is
// told of every wait.
type pace struct {
	mutex  sync.Mutex
	work   int           // floating-point operations of one submit
	steady bool          // full submits take about submitTime: there is no need to wait for each
	idle   time.Duration // the shortest wait for hardly any work; 0: not known
}

// paces are those of all adapters that this process has opened, by name. A model that is
// opened again after a loss begins with what is known of its adapter.
var paces sync.Map

func paceOf(adapter string) *pace {
	p, _ := paces.LoadOrStore(adapter, &pace{work: firstWork})
	return p.(*pace)
}

// mostWork returns the floating-point operations that one submit should not exceed.
func (p *pace) mostWork() int {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	return p.work
}

// waits tells whether a full submit is waited for, where others with so much work are
// queued before it.
func (p *pace) waits(queued int) bool {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	return !p.steady || queued >= p.work*int(queuedTime/submitTime)
}

// note learns from a wait that took so long for submits of so much work in all, of which
// the largest had that much. Submits grow by four at most, and shrink to an eighth at
// most: one long wait may have other reasons.
func (p *pace) note(work, largest int, took time.Duration) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if work < leastWork {
		if p.idle == 0 || took < p.idle {
			p.idle = took
		}
		return
	}
	took = max(took-p.idle, time.Microsecond)
	one := max(time.Duration(float64(took)*float64(largest)/float64(work)), 1) // that the largest took
	fits := float64(largest) * float64(submitTime) / float64(one)
	switch {
	case one > submitTime:
		p.work = max(int(fits), p.work/8, leastWork)
		p.steady = true
	case largest >= p.work/2:
		p.steady = fits < 4*float64(p.work)
		p.work = max(p.work, min(int(min(fits, mostWork)), 4*p.work))
	}
}

// lost learns that the device was lost, perhaps because a submit took too long.
func (p *pace) lost() {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.work, p.steady = max(p.work/2, leastWork), false
}

// queue is what a device was given since it was last waited for.
type queue struct {
	work    int       // floating-point operations
	largest int       // of one submit
	since   time.Time // of the first submit
	busy    bool      // there was one
	cold    bool      // a kernel ran for the first time
}

// add counts a submit.
func (q *queue) add(work int, now time.Time) {
	if !q.busy {
		q.busy, q.since = true, now
	}
	q.work, q.largest = q.work+work, max(q.largest, work)
}
