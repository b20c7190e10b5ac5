package cpu

import (
	"os"
	"testing"
)

// The tests of this package mean what testdata/exec.mjs says: there are vector
// instructions, or there are none.
func TestInstructions(t *testing.T) {
	w, x, y := make([]float32, 16), make([]float32, 4), make([]float32, 4)
	words := make([]uint32, 2)
	want := os.Getenv("INSTRUCTIONS") == "vector"
	for name, done := range map[string]bool{
		"matvec":       matvecSIMD(&y[0], &w[0], &x[0], 4, 4, 4),
		"unpackHalves": unpackHalvesSIMD(&y[0], &words[0], 4),
		"transpose":    transposeSIMD(&w[0], &w[0], 4, 4, 4),
	} {
		if done != want {
			t.Errorf("%s did its work: %v, want %v", name, done, want)
		}
	}
}
