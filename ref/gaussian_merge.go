package ref

import (
	"math"

	"keyfold/layout"
)

// GaussianMerge is the CPU twin of gpu/shaders/gaussian_merge.wgsl.
//
//	g_i = exp(−‖k_p − k_i‖² / 2σ²)    w_i = n_i g_i / Σ_j n_j g_j
//	k*  = Σ_i w_i k_i                 v*  = ValueScale Σ_i w_i v_i
//
// In rows that are Aligned, k_i stands for R(pos_p − pos_i) k_i; in rows that
// are PerToken, v_i for v_i / n_i.
//
//	to       K and V are written at each row's To
//	rows     (n_rows)
//	members  (members of all rows)  slots of from
//	table    see [layout.RoPETable], from position 0 to the largest difference of positions
//	weights  (members of all rows)  overwritten: w_i
//
// Source: Wang et al. 2024, KVMerger, arXiv:2407.08454, eqs. 4-6.
func GaussianMerge(from, to layout.Cache, rows []layout.MergeRow, members []uint32, table, weights []float32) {
	k, v, slots := from.K, from.V, from.Slots
	pivot, row := make([]float32, k.HeadDim), make([]float32, k.HeadDim)
	for _, r := range rows {
		set := members[r.First : r.First+r.Count]
		member := func(slot uint32) []float32 { // its key, where the row wants it
			k.Get(row, int(slot))
			if r.Aligned {
				rotate(table, row, between(slots[slot], slots[r.Pivot]))
			}
			return row
		}

		// 1. n_i g_i of each member, then the weights.
		shares := make([]float64, len(set))
		var total float64
		k.Get(pivot, r.Pivot)
		for i, slot := range set {
			sigma := float64(r.Sigma)
			shares[i] = float64(slots[slot].N) * math.Exp(-squaredDistance(pivot, member(slot))/(2*sigma*sigma))
			total += shares[i]
		}

		// 2. The blend.
		key, value := make([]float64, k.HeadDim), make([]float64, k.HeadDim)
		for i, slot := range set {
			w := shares[i] / total
			weights[r.First+i] = float32(w)
			addScaled(key, w, member(slot))
			v.Get(row, int(slot))
			if r.PerToken {
				w /= float64(slots[slot].N)
			}
			addScaled(value, float64(r.ValueScale)*w, row)
		}
		to.K.Put(r.To, rounded(key))
		to.V.Put(r.To, rounded(value))
	}
}

// addScaled adds w x to sum.
func addScaled(sum []float64, w float64, x []float32) {
	for c := range sum {
		sum[c] += w * float64(x[c])
	}
}

func rounded(x []float64) []float32 {
	y := make([]float32, len(x))
	for c := range x {
		y[c] = float32(x[c])
	}
	return y
}
