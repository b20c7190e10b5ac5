package ref

import "keyfold/layout"

// KVGather is the CPU twin of gpu/shaders/kv_gather.wgsl: it copies keys and
// values bit for bit.
//
//	to  K and V are written where moves say so
//
// Source: definition.
func KVGather(from, to layout.Cache, moves []layout.Move) {
	for _, m := range moves {
		to.K.CopyRow(m.To, from.K, m.From)
		to.V.CopyRow(m.To, from.V, m.From)
	}
}
