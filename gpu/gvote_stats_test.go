package gpu

import (
	"testing"

	"keyfold/internal/kernelcase"
)

func TestGVoteStats(t *testing.T) { openForTest(t).runCases(t, kernelcase.GVoteStatsCases()) }
