// Package ref holds the CPU twin of each compute shader: the specification of
// what the shader computes, the oracle of its test, and what runs where there
// is no WebGPU.
//
// A twin takes the shader's buffers in the order of its bindings, is a plain
// loop, and sums in float64, so that a disagreement with the shader is the
// shader's rounding error and not the twin's.
package ref
