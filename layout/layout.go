// Package layout is the vocabulary that the CPU and the GPU share: how weights
// and cache rows lie in memory, what a slot of the cache is, how a token is
// drawn, and the random numbers, rotations and sums that both devices must
// compute alike. It computes no step of a model; package ref has those.
//
// Read weights.go (matrices), rows.go (keys and values), slots.go (what a cache
// holds besides them and how its rows move), then the rest as it is needed.
package layout
