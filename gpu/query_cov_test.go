package gpu

import (
	"testing"

	"keyfold/internal/kernelcase"
)

func TestQueryCov(t *testing.T) { openForTest(t).runCases(t, kernelcase.QueryCovCases()) }
