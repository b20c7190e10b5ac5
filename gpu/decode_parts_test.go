package gpu

import (
	"slices"
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

// Short heads are done as a whole, in one dispatch; longer ones by few heads are not.
func TestWholeHeads(t *testing.T) {
	d := openForTest(t)
	d.Software = false
	const headDim, whole, parts = 32, 1, 2 // dispatches
	for _, tc := range []struct{ kvHeads, group, slots, dispatches int }{
		{1, 8, 128, whole}, {1, 8, 129, parts}, {1, 8, 300, parts},
		{3, 3, 128, whole}, {3, 3, 129, parts}, {3, 3, 256, parts}, // SmolLM2-135M
		{8, 4, 128, whole}, {8, 4, 129, parts}, // Llama-3.2-1B
		{31, 1, 129, parts}, {31, 4, 129, parts},
		{32, 1, 129, whole}, {32, 1, 256, whole}, {32, 1, 257, parts},
		{16, 5, 256, whole}, {16, 5, 257, parts}, // a group takes two workgroups
	} {
		const behind = 2 // slots of each head that no token has yet
		shape := kernelcase.CacheShape{
			Why: "short", HeadDim: headDim, Lens: slices.Repeat([]int{tc.slots - 1 - behind}, tc.kvHeads), Group: tc.group,
		}
		call := kernelcase.NewAttention(layout.CacheF16, shape, 1, 0)
		r := newCaseRun(d)
		p := d.Begin()
		r.pass = p
		r.record(p, call)
		if err := p.Submit(); err != nil || p.Dispatches() != tc.dispatches {
			t.Errorf("%+v: %d dispatches, %v", tc, p.Dispatches(), err)
		}
		if err := r.check(kernelcase.Case{Name: "short", Calls: []kernelcase.Call{call}}, kernelcase.Strict); err != nil {
			t.Errorf("%+v: %v", tc, err)
		}
		r.free()
	}
}
