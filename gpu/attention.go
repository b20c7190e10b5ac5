package gpu

import (
	"fmt"
	"math"
)

// attentionBlock is the number of vec4 columns of a value that a thread of
// attention.wgsl sums at once: wider private arrays take lavapipe's compiler
// seconds, and it gets some wrong.
const attentionBlock = 16

// Attention records the attention of the last n tokens in the cache. Each sees
// what [layout.Cache.Visible] says. The rows q.First .. q.First+n-1 of out and lse are overwritten.
//
//	q      of these tokens
//	out    (at least First+n, n_heads*head_dim)
//	lse    (at least First+n, n_heads)  ln Σ_j exp(s_j)
//	parts  overwritten
//
// CPU twin: [ref.Attention].
func (p *Pass) Attention(c *Cache, q Queries, out, lse *Buffer, parts Parts) {
	p.wantQueries("attention", q)
	p.want("attention", "out", out, (q.First+q.N)*q.Heads*c.HeadDim, "(first+n)*n_heads*head_dim")
	p.want("attention", "lse", lse, (q.First+q.N)*q.Heads, "(first+n)*n_heads")
	groupSize, scored := q.Heads/c.NKVHeads, 1 // times that the scores are computed
	name := p.d.attentionKernel(q.N, c.Longest+c.Appended, c.HeadDim)
	id, groups := c.kernel(name, true, false), [3]int{}
	switch name {
	case "decode_parts":
		span := c.span(q.Heads)
		if span == wholeHead {
			p.decodeParts(c, q, out, lse, q.First*q.Heads, span)
			return
		}
		p.decodeParts(c, q, parts.Out, parts.LSE, 0, span)
		p.decodeCombine(c, parts, q, out, lse, span)
		return
	case "prefill_tiles":
		id.consts[1] = constant{"SLOTS", prefillSlots(c.HeadDim)}
		groups = [3]int{divUp(q.N*groupSize, prefillRows), c.NKVHeads, 1}
	case "prefill_rows_software":
		groups = [3]int{divUp(q.N*groupSize, 4*8), c.NKVHeads, 1}
	case "attention":
		block := min(attentionBlock, c.HeadDim/4)
		for c.HeadDim/4%block != 0 {
			block--
		}
		id.consts[1] = constant{"BLOCK4", block}
		scored = c.HeadDim / 4 / block
		groups = [3]int{divUp(q.Heads, 32), scored, 1}
	default:
		p.Fail(fmt.Errorf("attention of %d tokens to %d slots of head_dim %d is more than %s computes: its loops end after %d turns",
			q.N, c.Longest+c.Appended, c.HeadDim, p.d.Name, softwareTurns))
		return
	}
	p.spend(2 * (1 + scored) * q.N * q.Heads * c.room() * c.HeadDim)
	p.dispatch(id, groups, []uint32{ // struct Params in attention.wgsl, prefill_rows_software.wgsl and prefill_tiles.wgsl
		uint32(q.N), uint32(q.Stride), uint32(q.Heads), uint32(groupSize), uint32(c.Appended - q.N), math.Float32bits(q.Scale),
		uint32(q.First), uint32(c.HeadDim / 4),
	}, c.K, c.V, c.Slots, c.Heads, q.Buf, out, lse)
}

// softwareTurns is the number of turns that all loops of a thread may take
// together on llvmpipe, which ends them after that without a word.
const softwareTurns = 65535

// attentionKernel returns the kernel for n tokens whose last one sees so many
// slots of the longest head, or "" if there is none: that of the
// adapter type, or the other one where that does not take such heads.
func (d *Device) attentionKernel(n, slots, headDim int) string {
	task := AttendMany
	if n == 1 {
		task = AttendOne
	}
	for _, v := range d.variants(task) {
		columns, tile := headDim/4, prefillSlots(headDim)
		step, turns := 1, 0 // slots of a turn of the outer loop, and the turns of the loops in it, their last tests too
		switch v.kernel {
		case "attention":
			turns = columns + 1
		case "prefill_rows_software":
			step, turns = 4, 2*columns+2
		case "prefill_tiles":
			step, turns = tile, columns+tile+2*divUp(tile*columns, 4*prefillRows)+4
		}
		tooWide := v.kernel == "decode_parts" && headDim > maxDecodeHeadDim || v.kernel == "prefill_tiles" && tile == 0
		if !tooWide && (!d.Software || v.kernel == "decode_parts" || divUp(slots, step)*(turns+1)+columns < softwareTurns) {
			return v.kernel
		}
	}
	return ""
}

// prefillRows are the queries of a workgroup of prefill_tiles.wgsl.
const prefillRows = 32

// prefillSlots returns the slots of its tiles: 16 KiB of workgroup memory hold
// them, a score for each of them and every query, and the queries' maxima. 0 if
// heads are too wide for it.
func prefillSlots(headDim int) int {
	const lanes = 4
	for _, slots := range []int{32, 16} {
		if 16*slots*(headDim/4+1)+4*prefillRows*(slots+lanes) <= 16<<10 {
			return slots
		}
	}
	return 0
}
