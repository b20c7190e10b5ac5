package gpu

import (
	"testing"

	"keyfold/internal/kernelcase"
	"keyfold/layout"
)

func TestKeyRotate(t *testing.T) {
	withFewGroups(t, func(t *testing.T, d *Device) {
		for _, ct := range layout.CacheTypes {
			d.runCases(t, kernelcase.KeyRotateCases(ct))
		}
	})
}
