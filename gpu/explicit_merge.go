package gpu

import (
	"math"

	"keyfold/layout"
)

// ExplicitMerge records the summing of slots of from into nRows rows of to with
// weights that are given. Slots of to is not written.
//
//	rows    (nRows, 4) words, shares (nShares, 2) words; see [ExplicitWords]
//
// The caches have the same type and head_dim and no buffer in common.
// CPU twin: [ref.ExplicitMerge].
func (p *Pass) ExplicitMerge(from, to *Cache, rows, shares *Buffer, nRows, nShares int) {
	p.want("explicit_merge", "rows", rows, 4*nRows, "4*n_rows")
	p.want("explicit_merge", "shares", shares, 2*nShares, "2*n_shares")
	p.dispatch(from.kernel("explicit_merge", true, true), [3]int{divUp(nRows, 32), 1, 1},
		[]uint32{uint32(nRows)}, // struct Params in explicit_merge.wgsl
		from.K, from.V, to.K, to.V, rows, shares)
}

// ExplicitWords returns rows and shares as explicit_merge.wgsl reads them.
func ExplicitWords(list []layout.ExplicitRow) (rows, shares []uint32) {
	add := func(side []layout.Share) {
		for _, s := range side {
			shares = append(shares, uint32(s.Slot), math.Float32bits(s.Weight))
		}
	}
	for _, r := range list {
		first := uint32(len(shares) / 2)
		add(r.Keys)
		middle := uint32(len(shares) / 2)
		add(r.Values)
		rows = append(rows, uint32(r.To), first, middle, uint32(len(shares)/2))
	}
	return rows, shares
}
