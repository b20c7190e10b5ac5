//go:build js

package engine

import "runtime"

// mostWasm is how much memory a wasm module can have: its addresses have 32 bits.
const mostWasm = 4 << 30

// availableMemory returns how far the module's memory can still grow. A browser may stop it before
// that, and does not say where.
func availableMemory() (bytes int64, known bool) {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return mostWasm - int64(m.Sys-m.HeapIdle), true
}
