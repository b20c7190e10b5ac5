package gpu

import (
	"testing"

	"keyfold/internal/kernelcase"
)

func TestRoPE(t *testing.T) { openForTest(t).runCases(t, kernelcase.RoPECases()) }
