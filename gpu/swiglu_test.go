package gpu

import (
	"testing"

	"keyfold/internal/kernelcase"
)

func TestSwiGLU(t *testing.T) { openForTest(t).runCases(t, kernelcase.SwiGLUCases()) }
