package gpu

import (
	"testing"

	"keyfold/internal/kernelcase"
)

func TestZero(t *testing.T) {
	withFewGroups(t, func(t *testing.T, d *Device) { d.runCases(t, kernelcase.ZeroCases()) })
}
