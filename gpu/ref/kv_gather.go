package ref

// Move says that the row of slot From of one cache becomes the row of slot To
// of another. Both count from the start of their buffers.
type Move struct{ From, To int }

// KVGather is the CPU twin of gpu/shaders/kv_gather.wgsl: it copies keys and
// values bit for bit.
//
//	k, v        (slots of all heads, head_dim)
//	kOut, vOut  (slots of all heads, head_dim)  written where moves say so
//
// Source: definition.
func KVGather(k, v, kOut, vOut Rows, moves []Move) {
	for _, m := range moves {
		kOut.CopyRow(m.To, k, m.From)
		vOut.CopyRow(m.To, v, m.From)
	}
}
