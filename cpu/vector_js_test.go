package cpu

import (
	"os"
	"testing"
)

// The tests of this package mean what testdata/exec.mjs says: there are vector
// instructions, or there are none.
func TestInstructions(t *testing.T) {
	w, x, y := make([]float32, 32), make([]float32, 8), make([]float32, 256)
	words := make([]uint32, 64)
	want := os.Getenv("INSTRUCTIONS") == "vector"
	for name, done := range map[string]bool{
		"hasVectors":   hasVectors(),
		"matvec":       matvecSIMD(&y[0], &w[0], &x[0], 4, 4, 4),
		"unpackHalves": unpackHalvesSIMD(&y[0], &words[0], 4),
		"addRows":      addRowsSIMD(&y[0], &w[0], &x[0], 8, 4),
		"centre":       centreSIMD(&y[0], 2),
		"addTokens":    addTokensSIMD(&y[0], &y[0], &y[0], &y[0], 1, 4, 1, 1, 4),
		"addBytes":     addBytesSIMD(&y[0], &words[0], &y[0], &y[0], 4, 1, 1),
		"addNibbles":   addNibblesSIMD(&y[0], &words[0], &y[0], &y[0], 4, 1, 1),
		"widenBytes":   widenBytesSIMD(&y[0], &words[0], 1),
		"widenNibbles": widenNibblesSIMD(&y[0], &words[0], 1),
		"swiGLU":       swiGLUSIMD(&y[0], &w[0], &x[0], 4),
		"exp":          expSIMD(&y[0], 8, 0) == 8,
		"unpackQ8":     unpackQ8SIMD(&y[0], &words[0], &words[0], 0, 1, 1, 0),
		"unpackQ4":     unpackQ4SIMD(&y[0], &words[0], &words[0], 0, 1, 1, 0),
		"unpackQ8M":    unpackQ8MSIMD(&y[0], &words[0], &words[0], 1),
		"unpackQ4K":    unpackQ4KSIMD(&y[0], &words[0], &words[0], 1),
		"unpackQ8K":    unpackQ8KSIMD(&y[0], &words[0], &words[0], 1),
	} {
		if done != want {
			t.Errorf("%s did its work: %v, want %v", name, done, want)
		}
	}
}
