// Package cpu is the CPU as a device: it has every step of a model under the name
// and with the parameters that ref gives it. Where the time goes it computes them
// faster, with the same results up to rounding, and a test each that says how far;
// the others are the twins themselves (plain.go).
//
// The faster ones are float32 where ref sums in float64, and are made of two products,
// which fix the order of their additions: [matvecGo], also where [addRowsGo] does them
// row by row, and [addBlocksGo] of scaled blocks. So results are the same bits on every
// machine, for any number of tokens at a time and on any number of threads. Only
// [GVoteStats] sums in float64 and, like its twin, rounds its state behind every chunk.
package cpu
