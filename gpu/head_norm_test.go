package gpu

import (
	"testing"

	"keyfold/internal/kernelcase"
)

func TestHeadNorm(t *testing.T) { openForTest(t).runCases(t, kernelcase.HeadNormCases()) }
