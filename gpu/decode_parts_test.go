package gpu

import (
	"testing"

	"keyfold/internal/kernelcase"
	"keyfold/layout"
)

// Attention over parts of any length.
func TestDecodeParts(t *testing.T) {
	d := openForTest(t)
	for _, ct := range layout.CacheTypes {
		d.runCases(t, kernelcase.DecodePartsCases(ct, maxDecodeHeadDim))
	}
}

// The memory for parts is enough for the parts of any cache, and no shorter
// spans are chosen than it has room for.
func TestPartsOfLongCaches(t *testing.T) {
	for _, kvHeads := range []int{1, 3, 8} {
		for slots := 1; slots < 1<<20; slots = slots*3/2 + 1 {
			total := slots * kvHeads
			span := partSpan(total)
			if most := total/span + kvHeads; most > maxParts+kvHeads || span%decodeSpan != 0 {
				t.Errorf("%d slots of %d heads: %d parts of %d, want at most %d", slots, kvHeads, most, span, maxParts+kvHeads)
			}
			if short := span - decodeSpan; short > 0 && total/short < maxParts {
				t.Errorf("%d slots of %d heads: parts of %d, %d would do", slots, kvHeads, span, short)
			}
		}
	}
}
