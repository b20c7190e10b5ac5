package gpu

// KeyRotate records that keys of from, turned by so many positions, become the
// keys of the same slots of to. Where that is 0, and in all values, to is left
// alone.
//
//	by     (nSlots) i32 as words
//	table  (positions, head_dim/2, 2); see [layout.RoPETable], up to the largest |by|
//
// The caches have the same type, head_dim and slots, and no buffer in common.
// CPU twin: [ref.KeyRotate].
func (p *Pass) KeyRotate(from, to *Cache, by, table *Buffer, nSlots int) {
	p.want("key_rotate", "by", by, nSlots, "n_slots")
	threads := nSlots * divUp(from.HeadDim, 4) // or fewer, where a thread owns more than four elements
	p.dispatch(from.kernel("key_rotate", true, true), [3]int{divUp(threads, 64), 1, 1},
		[]uint32{uint32(nSlots)}, // struct Params in key_rotate.wgsl
		from.K, from.V, to.K, to.V, by, table)
}
