package gpu

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"keyfold/layout"
	"keyfold/ref"
)

// attentionCases are the shapes that attention is tested on, besides those of
// every cache kernel.
var attentionCases = []cacheCase{
	{"stories15M", 48, []int{40, 7}, 1},
	{"parts of ragged heads", 64, []int{700, 2, 128, 300}, 1},
	{"parts for five query heads a group", 32, []int{129, 600}, 5},
	{"parts, one head", 8, []int{511}, 3},
	{"the widest rows of a large tile", 92, []int{70, 3}, 1},
	{"the widest rows of a tile", 220, []int{40}, 1},
	{"the widest head in decode", 256, []int{300, 10}, 2},
	{"wider", 288, []int{20}, 1},
}

// attentionInput are queries of n tokens and the cache that they attend to: the
// last nBefore + n rows of every head are appended ones. What no token sees is
// not a number.
type attentionInput struct {
	*testCache
	q                          []float32
	n, stride, nHeads, nBefore int
	scale                      float32
}

func newAttentionInput(t testing.TB, d *Device, ct layout.CacheType, tc cacheCase, n, nBefore int) *attentionInput {
	t.Helper()
	lens := slices.Clone(tc.lens)
	for h := range lens {
		lens[h] += nBefore + n
	}
	const room = 2
	c := newTestCache(t, d, tc.name, ct, tc.headDim, lens, room)
	words := ct.RowWords(tc.headDim)
	for h, head := range c.Heads {
		end := head.Offset + head.Len
		for _, rows := range []layout.Rows{c.K, c.V} {
			for i := range rows.Words[end*words : (end+room)*words] {
				rows.Words[end*words+i] = math.MaxUint32
			}
		}
		c.Heads[h].Len = tc.lens[h]
	}
	c.GPU.K, c.GPU.V = d.uploadWords(t, c.K.Words), d.uploadWords(t, c.V.Words)
	c.GPU.Heads, c.GPU.Longest = d.uploadWords(t, headWords(c.Heads)), slices.Max(tc.lens)
	nHeads := len(lens) * tc.group
	stride := (nHeads + 2*len(lens)) * tc.headDim
	q := normals("q", n*stride, 1)
	q[0] = 30 // one sharp score among flat ones
	return &attentionInput{c, q, n, stride, nHeads, nBefore, float32(1 / math.Sqrt(float64(tc.headDim)))}
}

// parts returns memory for parts, poisoned.
func (d *Device) parts(t testing.TB, nHeads, nKVHeads, headDim int) Parts {
	t.Helper()
	parts, err := d.NewParts(nHeads, nKVHeads, headDim)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(parts.Destroy)
	for _, b := range []*Buffer{parts.Out, parts.LSE} {
		if err := b.UploadFloats(0, slices.Repeat([]float32{nan}, b.Size()/4)); err != nil {
			t.Fatal(err)
		}
	}
	return parts
}

// Exp of scores of size up to 30 that carry an f32 rounding each.
var outTol, lseTol = tol{abs: 1e-5, rel: 1e-5}, tol{abs: 1e-5, rel: 1e-6}

