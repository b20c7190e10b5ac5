package gpu

import (
	"testing"

	"keyfold/internal/kernelcase"
	"keyfold/layout"
)

func TestKeyRotate(t *testing.T) {
	d := openForTest(t)
	for _, ct := range layout.CacheTypes {
		d.runCases(t, kernelcase.KeyRotateCases(ct))
	}
}
