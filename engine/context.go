package engine

// Context says whether work is still wanted: once Err is not nil, work ends with
// that error. Every context.Context is one.
//
// It is not context.Context itself, because that interface has a method with a
// time.Time in it, and the linker then keeps all that formats times: 32 kB of
// the wasm module after gzip, for an engine that asks for Err alone.
type Context interface{ Err() error }
