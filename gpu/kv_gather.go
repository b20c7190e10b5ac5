package gpu

import "keyfold/layout"

// KVGather records the copy of nMoves rows of keys and values of from to rows
// of to, bit for bit. Slots, the third buffer of a cache, is not copied.
//
//	moves  (nMoves, 2) u32: slot of from, slot of to; see [MoveWords]
//
// The caches have the same type and head_dim and no buffer in common.
// CPU twin: [ref.KVGather].
func (p *Pass) KVGather(from, to *Cache, moves *Buffer, nMoves int) {
	p.want("kv_gather", "moves", moves, 2*nMoves, "2*n_moves")
	rowWords := from.Type.RowWords(from.HeadDim)
	p.dispatch(kernelID{name: "kv_gather"}, [3]int{divUp(nMoves*rowWords, 64), 1, 1},
		[]uint32{uint32(nMoves), uint32(rowWords)}, // struct Params in kv_gather.wgsl
		from.K, from.V, to.K, to.V, moves)
}

// MoveWords returns moves as kv_gather.wgsl reads them.
func MoveWords(moves []layout.Move) []uint32 {
	words := make([]uint32, 0, 2*len(moves))
	for _, m := range moves {
		words = append(words, uint32(m.From), uint32(m.To))
	}
	return words
}
