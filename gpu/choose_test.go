package gpu

import (
	"testing"

	"keyfold/internal/kernelcase"
)

func TestChoose(t *testing.T) { openForTest(t).runCases(t, kernelcase.ChooseCases()) }
