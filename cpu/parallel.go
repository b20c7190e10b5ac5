//go:build !js

package cpu

import (
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

const (
	grain    = 1 << 16               // multiplications worth a part of their own: some 5 microseconds
	portions = 4                     // parts per thread at most, so that a thread that is late leaves work to others
	awake    = 50 * time.Microsecond // how long a thread that waits looks out, before it sleeps
	looks    = 16                    // how often it looks before it lets other goroutines run
)

// parallel calls f for parts that make up 0..n-1, on as many threads as there are or as
// the given number of multiplications is worth. Parts begin at multiples of align.
//
// A token takes more than a hundred sections, of some 20 microseconds each. Waking a
// thread takes longer than that. So the threads of a team stay awake for a while after a
// section, and a caller works itself and waits only for parts that others have begun:
// sections of several callers, and sections inside sections, cannot wait for each other.
func parallel(n, align, multiplications int, f func(from, to int)) {
	most := min(1+multiplications/grain, (n+align-1)/align)
	threads := min(runtime.GOMAXPROCS(0), most)
	if threads <= 1 {
		f(0, n)
		return
	}
	parts := min(threads*portions, most)
	part := (n + parts*align - 1) / (parts * align) * align
	s := &section{f: f, n: n, part: part, parts: int32((n + part - 1) / part), caller: newSleeper()}
	team.offer(s, threads-1)
	s.work()
	s.caller.until(func() bool { return s.done.Load() == s.parts })
}

// section is work in parts.
type section struct {
	f           func(from, to int)
	n, part     int
	parts       int32
	taken, done atomic.Int32 // parts
	caller      sleeper
}

// work does parts until all are taken.
func (s *section) work() {
	for i := s.taken.Add(1) - 1; i < s.parts; i = s.taken.Add(1) - 1 {
		from := int(i) * s.part
		s.f(from, min(from+s.part, s.n))
		if s.done.Add(1) == s.parts {
			s.caller.tell()
		}
	}
}

// team is the threads beside those of the callers. Like the threads of the runtime they
// belong to the process, and are started when they are first wanted.
var team workers

type workers struct {
	all    atomic.Pointer[[]*worker]
	adding sync.Mutex
}

// offer gives a section to up to n workers that have none.
func (t *workers) offer(s *section, n int) {
	for _, w := range t.atLeast(n) {
		if n > 0 && w.section.CompareAndSwap(nil, s) {
			w.tell()
			n--
		}
	}
}

// atLeast returns the workers, n or more.
func (t *workers) atLeast(n int) []*worker {
	if all := t.all.Load(); all != nil && len(*all) >= n {
		return *all
	}
	t.adding.Lock()
	defer t.adding.Unlock()
	var all []*worker
	if old := t.all.Load(); old != nil {
		all = append(all, *old...)
	}
	for len(all) < n {
		w := &worker{sleeper: newSleeper()}
		go w.run()
		all = append(all, w)
	}
	t.all.Store(&all)
	return all
}

// worker works on sections of any caller, one at a time.
type worker struct {
	section atomic.Pointer[section] // nil if it has none
	sleeper
}

func (w *worker) run() {
	for {
		w.until(func() bool { return w.section.Load() != nil })
		w.section.Load().work()
		w.section.Store(nil)
	}
}

// sleeper is a goroutine that waits until something is so, first awake and then asleep.
type sleeper struct {
	asleep atomic.Bool
	wake   chan struct{} // has room for one
}

func newSleeper() sleeper { return sleeper{wake: make(chan struct{}, 1)} }

// until returns when something is so. Who makes it so calls tell afterwards.
func (s *sleeper) until(so func() bool) {
	for !so() {
		for since := time.Now(); time.Since(since) < awake; runtime.Gosched() {
			for range looks {
				if so() {
					return
				}
				pause()
			}
		}
		s.asleep.Store(true)
		if !so() { // either this sees it, or tell sees that the goroutine sleeps
			<-s.wake
		}
		s.asleep.Store(false)
	}
}

// tell wakes the goroutine if it sleeps.
func (s *sleeper) tell() {
	if s.asleep.Load() {
		select {
		case s.wake <- struct{}{}:
		default: // it has been told
		}
	}
}
