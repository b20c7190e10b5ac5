//go:build !js

package cpu

import (
	"runtime"
	"sync"
)

// grain is the number of multiplications that are worth another thread: some
// 20 microseconds.
const grain = 1 << 18

// parallel calls f for parts that make up 0..n-1, on as many threads as there
// are or as the given number of multiplications is worth. Parts begin at
// multiples of align.
func parallel(n, align, multiplications int, f func(from, to int)) {
	threads := min(runtime.GOMAXPROCS(0), 1+multiplications/grain, (n+align-1)/align)
	if threads <= 1 {
		f(0, n)
		return
	}
	part := (n + threads*align - 1) / (threads * align) * align
	var wait sync.WaitGroup
	for from := 0; from < n; from += part {
		wait.Add(1)
		go func() {
			defer wait.Done()
			f(from, min(from+part, n))
		}()
	}
	wait.Wait()
}
