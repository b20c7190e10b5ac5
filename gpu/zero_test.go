package gpu

import (
	"testing"

	"keyfold/internal/kernelcase"
)

func TestZero(t *testing.T) { openForTest(t).runCases(t, kernelcase.ZeroCases()) }
