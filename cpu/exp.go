package cpu

import (
	"math"
	"unsafe"
)

// exp replaces every element of s by exp(s_i - top), to 2e-7 relative, and
// returns their sum, which is added in four lanes.
func exp(s []float32, top float32) (sum float64) {
	for rest := s; len(rest) > 0; {
		done := expVectors(rest, top)
		next := min(done+8, len(rest)) // one of these goes the long way, or they are the last
		expGo(rest[done:next], top)
		rest = rest[next:]
	}
	var sums [4]float64 // which do not wait for each other
	for len(s) >= 4 {
		sums[0] += float64(s[0])
		sums[1] += float64(s[1])
		sums[2] += float64(s[2])
		sums[3] += float64(s[3])
		s = s[4:]
	}
	for i, v := range s {
		sums[i] += float64(v)
	}
	return (sums[0] + sums[1]) + (sums[2] + sums[3])
}

// expGo replaces every element of s by exp(s_i - top).
//
//	x = k ln 2 + r, |r| <= ln 2 / 2    exp x = 2^k Σ_{i<8} r^i / i!
//
// The series leaves out less than 1e-8. ln 2 is the sum of two numbers, of
// which the first has so few bits that k times it is exact. 2^k is added to the
// exponent's bits. What would leave them, and NaN, goes the long way.
func expGo(s []float32, top float32) {
	const ln2a, ln2b = 355.0 / 512, math.Ln2 - 355.0/512
	const nearest = 3 << 22 // float32 has no fractions there
	bits := unsafe.Slice((*uint32)(unsafe.Pointer(unsafe.SliceData(s))), len(s))
	for i, v := range s {
		x := v - top
		if !(x > -87 && x < 88) {
			s[i] = float32(math.Exp(float64(x)))
			continue
		}
		k := float32(float32(x*math.Log2E)+nearest) - nearest
		r := x - float32(k*ln2a) - float32(k*ln2b)
		e := float32(r*(1.0/5040)) + 1.0/720
		e = float32(e*r) + 1.0/120
		e = float32(e*r) + 1.0/24
		e = float32(e*r) + 1.0/6
		e = float32(e*r) + 0.5
		e = float32(e*r) + 1
		s[i] = float32(e*r) + 1
		bits[i] += uint32(int32(k)) << 23
	}
}
