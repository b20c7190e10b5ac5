package ref

import "keyfold/layout"

// DecodeParts is the CPU twin of gpu/shaders/decode_parts.wgsl: one token
// attends to each part of `span` slots of every head as if it were a head.
//
//	q    of the last token in the cache
//	out  (parts, n_heads/n_kv_heads, head_dim)  overwritten
//	lse  (parts, n_heads/n_kv_heads)            overwritten
//
// It returns how many parts there are.
func DecodeParts(c layout.Cache, q layout.Queries, out, lse []float32, span int) (parts int) {
	groupSize := q.Heads / len(c.Heads)
	width := groupSize * c.HeadDim() // elements of a group's queries
	for h, head := range c.Heads {
		group := layout.Queries{Buf: q.Buf[h*width : (h+1)*width], N: 1, Stride: width, Heads: groupSize, Scale: q.Scale}
		for left := c.Len(h); left > 0; left -= span {
			part := layout.Cache{K: c.K, V: c.V, Slots: c.Slots, Heads: []layout.Head{{Offset: head.Offset, Len: min(span, left)}}}
			Attention(part, group, out[parts*width:], lse[parts*groupSize:])
			head.Offset += span
			parts++
		}
	}
	return parts
}
