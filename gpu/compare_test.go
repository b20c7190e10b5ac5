package gpu

import (
	"testing"

	"keyfold/internal/kernelcase"
)

func TestCompare(t *testing.T) { openForTest(t).runCases(t, kernelcase.CompareCases()) }
