package gpu

import (
	"math"

	"keyfold/layout"
)

// GaussianMerge records the blending of slots of from into nRows rows of to.
// Slots of to is not written: what position, n and bias a merged row has is
// the plan's to say.
//
//	rows     (8*nRows + members of all rows) words; see [MergeWords]
//	table    (positions, head_dim/2, 2); see [layout.RoPETable]
//	weights  (members of all rows)  overwritten: the share of each member in its row
//
// The caches have the same type and head_dim and no buffer in common.
// CPU twin: [ref.GaussianMerge].
func (p *Pass) GaussianMerge(from, to *Cache, rows, table, weights *Buffer, nRows, nMembers int) {
	p.want("gaussian_merge", "rows", rows, 8*nRows+nMembers, "8*n_rows + n_members")
	p.want("gaussian_merge", "weights", weights, nMembers, "n_members")
	p.dispatch(from.kernel("gaussian_merge", true, true), [3]int{divUp(nRows, 32), 1, 1},
		[]uint32{uint32(nRows)}, // struct Params in gaussian_merge.wgsl
		from.K, from.V, to.K, to.V, rows, from.Slots, table, weights)
}

// MergeWords returns rows and members as gaussian_merge.wgsl reads them.
func MergeWords(rows []layout.MergeRow, members []uint32) []uint32 {
	words := make([]uint32, 0, 8*len(rows)+len(members))
	for _, r := range rows {
		words = append(words, uint32(r.To), uint32(r.Pivot), uint32(r.First), uint32(r.Count),
			math.Float32bits(r.Sigma), math.Float32bits(r.ValueScale), boolWord(r.Aligned), boolWord(r.PerToken))
	}
	return append(words, members...)
}
