package ref

import "keyfold/layout"

// CacheWrite is the CPU twin of gpu/shaders/cache_write.wgsl. It appends the
// keys and values of n new tokens to every KV head of the cache, whose Appended
// counts them already.
//
//	qkv        (n, row): queries (nHeads, head_dim), keys (n_kv_heads, head_dim), values (n_kv_heads, head_dim)
//	positions  (n)
//	c          K, V and Slots are written: position, n = 1, bias = 0
func CacheWrite(qkv []float32, c layout.Cache, positions []uint32, nHeads int) {
	headDim := c.HeadDim()
	row := (nHeads + 2*len(c.Heads)) * headDim
	for t, pos := range positions {
		for h, head := range c.Heads {
			slot := head.Offset + c.Visible(h, t, len(positions)) - 1
			key := t*row + (nHeads+h)*headDim
			value := key + len(c.Heads)*headDim
			c.K.Put(slot, qkv[key:key+headDim])
			c.V.Put(slot, qkv[value:value+headDim])
			c.Slots[slot] = layout.Slot{Pos: pos, N: 1}
		}
	}
}
