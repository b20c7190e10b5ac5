package ref

import "keyfold/layout"

// KVGather is the CPU twin of gpu/shaders/kv_gather.wgsl: it copies keys and
// values bit for bit.
//
//	k, v        (slots of all heads, head_dim)
//	kOut, vOut  (slots of all heads, head_dim)  written where moves say so
//
// Source: definition.
func KVGather(k, v, kOut, vOut layout.Rows, moves []layout.Move) {
	for _, m := range moves {
		kOut.CopyRow(m.To, k, m.From)
		vOut.CopyRow(m.To, v, m.From)
	}
}
