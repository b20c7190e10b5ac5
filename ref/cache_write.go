package ref

import "keyfold/layout"

// CacheWrite is the CPU twin of gpu/shaders/cache_write.wgsl. It appends the
// keys and values of n new tokens to every KV head, behind the nBefore tokens
// appended since heads was written.
//
//	qkv        (n, stride): queries (qDim), keys (n_kv_heads, head_dim), values (n_kv_heads, head_dim)
//	heads      (n_kv_heads)
//	k, v       (slots of all heads, head_dim)  written
//	positions  (n)
//	slots      (slots of all heads)            written: position, n = 1, bias = 0
func CacheWrite(qkv []float32, heads []layout.Head, k, v layout.Rows, positions []uint32, slots []layout.Slot, stride, qDim, nBefore int) {
	headDim := k.HeadDim
	for t, pos := range positions {
		for h, head := range heads {
			slot := head.Offset + head.Len + nBefore + t
			key := t*stride + qDim + h*headDim
			value := key + len(heads)*headDim
			k.Put(slot, qkv[key:key+headDim])
			v.Put(slot, qkv[value:value+headDim])
			slots[slot] = layout.Slot{Pos: pos, N: 1}
		}
	}
}
