package gpu

import (
	"testing"

	"keyfold/internal/kernelcase"
	"keyfold/layout"
)

func TestAttnMass(t *testing.T) {
	d := openForTest(t)
	for _, ct := range layout.CacheTypes {
		d.runCases(t, kernelcase.AttnMassCases(ct))
	}
}

// Chunks whose loops would take more turns than llvmpipe lets a thread have: see
// softwareTurns. attn_max has the same.
func TestAttnMassAndMaxOfLongLoops(t *testing.T) {
	d := openForTest(t)
	d.Software = true
	d.runCases(t, kernelcase.LongLoops())
}
