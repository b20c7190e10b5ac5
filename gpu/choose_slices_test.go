package gpu

import (
	"testing"

	"keyfold/internal/kernelcase"
)

func TestChooseSlices(t *testing.T) { openForTest(t).runCases(t, kernelcase.ChooseSlicesCases()) }
