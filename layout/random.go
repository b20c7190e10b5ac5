package layout

import "math"

// The twin of gpu/shaders/random.wgsl. Everything below is float32 in the order
// of the shader: multiplications, additions and one division, so that both
// sides draw the same numbers up to rounding (1e-6), on every adapter.

func pcg(v uint32) uint32 {
	state := v*747796405 + 2891336453
	word := ((state >> ((state >> 28) + 4)) ^ state) * 277803737
	return (word >> 22) ^ word
}

// Hash returns 32 random bits for a counter. Different streams of one seed, and
// different indices of one stream, are independent for our purposes.
// Source: O'Neill 2014, PCG, output function RXS-M-XS 32.
func Hash(seed, stream, index uint32) uint32 {
	return pcg(pcg(index) ^ pcg(stream^pcg(seed)))
}

// Uniform maps 32 random bits to (0, 1), exclusive on both sides.
func Uniform(h uint32) float32 { return (float32(h>>9) + 0.5) * (1.0 / (1 << 23)) }

// ln returns the natural logarithm of a normal positive float, to 1e-7 relative.
func ln(u float32) float32 {
	bits := math.Float32bits(u)
	e := float32(int32(bits>>23) - 127)
	m := floatFrom(bits&0x7fffff | 0x3f800000)
	if m > 1.4142135 {
		m *= 0.5
		e++
	}
	s := (m - 1) / (m + 1)
	z := s * s
	series := 1 + z*(0.33333334+z*(0.2+z*(0.14285715+z*0.11111111)))
	return 2*s*series + e*0.6931472
}

// sinQuarter returns sin y for |y| <= π/2, to 1e-7.
func sinQuarter(y float32) float32 {
	z := y * y
	return y * (1 + z*(-0.16666667+z*(0.008333334+z*(-0.0001984127+z*(2.7557319e-6+z*-2.5052108e-8)))))
}

// Gumbel returns −ln(−ln u) for u = Uniform(h): a draw from the Gumbel distribution.
func Gumbel(h uint32) float32 { return -ln(-ln(Uniform(h))) }

// Normal returns a draw from the standard normal distribution, in float32 in
// the order of the shader.
//
//	z = √(−2 ln u) cos 2πv    cos 2πv = sin(2π(|v − ½| − ¼))
//
// Source: Box & Muller 1958, "A Note on the Generation of Random Normal Deviates".
func Normal(seed, stream, index uint32) float32 {
	u := Uniform(Hash(seed, stream, 2*index))
	v := Uniform(Hash(seed, stream, 2*index+1))
	turn := float32(math.Abs(float64(v-0.5))) - 0.25
	return float32(math.Sqrt(float64(-2*ln(u)))) * sinQuarter(6.2831855*turn)
}
