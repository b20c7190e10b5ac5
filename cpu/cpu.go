// Package cpu computes what some functions of ref specify, faster: they
// have the same names, parameters and results up to rounding, and a test each
// that says how far. Everything is float32 where ref sums in float64, and
// everything is made of one product, [matvecGo], which fixes the order of its
// additions, also where [addRowsGo] does them row by row. So results are the same
// bits on every machine, for any number of tokens at a time and on any number of
// threads. Only [GVoteStats] sums in float64 and, like its twin, rounds its state
// behind every chunk.
package cpu
