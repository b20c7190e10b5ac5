//go:build !js

package cpu

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// count counts how often each of n elements is in a part.
func count(t *testing.T, n, align, multiplications int, within func()) {
	t.Helper()
	seen := make([]atomic.Int32, n)
	parallel(n, align, multiplications, func(from, to int) {
		if from%align != 0 || from >= to || to > n {
			t.Errorf("n %d, align %d: a part of %d to %d", n, align, from, to)
		}
		within()
		for i := from; i < to; i++ {
			seen[i].Add(1)
		}
	})
	for i := range seen {
		if got := seen[i].Load(); got != 1 {
			t.Errorf("n %d, align %d, %d multiplications: element %d is in %d parts", n, align, multiplications, i, got)
			return
		}
	}
}

// Parts make up the whole, on any number of threads, also when that changes.
func TestParallel(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	for _, threads := range []int{1, 2, 7, 3} {
		runtime.GOMAXPROCS(threads)
		for _, n := range []int{1, 3, 4, 5, 97, 1024} {
			for _, align := range []int{1, 4} {
				for _, multiplications := range []int{0, grain, 2 * grain, 1000 * grain} {
					count(t, n, align, multiplications, func() {})
				}
			}
		}
	}
}

// Several callers at once, with sections inside their sections and parts that take so
// long that a caller sleeps, all get all of their work done.
func TestParallelCallers(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(4))
	var callers sync.WaitGroup
	for range 8 {
		callers.Go(func() {
			for round := range 40 {
				count(t, 64, 4, 1000*grain, func() {
					count(t, 9, 1, 1000*grain, func() {
						if round%20 == 0 {
							time.Sleep(2 * awake)
						}
					})
				})
			}
		})
	}
	callers.Wait()
}

// Threads sleep when nothing comes, and wake when something does.
func TestWorkersSleep(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(3))
	within := func(what string, so func() bool) {
		t.Helper()
		for end := time.Now().Add(5 * time.Second); !so(); time.Sleep(time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("%s after 5 s, want it earlier", what)
			}
		}
	}
	for range 3 {
		var began, helped atomic.Int32
		parallel(2, 1, 1000*grain, func(from, to int) {
			began.Add(1)
			for end := time.Now().Add(5 * time.Second); began.Load() < 2 && time.Now().Before(end); {
				runtime.Gosched()
			}
			helped.Add(began.Load() / 2)
		})
		if helped.Load() != 2 {
			t.Error("no thread took a part while another one's lasted 5 s")
		}
		for _, w := range *team.all.Load() {
			within("a thread without work is awake", w.asleep.Load)
		}
	}
}

// BenchmarkSection is what it costs to share work: a section without any, one after
// another, and 10 microseconds apart, as products are in a token.
func BenchmarkSection(b *testing.B) {
	for _, apart := range []time.Duration{0, 10 * time.Microsecond} {
		b.Run(fmt.Sprint(apart), func(b *testing.B) {
			for b.Loop() {
				for since := time.Now(); time.Since(since) < apart; {
				}
				parallel(1024, 4, 1<<30, func(from, to int) {})
			}
		})
	}
}
