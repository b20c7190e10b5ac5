package gpu

import (
	"testing"

	"keyfold/internal/kernelcase"
)

func TestChoose(t *testing.T) {
	bothTypes(t, func(t *testing.T, d *Device) { d.runCases(t, kernelcase.ChooseCases()) })
}
