package gpu

import (
	"testing"

	"keyfold/internal/kernelcase"
	"keyfold/layout"
)

func TestExpectedLogits(t *testing.T) {
	d := openForTest(t)
	for _, ct := range layout.CacheTypes {
		d.runCases(t, kernelcase.ExpectedLogitsCases(ct))
	}
}