func TestAttention(t *testing.T) {
	bothTypes(t, func(t *testing.T, d *Device) {
		for _, ct := range layout.CacheTypes {
			for _, tc := range casesFor(ct, attentionCases...) {
				parts := d.parts(t, len(tc.lens)*tc.group, len(tc.lens), tc.headDim)
				for _, tokens := range [][2]int{{1, 0}, {1, 2}, {3, 0}, {33, 2}} {
					n, nBefore := tokens[0], tokens[1]
					in := newAttentionInput(t, d, ct, tc, n, nBefore)
					want, wantLSE := make([]float32, n*in.nHeads*tc.headDim), make([]float32, n*in.nHeads)
					ref.Attention(in.Cache.With(nBefore+n), layout.Queries{Buf: in.q, N: n, Stride: in.stride, Heads: in.nHeads, Scale: in.scale}, want, wantLSE)
					out, lse := d.poisoned(t, len(want)), d.poisoned(t, len(wantLSE))
					got := d.run(t, out, len(want), func(p *Pass) {
						p.Attention(in.GPU.With(nBefore+n), Queries{Buf: d.upload(t, in.q), N: n, Stride: in.stride, Heads: in.nHeads, Scale: in.scale}, out, lse, parts)
					}).Floats()
					what := fmt.Sprintf("%v, %s, n=%d behind %d", ct, tc.name, n, nBefore)
					checkClose(t, what, got, want, outTol)
					checkClose(t, what+" lse", d.run(t, lse, len(wantLSE), func(*Pass) {}).Floats(), wantLSE, lseTol)
				}
			}
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
		in := newAttentionInput(t, d, layout.CacheF16, cacheCase{"long", tc.headDim, tc.lens, 1}, tc.n, 0)
		if got := d.attentionKernel(tc.n, in.GPU.Longest+tc.n, tc.headDim); got != tc.kernel {
			t.Errorf("%+v: %q takes it, want %q", tc, got, tc.kernel)
		}
		want, wantLSE := make([]float32, tc.n*in.nHeads*tc.headDim), make([]float32, tc.n*in.nHeads)
		ref.Attention(in.Cache.With(tc.n), layout.Queries{Buf: in.q, N: tc.n, Stride: in.stride, Heads: in.nHeads, Scale: in.scale}, want, wantLSE)
		out, lse := d.poisoned(t, len(want)), d.poisoned(t, len(wantLSE))
		parts := d.parts(t, in.nHeads, len(tc.lens), tc.headDim)
		p := d.Begin()
		p.Attention(in.GPU.With(tc.n), Queries{Buf: d.upload(t, in.q), N: tc.n, Stride: in.stride, Heads: in.nHeads, Scale: in.scale}, out, lse, parts)
		read := p.Read(out, 0, out.Size())
		if err := p.Submit(); (err != nil) != (tc.kernel == "") {
			t.Errorf("%+v: %v", tc, err)
		}
		if tc.kernel != "" {
			checkClose(t, fmt.Sprint(tc), read.Floats(), want, outTol)
		}
	}
}

// Attention over parts of any length, and what is made of them.
func TestDecodeParts(t *testing.T) {
	d := openForTest(t)
	for _, ct := range layout.CacheTypes {
		for _, tc := range casesFor(ct, attentionCases...) {
			if tc.headDim > maxDecodeHeadDim {
				continue
			}
			for _, span := range []int{3, 64, 100, 1 << 20} {
				const nBefore = 2
				in := newAttentionInput(t, d, ct, tc, 1, nBefore)
				rows := 0
				for _, head := range in.Heads {
					rows += tc.group * divUp(head.Len+nBefore+1, span)
				}
				partOut, partLSE := make([]float32, rows*tc.headDim), make([]float32, rows)
				ref.DecodeParts(in.Cache.With(nBefore+1), layout.Queries{Buf: in.q, N: 1, Stride: len(in.q), Heads: in.nHeads, Scale: in.scale}, partOut, partLSE, span)
				want, wantLSE := make([]float32, in.nHeads*tc.headDim), make([]float32, in.nHeads)
				ref.DecodeCombine(in.Cache.With(nBefore+1), partOut, partLSE, want, wantLSE, in.nHeads, span)

				most := (in.GPU.room()*len(tc.lens)/span + len(tc.lens)) * tc.group
				parts := Parts{d.poisoned(t, most*tc.headDim), d.poisoned(t, most)}
				out, lse := d.poisoned(t, len(want)), d.poisoned(t, len(wantLSE))
				got := d.run(t, out, len(want), func(p *Pass) {
					p.decodeParts(in.GPU.With(nBefore+1), Queries{Buf: d.upload(t, in.q), N: 1, Stride: 0, Heads: in.nHeads, Scale: in.scale}, parts.Out, parts.LSE, span)
					p.decodeCombine(in.GPU.With(nBefore+1), parts, out, lse, in.nHeads, span)
				}).Floats()
				what := fmt.Sprintf("%v, %s, parts of %d", ct, tc.name, span)
				checkClose(t, what, got, want, outTol)
				for _, b := range []struct {
					name string
					buf  *Buffer
					want []float32
					tol
				}{{"lse", lse, wantLSE, lseTol}, {"out of parts", parts.Out, partOut, outTol}, {"lse of parts", parts.LSE, partLSE, lseTol}} {
					checkClose(t, what+", "+b.name, d.run(t, b.buf, len(b.want), func(*Pass) {}).Floats(), b.want, b.tol)
				}
			}
		}
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
					in := newAttentionInput(b, d, ct, cacheCase{"bench", 64, []int{1024, 1024, 1024}, 2}, n, 0)
					parts := d.parts(b, in.nHeads, 3, 64)
					q, out, lse := d.upload(b, in.q), d.poisoned(b, n*in.nHeads*64), d.poisoned(b, n*in.nHeads)
					attend := func() {
						p := d.Begin()
						p.Attention(in.GPU.With(n), Queries{Buf: q, N: n, Stride: in.stride, Heads: in.nHeads, Scale: in.scale}, out, lse, parts)
						p.Read(lse, 0, 4)
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
