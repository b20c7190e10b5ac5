package gpu

import (
	"testing"

	"keyfold/internal/kernelcase"
)

func TestLikeliest(t *testing.T) { openForTest(t).runCases(t, kernelcase.LikeliestCases()) }
