package gpu

import (
	"testing"

	"keyfold/internal/kernelcase"
	"keyfold/layout"
)

// However long the parts are, what is made of them is the attention to whole heads.
func TestDecodeCombine(t *testing.T) {
	d := openForTest(t)
	shape := kernelcase.CacheShape{Why: "three lengths", HeadDim: 32, Lens: []int{129, 1, 300}, Group: 2}
	for _, span := range []int{1, 7, 128, 302} {
		whole := kernelcase.NewAttention(layout.CacheF32, shape, 1, 1)
		parts := kernelcase.NewDecodeParts(whole.Cache, whole.Q, span)
		whole.Twin()
		r := newCaseRun(d)
		p := d.Begin()
		r.pass = p
		r.record(p, parts)
		out, lse := p.Read(r.floats(parts.Out), 0, 4*len(parts.Out)), p.Read(r.floats(parts.LSE), 0, 4*len(parts.LSE))
		if err := p.Submit(); err != nil {
			t.Fatal(err)
		}
		for i, o := range whole.Outputs() {
			if err := o.Compare([]*Read{out, lse}[i].Words(), kernelcase.Strict); err != nil {
				t.Errorf("parts of %d: %v", span, err)
			}
		}
		r.free()
	}
}
