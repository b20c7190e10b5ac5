package gpu

import (
	"fmt"
	"slices"
	"testing"

	"keyfold/internal/kernelcase"
	"keyfold/layout"
)

func TestAttention(t *testing.T) {
	bothTypes(t, func(t *testing.T, d *Device) {
		for _, ct := range layout.CacheTypes {
			d.runCases(t, kernelcase.AttentionCases(ct))
		}
	})
}

// Heads longer than llvmpipe's loops: see softwareTurns. On the edge between two
// kernels both are right.
func TestAttentionToLongHeads(t *testing.T) {
	d := openForTest(t)
	d.Software = true
	for _, tc := range []struct {
		n, headDim int
		lens       []int
		kernel     string
	}{
		{1, 48, []int{4679, 3}, "attention"},
		{1, 48, []int{4680, 3}, "decode_parts"},
		{2, 128, []int{3906, 3}, "prefill_rows_software"},
		{2, 128, []int{3907, 3}, "prefill_tiles"},
		{2, 128, []int{17166}, "prefill_tiles"},
		{2, 128, []int{20000}, ""},
	} {
		if got := d.attentionKernel(tc.n, slices.Max(tc.lens)+tc.n, tc.headDim); got != tc.kernel {
			t.Errorf("%+v: %q takes it, want %q", tc, got, tc.kernel)
		}
		shape := kernelcase.CacheShape{Why: "long", HeadDim: tc.headDim, Lens: tc.lens, Group: 1}
		call := kernelcase.NewAttention(layout.CacheF16, shape, tc.n, 0)
		r := newCaseRun(d)
		err := r.check(kernelcase.Case{Name: "long", Calls: []kernelcase.Call{call}}, kernelcase.Strict)
		if (err != nil) != (tc.kernel == "") {
			t.Errorf("%+v: %v", tc, err)
		}
		r.free()
	}
}

// BenchmarkAttention attends to 1,024 slots in all variants:
//
//	go test -run '^$' -bench Attention ./gpu
func BenchmarkAttention(b *testing.B) {
	d := openForTest(b)
	for _, ct := range layout.CacheTypes {
		for _, n := range []int{1, 64} {
			for _, software := range []bool{true, false} {
				b.Run(fmt.Sprintf("%v/n=%d/software=%v", ct, n, software), func(b *testing.B) {
					d.Software = software
					shape := kernelcase.CacheShape{Why: "bench", HeadDim: 64, Lens: []int{1024, 1024, 1024}, Group: 2}
					call := kernelcase.NewAttention(ct, shape, n, 0)
					r := newCaseRun(d)
					defer r.free()
					c, q, out, lse, parts := r.cache(call.Cache), r.queries(call.Q), r.floats(call.Out), r.floats(call.LSE), r.parts(call)
					attend := func() {
						p := d.Begin()
						p.Attention(c, q, out, lse, parts)
						p.Read(lse, 0, 4) // waits for the device
						if err := p.Submit(); err != nil {
							b.Fatal(err)
						}
					}
					attend() // compiles
					for b.Loop() {
						attend()
					}
				})
			}
		}
	}
}
