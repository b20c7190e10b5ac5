package gpu

import (
	"testing"

	"keyfold/internal/kernelcase"
)

func TestGVoteSample(t *testing.T) { openForTest(t).runCases(t, kernelcase.GVoteSampleCases()) }
