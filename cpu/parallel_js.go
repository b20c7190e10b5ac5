//go:build js

package cpu

// parallel calls f once: a page has one thread.
func parallel(n, align, multiplications int, f func(from, to int)) { f(0, n) }
