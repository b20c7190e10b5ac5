package ref

import "keyfold/layout"

// DecodeParts is the CPU twin of gpu/shaders/decode_parts.wgsl: one token
// attends to each part of `span` slots of every head as if it were a head.
//
//	k, v, slots, heads, q  as for [Attention], of one token
//	out  (parts, nHeads/n_kv_heads, head_dim)  overwritten
//	lse  (parts, nHeads/n_kv_heads)            overwritten
//
// It returns how many parts there are.
func DecodeParts(k, v layout.Rows, slots []layout.Slot, heads []layout.Head, q, out, lse []float32, nHeads, nBefore, span int, scale float32) (parts int) {
	groupSize := nHeads / len(heads)
	queries := groupSize * k.HeadDim // elements of a group's
	for h, head := range heads {
		for visible := head.Len + nBefore + 1; visible > 0; visible -= span {
			part := layout.Head{Offset: head.Offset, Len: min(span, visible) - 1} // Attention adds the token's own
			head.Offset += span
			Attention(k, v, slots, []layout.Head{part}, q[h*queries:(h+1)*queries], out[parts*queries:], lse[parts*groupSize:], 1, queries, groupSize, 0, scale)
			parts++
		}
	}
	return parts
}
