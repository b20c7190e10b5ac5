package checkpoint

import (
	"math"
	"slices"
)

// scaling says how the rotation of a model was stretched to a longer context than it was first
// trained for.
type scaling struct {
	typ       string // "linear", "llama3"; "" for none
	factor    float64
	low, high float64 // of llama3: see factors
	original  float64 // of llama3: the context before
}

// factors returns what the frequency of each pair is divided by, or nil for ones.
//
//	linear   factor for every pair: as if positions were divided by it
//	llama3   with t = original / wavelength, the turns of the pair in the original context:
//	         1        where t > high
//	         factor   where t < low
//	         between, 1 / ((1 - s) / factor + s)   with s = (t - low) / (high - low)
//
// Source: _compute_llama3_parameters in modeling_rope_utils.py of transformers.
func (s scaling) factors(base float64, headDim int) []float32 {
	if s.typ == "" {
		return nil
	}
	factors := make([]float32, headDim/2)
	for i := range factors {
		share := 0.0 // of the pair that stays as it is
		if s.typ == "llama3" {
			wavelength := 2 * math.Pi * math.Pow(base, 2*float64(i)/float64(headDim))
			share = min(1, max(0, (s.original/wavelength-s.low)/(s.high-s.low)))
		}
		factors[i] = float32(1 / ((1-share)/s.factor + share))
	}
	return orNil(factors)
}

// orNil returns factors, or nil if all are one.
func orNil(factors []float32) []float32 {
	if slices.ContainsFunc(factors, func(f float32) bool { return f != 1 }) {
		return factors
	}
	return nil
}

// usableFactor reports whether a frequency may be divided by f.
func usableFactor(f float64) bool { return f > 0 && f <= 1e12 } // false for NaN

// divideFrequencies multiplies the factors of c, which may be nil, by those of the tensor
// rope_freqs.weight. It reports whether all are usable.
func (c *Config) divideFrequencies(by []float32) bool {
	factors := make([]float32, len(by))
	for i, f := range by {
		if !usableFactor(float64(f)) {
			return false
		}
		factors[i] = f
		if c.RopeFactors != nil {
			factors[i] *= c.RopeFactors[i]
		}
	}
	c.RopeFactors = orNil(factors)
	return true
}
