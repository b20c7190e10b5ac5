package gpu

import (
	"testing"

	"keyfold/internal/kernelcase"
)

func TestAddBias(t *testing.T) { openForTest(t).runCases(t, kernelcase.AddBiasCases()) }
