package gpu

import "math"

// maxDecodeHeadDim is the widest head that decode_parts.wgsl takes.
const maxDecodeHeadDim = 256

// One token's attention is cut into parts of decodeSpan slots or a multiple of
// it, and put together again by a second dispatch. maxParts, besides one for each
// KV head, are enough to keep a large GPU busy, and bound the memory.
const (
	decodeSpan  = 128
	decodeHeads = 4  // query heads of a workgroup: HEADS of decode_parts.wgsl
	manyGroups  = 32 // as many workgroups as small GPUs run at a time
	maxParts    = 512
)

// wholeHead is the span with which no head is cut.
const wholeHead = math.MaxInt32

// span returns the slots of a part of the cache, for nHeads query heads. Heads that
// have decodeSpan slots on average are not cut, nor are those with twice as many where the
// heads alone keep a GPU busy: the second dispatch would take longer than it saves.
func (c *Cache) span(nHeads int) int {
	whole := decodeSpan
	if c.NKVHeads*divUp(nHeads/c.NKVHeads, decodeHeads) >= manyGroups {
		whole = 2 * decodeSpan
	}
	if c.room() <= whole {
		return wholeHead
	}
	return partSpan(c.room() * c.NKVHeads)
}

// partSpan returns how long the parts of a layer with so many slots are.
func partSpan(slots int) int { return decodeSpan * divUp(slots, decodeSpan*maxParts) }

// Parts is memory for the attention of one token over parts of a layer's cache,
// of any length.
//
//	Out  (maxParts + n_kv_heads, group_size, head_dim)
//	LSE  (maxParts + n_kv_heads, group_size)
type Parts struct{ Out, LSE *Buffer }

// NewParts allocates it for models of this shape.
func (d *Device) NewParts(nHeads, nKVHeads, headDim int) (parts Parts, err error) {
	rows := (maxParts + nKVHeads) * nHeads / nKVHeads
	if parts.Out, err = d.NewBuffer("attention of parts", 4*rows*headDim); err != nil {
		return parts, err
	}
	parts.LSE, err = d.NewBuffer("lse of parts", 4*rows)
	return parts, err
}

// Destroy frees it.
func (p Parts) Destroy() {
	p.Out.Destroy()
	p.LSE.Destroy()
}

// decodeParts records the attention of one token over parts of `span` slots. The rows
// from row0 on of out and lse are overwritten.
//
//	q    of the last token in the cache
//	out  (at least row0 + parts * n_heads/n_kv_heads, head_dim)
//	lse  (at least row0 + parts * n_heads/n_kv_heads)
//
// CPU twin: [ref.DecodeParts].
func (p *Pass) decodeParts(c *Cache, q Queries, out, lse *Buffer, row0, span int) {
	groupSize := q.Heads / c.NKVHeads
	most := c.room()*c.NKVHeads/span + c.NKVHeads // parts, whatever the lengths of the heads
	p.want("decode_parts", "out", out, (row0+most*groupSize)*c.HeadDim, "(row0+parts*group_size)*head_dim")
	p.want("decode_parts", "lse", lse, row0+most*groupSize, "row0+parts*group_size")
	p.spend(4 * q.Heads * c.room() * c.HeadDim)
	p.dispatch(c.kernel("decode_parts", true, false), [3]int{most, divUp(groupSize, decodeHeads), 1}, []uint32{ // struct Params in decode_parts.wgsl
		uint32(c.NKVHeads), uint32(groupSize), uint32(c.Appended - 1), uint32(span), math.Float32bits(q.Scale),
		uint32(q.First * q.Stride / 4), uint32(row0), uint32(c.HeadDim / 4),
	}, c.K, c.V, c.Slots, c.Heads, q.Buf, out, lse)
}
