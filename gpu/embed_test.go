package gpu

import (
	"testing"

	"keyfold/internal/kernelcase"
)

func TestEmbed(t *testing.T) {
	d := openForTest(t)
	for _, wt := range weightTypes {
		d.runCases(t, kernelcase.EmbedCases(wt))
	}
}
