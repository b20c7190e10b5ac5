package gpu

import (
	"testing"

	"keyfold/internal/kernelcase"
	"keyfold/layout"
)

func TestKVGather(t *testing.T) {
	d := openForTest(t)
	for _, ct := range layout.CacheTypes {
		d.runCases(t, kernelcase.KVGatherCases(ct))
	}
}
